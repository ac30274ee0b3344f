"""`exegan verify`: marked, not marked, unreadable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import run_command
from PIL import Image

from exegan import __version__
from exegan.images import open_photo
from exegan.inpainter import write_completed


def test_exit_codes_and_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, marked, broken = tmp_path / "plain.png", tmp_path / "marked.png", tmp_path / "broken.png"
    Image.new("RGB", (8, 8)).save(plain)
    broken.write_bytes(b"nothing")
    photo = open_photo(plain)
    write_completed(photo, photo.image, marked, seed=3, model_sha256="0123456789abcdef" * 4)
    assert run_command("verify", plain) == 1
    assert capsys.readouterr().out.strip() == f"{plain} is not marked"
    assert run_command("verify", marked) == 0
    told = capsys.readouterr().out.strip()
    assert told == f"{marked} was edited by exegan {__version__} (model 0123456789ab, seed 3)"
    assert run_command("verify", marked, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "marked": True,
        "model_sha256": "0123456789abcdef" * 4,
        "seed": 3,
        "version": __version__,
        "c2pa": None,
    }
    assert run_command("verify", broken) == 2
    assert "is not a picture" in capsys.readouterr().err
