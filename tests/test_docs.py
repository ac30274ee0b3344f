"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("docs/*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
)
# Paths as they stand in running text, within this repository.
PATH = re.compile(r"`((?:exegan|tests|docs|configs|bench|scripts|demo)/[\w./-]+\.(?:py|md|yaml|jpg|json))(?:::\w+)?`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_that_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = [ROOT / path for path in PATH.findall(text)]
    linked = [document.parent / path for path in LINK.findall(text)]
    assert [str(path) for path in [*named, *linked] if not path.exists()] == []


def test_a_name_of_no_file_is_found() -> None:
    assert PATH.findall("see `exegan/nowhere.py` and `tests/x.py::test_y`") == ["exegan/nowhere.py", "tests/x.py"]
    assert LINK.findall("[a](b.md#c) and [d](https://e.f)") == ["b.md"]
