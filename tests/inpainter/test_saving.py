"""`Inpainted.save`: what a person's program writes is marked and has all that the photo's file had."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import made_photo, run_command
from PIL import Image

from exegan.errors import InputError
from exegan.inpainter import Inpainted, Inpainter, Regions, write_samples
from exegan.io import open_photo, read_photo, write_photo
from exegan.io.c2pa import find_marks
from exegan.io.xmp import Provenance

EYES = Regions("eyes")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file of two faces that stands on its side, with a camera, a place and transparency."""
    upright = made_photo(2).convert("RGBA")
    upright.putalpha(Image.linear_gradient("L").resize(upright.size))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    exif[0x8769], exif[0x8825] = {0x829A: 0.01}, {1: "N"}
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photo.png", exif=exif, dpi=(300, 300))
    return tmp_path / "photo.png"


@pytest.fixture
def result(inpainter: Inpainter, photo: Path) -> Inpainted:
    return inpainter.inpaint(open_photo(photo), EYES, made_photo(1, 5), face=1, seed=3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_saved_it_is_marked_upright_and_has_its_metadata(result: Inpainted, photo: Path, suffix: str) -> None:
    output = photo.with_name(f"out.{suffix}")
    notes = result.save(output)
    assert notes == (["JPEG cannot hold transparency, it was dropped"] if suffix == "jpg" else [])
    assert find_marks(output, open_photo(output).xmp).edit == Provenance("a" * 64, 3)
    assert run_command("verify", output) == 0
    with Image.open(output) as image:
        exif = image.getexif()
        assert image.size == (200, 100) and exif.get(0x0112, 1) == 1
        assert exif[0x010F] == "Camera" and exif.get_ifd(0x8825)[1] == "N"
        assert float(exif.get_ifd(0x8769)[0x829A]) == pytest.approx(0.01)
    if suffix == "jpg":
        return
    saved, before = open_photo(output), open_photo(photo)
    np.testing.assert_array_equal(np.asarray(saved.image), np.asarray(result.image))
    np.testing.assert_array_equal(np.asarray(saved.native)[..., 3], np.asarray(before.native)[..., 3])


def test_every_way_to_a_result_leads_to_the_same_file(
    inpainter: Inpainter, result: Inpainted, photo: Path, tmp_path: Path
) -> None:
    result.save(tmp_path / "a.png")
    plan = inpainter.plan(open_photo(photo), EYES, made_photo(1, 5), face=1)
    write_samples(inpainter.run([plan], [3]), [tmp_path / "b.png"])
    inpainter.inpaint(Image.open(photo), EYES, made_photo(1, 5), face=1, seed=3).save(tmp_path / "c.png")
    files = [(tmp_path / f"{name}.png").read_bytes() for name in "abc"]
    assert files[1] == files[0] and files[2] == files[0]


def test_a_picture_of_no_file_is_marked_too(inpainter: Inpainter, tmp_path: Path) -> None:
    result = inpainter.inpaint(made_photo(1), EYES, made_photo(1, 5), seed=4)
    assert result.save(tmp_path / "out.jpg") == []
    assert find_marks(tmp_path / "out.jpg", open_photo(tmp_path / "out.jpg").xmp).edit == Provenance("a" * 64, 4)


def test_xmp_that_is_too_long_for_jpeg_gives_way_to_the_mark(inpainter: Inpainter, tmp_path: Path) -> None:
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    long = f'<r:RDF xmlns:r="{rdf}"><r:Description x:y="{"z" * 70_000}" xmlns:x="x:"/></r:RDF>'.encode()
    write_photo(open_photo(_plain(tmp_path)), tmp_path / "in.png", xmp=long)
    result = inpainter.inpaint(open_photo(tmp_path / "in.png"), EYES, made_photo(1, 5))
    assert result.save(tmp_path / "out.png") == []
    assert b"z" * 70_000 in (open_photo(tmp_path / "out.png").xmp or b"")
    assert result.save(tmp_path / "out.jpg") == ["its XMP is too long for JPEG, only the mark is in it"]
    assert find_marks(tmp_path / "out.jpg", open_photo(tmp_path / "out.jpg").xmp).edit


def _plain(folder: Path) -> Path:
    made_photo(1).save(folder / "plain.png")
    return folder / "plain.png"


def test_where_it_cannot_go_is_one_sentence_and_leaves_nothing(
    result: Inpainted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "album.png").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for name, expected in {
        "album.png": "is a folder, expected a file name in it",
        "none/out.png": "does not exist; make it first",
        "out.gif": "has the extension '.gif', expected one of .png",
        "out": "has the extension '', expected one of .png",
        "a\0.png": "cannot be written",
        "a" * 300 + ".png": "cannot be written",
    }.items():
        with pytest.raises(InputError, match=re.escape(expected)) as caught:
            result.save(tmp_path / name)
        assert "\n" not in str(caught.value)
    if Path("/proc").is_dir():  # where not even the superuser can write
        with pytest.raises(InputError, match=r"^the output /proc/out\.png cannot be written \(.+\); choose another pl"):
            result.save("/proc/out.png")

    def taken(*_: object) -> None:
        raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr(os, "replace", taken)  # a folder that came in the meantime
    with pytest.raises(InputError, match=r"cannot be written \(Is a directory\); choose another place$"):
        result.save(tmp_path / "out.png")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_readme_s_example_writes_a_marked_picture(
    inpainter: Inpainter, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"In Python:\n\n```python\n(.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Inpainter, "from_pretrained", lambda name: inpainter)
    made_photo(1, 5).save("face.png")
    mask = np.zeros((100, 200), dtype=np.uint8)
    mask[30:70, 30:70] = 255
    Image.fromarray(mask).save("mask.png")
    exec(example.replace(".jpg", ".png"))
    assert find_marks("completed.png", open_photo("completed.png").xmp).edit == Provenance("a" * 64, 3)
    assert not np.array_equal(np.asarray(read_photo("completed.png")), np.asarray(read_photo(photo)))
