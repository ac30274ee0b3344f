"""The hole that a visitor asks for, on the photo and on its preview."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_pages import half_shown, make_inpainter, save_made, stroke
from PIL import Image

from exegan.errors import InputError, MaskError
from exegan.masks.regions import region_mask
from exegan.web.hole import HoleParts, make_hole, make_preview_hole
from exegan.web.photo import ALL_FACES, OpenedPhoto, open_photo_file

SIZE = (200, 100)  # width and height of the photo


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenedPhoto:
    return open_photo_file(make_inpainter(monkeypatch, tmp_path), save_made(tmp_path / "photo.png", faces=2))


def mask_file(tmp_path: Path, box: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Path:
    mask = Image.new("L", size)
    mask.paste(255, box)
    mask.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_parts_lie_on_the_chosen_face(opened: OpenedPhoto) -> None:
    left, right, both = (make_hole(opened, HoleParts(("mouth",), chosen)) for chosen in (0, 1, ALL_FACES))
    assert left[:, :100].any() and not left[:, 100:].any()
    assert right[:, 100:].any() and not right[:, :100].any()
    assert np.array_equal(both, left | right)


def test_parts_strokes_and_file_are_one_hole(opened: OpenedPhoto, tmp_path: Path) -> None:
    parts = HoleParts(("eyes",), 0, stroke(SIZE, (150, 50, 170, 60)), mask_file(tmp_path, (0, 0, 5, 5)))
    hole = make_hole(opened, parts)
    assert hole[55, 160] and hole[2, 2]
    assert np.array_equal(hole & ~make_hole(opened, HoleParts(("eyes",), 0)), make_hole(opened, only(parts)))
    assert parts.faces_to_complete == "auto"
    assert HoleParts(("eyes",), 1).faces_to_complete == 1


def only(parts: HoleParts) -> HoleParts:
    return HoleParts((), 0, parts.strokes, parts.mask_file)


def test_strokes_of_a_reduced_copy_are_stretched_over_the_photo(opened: OpenedPhoto) -> None:
    hole = make_hole(opened, HoleParts(strokes=stroke((100, 50), (40, 10, 60, 30))))
    box = np.zeros_like(hole)
    box[20:60, 80:120] = True
    assert (hole ^ box).sum() <= 120, "the same box, to a pixel"


def test_the_preview_shows_the_photo_s_hole(opened: OpenedPhoto, tmp_path: Path) -> None:
    parts = HoleParts(("face",), 0, stroke((50, 25), (30, 5, 40, 15)), mask_file(tmp_path, (90, 90, 100, 100)), 5)
    half = half_shown(opened)
    hole, shown = make_hole(opened, parts), make_preview_hole(half, parts)
    assert shown.shape == (50, 100)
    assert (hole[1::2, 1::2] ^ shown).mean() < 0.03


@pytest.mark.parametrize(("percent", "factor"), [(10, 1), (-5, -1)])
def test_growing_goes_by_the_face(opened: OpenedPhoto, percent: float, factor: int) -> None:
    plain = make_hole(opened, HoleParts(strokes=stroke(SIZE, (20, 20, 60, 60))))
    grown = make_hole(opened, HoleParts(strokes=stroke(SIZE, (20, 20, 60, 60)), grow_percent=percent))
    width = [np.flatnonzero(mask.any(axis=0)).size for mask in (plain, grown)]
    assert width[1] - width[0] == factor * 2 * round(80 * abs(percent) / 100), "faces here are 80 px wide"


def test_inverted_never_reaches_another_face_than_the_chosen(opened: OpenedPhoto, tmp_path: Path) -> None:
    painted, mask = stroke(SIZE, (20, 20, 60, 60)), mask_file(tmp_path, (90, 10, 120, 90))
    for parts in (HoleParts(("eyes",), 0), HoleParts(strokes=painted), HoleParts(mask_file=mask, grow_percent=5)):
        inverted = replace(parts, inverted=True)
        assert inverted.faces_to_complete == 0
        hole = make_hole(opened, inverted)
        assert not hole[:, 100:].any(), "the right half is the other person's, hair and all"
        assert np.array_equal(hole[:, :100], ~make_hole(opened, parts)[:, :100])
        shown = make_preview_hole(half_shown(opened), inverted)
        assert shown.any() and not shown[:, 50:].any()
        both = replace(inverted, face=ALL_FACES)
        assert both.faces_to_complete == ALL_FACES
        assert make_hole(opened, both)[:, 100:].any()
    alone = replace(opened, faces=opened.faces[:1])
    assert np.array_equal(make_hole(alone, inverted), ~make_hole(alone, parts)), "with one face all else is"


def test_grown_parts_stop_at_another_face(opened: OpenedPhoto) -> None:
    other = region_mask("face", opened.faces[1].landmarks5, opened.size_hw)
    hole = make_hole(opened, HoleParts(("face",), 0, grow_percent=60))
    assert hole.sum() > make_hole(opened, HoleParts(("face",), 0)).sum()
    assert not (hole & other).any()
    painted = stroke(SIZE, (150, 50, 170, 60))
    assert (make_hole(opened, HoleParts(("face",), 0, painted)) & other).any(), "what is painted stays"


def test_nothing_and_everything(opened: OpenedPhoto, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="There is no hole yet; tick a part of the face, paint with the brush"):
        make_hole(opened, HoleParts())
    assert not make_preview_hole(opened, HoleParts()).any()
    with pytest.raises(MaskError, match="covers the whole photo"):
        make_hole(opened, HoleParts(inverted=True))


def test_bad_mask_files_are_called_the_mask(opened: OpenedPhoto, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="100x50"):
        make_hole(opened, HoleParts(mask_file=mask_file(tmp_path, (0, 0, 5, 5), (100, 50))))
    (tmp_path / "mask.png").write_text("no picture")
    with pytest.raises(InputError) as caught:
        make_hole(opened, HoleParts(mask_file=tmp_path / "mask.png"))
    assert "the mask" in str(caught.value) and str(tmp_path) not in str(caught.value)
