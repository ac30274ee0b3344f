"""Every example of README and docs: Python is run, calls of the command line are parsed by its own parser."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from helpers import EXAMPLES as FACES
from helpers import run_command
from PIL import Image

from exegan.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Python that is compiled, not run, by what it names: a page that is served, and a certificate of one's own. Both are
# tested where they can be had (tests/web/test_api.py, tests/io/test_signing.py).
NOT_RUN = ("gradio_client", "exegan.io.signing")


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


def has_python(document: Path) -> bool:
    return bool(blocks(document, "python"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name."""
    monkeypatch.chdir(tmp_path)
    for name, face in (("photo.jpg", 0), ("face.jpg", 1), ("anna.jpg", 1), ("ben.jpg", 2)):
        shutil.copy(FACES / f"face-{face}.jpg", name)
    shutil.copy(ROOT / "tests" / "assets" / "two-faces.jpg", "group.jpg")
    mask = np.zeros(np.asarray(Image.open("photo.jpg").convert("L")).shape, np.uint8)
    mask[110:160, 90:170] = 255
    Image.fromarray(mask).save("mask.png")
    for name, source in (("photos", "photo.jpg"), ("masks", "mask.png"), ("exemplars", "face.jpg")):
        Path(name).mkdir()
        shutil.copy(source, Path(name) / f"one{Path(source).suffix}")
    return tmp_path


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(document, marks=[pytest.mark.slow] if document.stem == "onnx" else [], id=document.stem)
        for document in DOCUMENTS
        if has_python(document)
    ],
)
def test_python_runs(document: Path, folder: Path) -> None:
    if document.stem == "onnx":
        assert run_command("onnx", "default", "-o", "exegan-onnx") == 0
    names: dict[str, Any] = {}
    for block in blocks(document, "python"):  # one after the other, as a reader does
        code = compile(block, str(document), "exec")
        if not any(name in block for name in NOT_RUN):
            exec(code, names)


def calls(document: Path) -> list[str]:
    """Calls of the command line in shell blocks and indented code, without what a shell does with them."""
    text = document.read_text(encoding="utf-8")
    indented = "\n".join(re.findall(r"^    (exegan (?:.*\\\n)*.*)", text, re.MULTILINE))
    code = "\n".join([*blocks(document, "bash"), indented]).replace("\\\n", " ")
    lines = [line.partition(" # ")[0].partition(" | ")[0].strip() for line in code.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if re.match(r"(\.venv/bin/)?exegan ", line)]


@pytest.mark.parametrize(
    "document", [document for document in DOCUMENTS if calls(document)], ids=lambda path: path.stem
)
def test_calls_are_understood(document: Path, folder: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for call in calls(document):
        name, *arguments = shlex.split(re.sub(r"\[(--[^]]*)\]", r"\1", call))[1:]
        commands[name].make_context(name, arguments)
