# Every command a developer needs. VENV may point at a virtual environment outside the checkout.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

# An environment is up to date when pyproject.toml is not newer than its stamp.
$(VENV)/.%-installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[$*]'
	touch $@

demo: $(VENV)/.demo-installed  ## Install, then serve the page on the bundled model
	$(BIN)/exegan demo

install: $(VENV)/.dev-installed  ## Install everything a developer needs

# WORKERS processes (one for each core, at most 8) share the files out among them; each computes with one thread.
# A file stays with one of them, so that what its tests share, such as a served page, is made once.
WORKERS ?= logical
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist loadfile

test: $(VENV)/.dev-installed  ## Install, then run the tests
	$(PYTEST)

test-portable: $(VENV)/.dev-installed  ## The same as a plain processor computes, whose floats end in other bits
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 $(PYTEST)

test-slow: $(VENV)/.dev-installed  ## The tests that take minutes, left out of `make test`
	$(PYTEST) -m slow

MINUTES ?= 20
fuzz: $(VENV)/.dev-installed  ## Damaged and hostile input for MINUTES (20), then killed batches and damaged configurations
	$(BIN)/python tests/robustness --minutes $(MINUTES)
	$(BIN)/python -m pytest -q -m campaign

check: $(VENV)/.dev-installed  ## Format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev-installed  ## Rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: help demo install test test-portable test-slow fuzz check format
