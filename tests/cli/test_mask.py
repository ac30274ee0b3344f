"""`exegan mask`: masks that `exegan inpaint` takes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import run_command
from PIL import Image

from exegan.io import read_mask

Shared = Callable[[str], Path]


@pytest.fixture
def photo(tmp_path: Path, shared: Shared) -> Path:
    """A large and a small face, stored lying down as a phone does."""
    upright = Image.new("RGB", (700, 400), (90, 90, 90))
    for name, size, left in (("male-06", 400, 0), ("female-10", 300, 400)):
        with Image.open(shared(f"photos/{name}.jpg")) as person:
            upright.paste(person.resize((size, size)), (left, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright.rotate(90, expand=True).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    Image.new("RGB", (120, 80), (90, 90, 90)).save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def test_regions_of_the_faces_meant(tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("faces", photo, "--json") == 0
    faces = json.loads(capsys.readouterr().out)["faces"]
    masks = {}
    for which in ("auto", "0", "1", "all", "0,1"):
        output = tmp_path / f"{which}.png"
        assert run_command("mask", photo, "--region", "eyes+mouth", "--face", which, "-o", output) == 0
        masks[which] = read_mask(output)
        assert capsys.readouterr().out == f"wrote {output} ({masks[which].mean():.1%} hole)\n"
        assert masks[which].shape == (400, 700)
    assert np.array_equal(masks["auto"], masks["0"]), "the largest"
    assert np.array_equal(masks["all"], masks["0"] | masks["1"]) and np.array_equal(masks["all"], masks["0,1"])
    for i, face in enumerate(faces):
        for part in (0, 1, 3, 4):
            x, y = (int(value) for value in face["landmarks5"][part])
            assert masks[str(i)][y, x] and not masks[str(1 - i)][y, x]


def test_grown_and_inverted(tmp_path: Path, photo: Path) -> None:
    masks = []
    for options in ((), ("--grow", "10"), ("--grow", "10", "--invert"), ("--invert", "--face", "all")):
        assert run_command("mask", photo, "--region", "nose", *options, "-o", tmp_path / "mask.png") == 0
        masks.append(read_mask(tmp_path / "mask.png"))
    plain, grown, inverted, of_all = masks
    assert not (plain & ~grown).any() and grown.sum() > 1.5 * plain.sum()
    assert np.array_equal(inverted[:, :350], ~grown[:, :350])
    assert run_command("mask", photo, "--region", "face", "--face", "1", "-o", tmp_path / "other.png") == 0
    assert not (inverted & read_mask(tmp_path / "other.png")).any(), "the other person, who was not chosen, stays"
    assert of_all.mean() > 0.95
    with Image.open(tmp_path / "mask.png") as picture:
        assert set(np.unique(np.asarray(picture))) == {0, 255}


def test_strokes_need_no_face(tmp_path: Path, grey: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert run_command("mask", grey, "--irregular", "20-40", "--seed", seed, "-o", tmp_path / f"{name}.png") == 0
    first, again, other = (read_mask(tmp_path / f"{name}.png") for name in "abc")
    assert first.shape == (80, 120) and 0.2 <= first.mean() <= 0.4
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--region", "moth"), "the region 'moth' is unknown; use eyes, left-eye"),
        (("--region", "eyes"), "no face was found"),
        ((), "give one of --region and --irregular"),
        (("--region", "eyes", "--irregular", "20-40"), "give one of --region and --irregular"),
        (("--irregular", "40-20"), "the hole's share is"),
        (("--irregular", "many"), "expected two per cents such as 20-40"),
        (("--irregular", "20-40", "--seed", "-1"), "--seed"),
        (("--irregular", "20-40", "--face", "1"), "belong to no face"),
        (("--irregular", "20-40", "--invert"), "belong to no face"),
        (("--irregular", "20.0001-20.0002"), "give a wider range"),
        (("--irregular", "20-40", "-o", "mask.gif"), "'.gif'"),
        (("--irregular", "20-40", "-o", "grey.png"), "one of the inputs"),
        (("--region", "eyes", "--grow", "wide"), "--grow"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    grey: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(grey.parent)
    before = grey.read_bytes()
    assert run_command("mask", "grey.png", "-o", "mask.png", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("exegan: ") and said in line
    assert list(grey.parent.iterdir()) == [grey] and grey.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--face", "2"), "there is no face 2, the photo has 2 faces, numbers 0 to 1 from left to right"),
        (("--face", "left"), "the face is 'left'"),
        (("--grow", "-300"), "nothing of 'mouth' is left"),
    ],
)
def test_faces_and_holes_that_are_not_there(
    photo: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run_command("mask", photo, "--region", "mouth", *arguments, "-o", photo.with_name("mask.png")) == 2
    assert said in capsys.readouterr().err
    assert not photo.with_name("mask.png").exists()
