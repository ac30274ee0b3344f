"""The canvas as the server sees it: what it is to show, and what was painted."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pages import half_shown, make_inpainter, save_made, stroke
from PIL import Image

from exegan.errors import InputError, MaskError
from exegan.web.canvas import EMPTY_CANVAS, TEAL, make_scene, read_canvas
from exegan.web.hole import HoleParts, make_preview_hole
from exegan.web.photo import ALL_FACES, PREVIEW_SIDE, OpenedPhoto, open_photo_file


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenedPhoto:
    return half_shown(
        open_photo_file(make_inpainter(monkeypatch, tmp_path), save_made(tmp_path / "photo.png", faces=2))
    )


def as_url(picture: Image.Image, kind: str = "PNG") -> str:
    file = io.BytesIO()
    picture.save(file, kind)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def decoded(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA")


def test_strokes_and_mask_are_read(tmp_path: Path) -> None:
    painted = stroke((20, 10), (2, 2, 8, 8))
    found, mask = read_canvas({"strokes": as_url(painted), "mask": {"path": "/x/mask.png", "name": "mask.png"}})
    assert found is not None and np.array_equal(np.asarray(found), np.asarray(painted))
    assert mask == Path("/x/mask.png")
    assert read_canvas(EMPTY_CANVAS) == (None, None)
    assert read_canvas({**EMPTY_CANVAS, "strokes": as_url(stroke((20, 10), (2, 2, 8, 8), 100))})[0] is None, (
        "too faint to be seen"
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "strokes",
        {"strokes": 7, "mask": None},
        {"strokes": "", "mask": ["/etc/passwd"]},
        {"strokes": "data:image/png;base64,junk", "mask": None},
        {"strokes": "data:image/png;base64,!!!", "mask": None},
        {"strokes": as_url(Image.new("RGB", (9, 9)), "JPEG"), "mask": None},
        {"strokes": as_url(Image.new("1", (PREVIEW_SIDE + 1, PREVIEW_SIDE))), "mask": None},
    ],
)
def test_what_no_browser_sends_is_one_sentence(value: Any) -> None:
    with pytest.raises(InputError, match="what was painted is damaged; press New photo and paint it anew"):
        read_canvas(value)


def test_the_scene_has_photo_faces_and_hole(opened: OpenedPhoto) -> None:
    parts = HoleParts(("mouth",), 1)
    scene = make_scene(opened, parts)
    assert scene["photo"] == str(opened.preview_path) and scene["size"] == [100, 50]
    assert scene["faces"] == [[round(side, 1) for side in face.box_xyxy] for face in opened.preview_faces]
    assert scene["chosen"] == [1] and not scene["hole_has_strokes"] and not scene["problem"]
    shown, hole = np.asarray(decoded(scene["hole"])), make_preview_hole(opened, parts)
    assert hole.any() and np.array_equal(shown[..., 3] > 0, hole)
    assert (shown[hole][:, :3] == TEAL).all()
    assert make_scene(opened, HoleParts(face=ALL_FACES))["chosen"] == [0, 1]
    assert len(scene["hole"]) < 4000


def test_strokes_are_part_of_the_hole_where_it_is_grown_or_inverted(opened: OpenedPhoto) -> None:
    parts = HoleParts(strokes=stroke((100, 50), (5, 5, 20, 20)))
    assert make_scene(opened, parts)["hole"] == "", "the browser draws what was painted"
    for changed in (replace(parts, grow_percent=5), replace(parts, inverted=True)):
        scene = make_scene(opened, changed)
        assert scene["hole_has_strokes"]
        assert np.array_equal(np.asarray(decoded(scene["hole"]))[..., 3] > 0, make_preview_hole(opened, changed))


def test_without_a_photo_it_takes_one_and_says_what_was_wrong_with_the_last() -> None:
    scene, again = (make_scene(None, HoleParts(), "No face was found.") for _ in range(2))
    assert scene["photo"] == "" and scene["problem"] == "No face was found."
    assert scene["turn"] != again["turn"], "the browser notices that it is said once more"


def test_a_mask_of_another_size_is_refused(opened: OpenedPhoto, tmp_path: Path) -> None:
    Image.new("L", (30, 20), 255).save(tmp_path / "mask.png")
    with pytest.raises(MaskError, match="30x20"):
        make_scene(opened, HoleParts(mask_file=tmp_path / "mask.png"))
