"""`exegan faces`: what it lists, draws and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import run_command
from PIL import Image

Shared = Callable[[str], Path]


@pytest.fixture
def pair(tmp_path: Path, shared: Shared) -> Path:
    """Two people side by side, stored lying down as a phone does."""
    upright = Image.new("RGB", (800, 400))
    for i, name in enumerate(("male-06", "female-10")):
        with Image.open(shared(f"photos/{name}.jpg")) as photo:
            upright.paste(photo.resize((400, 400)), (400 * i, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = tmp_path / "pair.jpg"
    upright.rotate(90, expand=True).save(path, exif=exif, quality=95)
    return path


def test_faces_are_listed_in_the_upright_photo(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("faces", pair, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["photo"], report["width"], report["height"]) == (str(pair), 800, 400)
    assert [face["index"] for face in report["faces"]] == [0, 1]
    first, second = (face["box_xyxy"] for face in report["faces"])
    assert first[2] < 400 < second[0]
    for face in report["faces"]:
        left, top, right, bottom = face["box_xyxy"]
        assert len(face["landmarks5"]) == 5
        assert all(left < x < right and top < y < bottom for x, y in face["landmarks5"])
        assert 0.9 < face["score"] <= 1
    assert run_command("faces", pair) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["0", "1"]
    assert f"at {round(second[0])},{round(second[1])} (score" in lines[1]


def test_drawing_marks_the_faces_and_nothing_else(
    tmp_path: Path, pair: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("faces", pair, "--draw", tmp_path / "drawn.png", "--json") == 0
    faces = json.loads(capsys.readouterr().out)["faces"]
    with Image.open(pair) as stored, Image.open(tmp_path / "drawn.png") as drawn:
        before, after = np.asarray(stored.transpose(Image.Transpose.ROTATE_270)), np.asarray(drawn)
    changed = (before != after).any(axis=2)
    for face in faces:
        left, top, right, bottom = (round(side) for side in face["box_xyxy"])
        around = changed[max(0, top) : bottom + 1, left : right + 1]
        assert around.any(axis=0).all() and around.any(axis=1).all(), "a frame on all sides"
        plate = changed[max(0, top - 30) : max(0, top - 10), left : left + 15]
        assert plate.any(), "a number above"
        changed[max(0, top - 60) : bottom + 10, left - 10 : right + 10] = False
    assert not changed.any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("grey.png",), "no face was found in grey.png (300x200)"),
        (("grey.png", "--json"), "no face was found"),
        (("grey.png", "--draw", "out.png"), "no face was found"),
        (("nowhere.jpg",), "nowhere.jpg does not exist"),
        (("text.png",), "text.png is not a picture"),
        (("empty.png",), "empty.png is empty"),
        (("grey.png", "--draw", "out.txt"), "'.txt'"),
        (("grey.png", "--draw", "grey.png"), "grey.png is one of the inputs"),
        (("grey.png", "--draw", "no/out.png"), "folder no does not exist"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 200), (90, 90, 90)).save("grey.png")
    Path("text.png").write_text("no picture")
    Path("empty.png").touch()
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert run_command("faces", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("exegan: ") and said in line
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
