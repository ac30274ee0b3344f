"""Promises about the package as a whole."""

from __future__ import annotations

import ast
import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import exegan
from exegan.training import hardware as machine

ROOT = Path(__file__).resolve().parents[1]
UNIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios"}
HEAVY = ("torch", "numpy", "PIL", "lightning", "gradio", "kornia", "facenet_pytorch")


def test_help_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "exegan", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "exegan" in imported, "the report of imports is there"
    assert imported.isdisjoint(HEAVY)
    assert "inpaint" in done.stdout


def test_public_names_exist() -> None:
    assert exegan.__all__ == sorted(exegan.__all__)
    for name in exegan.__all__:
        assert getattr(exegan, name) is not None


def test_every_module_says_what_it_is() -> None:
    for path in sorted((ROOT / "exegan").rglob("*.py")):
        if path.stat().st_size:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if name != "exegan.__main__":
                assert importlib.import_module(name).__doc__, name


def test_no_module_needs_unix_to_be_imported() -> None:
    for path in sorted(file for folder in ("exegan", "demo") for file in (ROOT / folder).rglob("*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Import):
                assert UNIX_ONLY.isdisjoint(name.name for name in statement.names), path
            assert not (isinstance(statement, ast.ImportFrom) and statement.module in UNIX_ONLY), path


def test_memory_is_left_untold_where_the_system_does_not_count_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(machine.Path, "exists", lambda _: False)
    assert math.isnan(machine.peak_memory_mib(torch.device("cpu")))
