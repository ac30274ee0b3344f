"""Promises about the package as a whole."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import exegan

ROOT = Path(__file__).resolve().parents[1]
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
