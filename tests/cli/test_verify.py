"""`exegan verify`: marked, not marked, unreadable."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from helpers import run_command
from PIL import Image

from exegan import __version__
from exegan.inpainter import write_completed
from exegan.io import open_photo


def test_exit_codes_and_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, marked, broken = tmp_path / "plain.png", tmp_path / "marked.png", tmp_path / "broken.png"
    Image.new("RGB", (8, 8)).save(plain)
    broken.write_bytes(b"nothing")
    photo = open_photo(plain)
    write_completed(photo, photo.image, marked, seed=3, model_sha256="0123456789abcdef" * 4)
    assert run_command("verify", plain) == 1
    assert capsys.readouterr().out.strip() == f"{plain} is not marked"
    assert run_command("verify", marked) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == f"{marked} was edited by exegan {__version__} (model 0123456789ab, seed 3)"
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


def damaged_pictures(folder: Path) -> list[Path]:
    """An AVIF and a TIFF at which Pillow stumbles with a RuntimeError and a KeyError, and a PNG cut short."""
    picture = Image.effect_noise((40, 40), 90)
    avif, tiff, png = files = [folder / name for name in ("a.avif", "b.tiff", "c.png")]
    picture.convert("RGB").save(avif)
    data = bytearray(avif.read_bytes())
    data[data.index(b"mdat") + 4] ^= 0xFF
    avif.write_bytes(data)
    palettes = [picture.convert("RGB").quantize(256)] * 2
    palettes[0].save(tiff, save_all=True, append_images=palettes[1:])
    first, second, rest = tiff.read_bytes().split(struct.pack("<HHI", 320, 3, 768))
    tiff.write_bytes(struct.pack("<HHI", 320, 3, 768).join([first, second + bytes(8) + rest]))
    picture.save(png)
    png.write_bytes(png.read_bytes()[:60])
    return files


def test_damaged_pictures_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in damaged_pictures(tmp_path):
        assert run_command("verify", file) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"exegan: {file} is damaged and cannot be decoded (")


def test_a_dry_run_names_damaged_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    _, tiff, _ = damaged_pictures(tmp_path / "photos")
    Image.new("RGB", (8, 8)).save(tmp_path / "face.png")
    arguments = ("--masks", "region:eyes", "--exemplars", tmp_path / "face.png", "-o", tmp_path / "out")
    assert run_command("batch", tmp_path / "photos", *arguments, "--dry-run") == 1
    printed = capsys.readouterr().out
    assert f"{tiff} is damaged and cannot be decoded (KeyError: 320)" in printed
    assert run_command("batch", tmp_path / "photos", *arguments, "--dry-run", "--max-megapixels", "0.001") == 1
    assert "0.001 that are decoded at once" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXEGAN_MAX_MEGAPIXELS", "")  # which --max-megapixels sets for this process
    monkeypatch.setattr("exegan.io.decode._budget.most", None)
