"""Contact sheets: every picture in its cell, every label legible."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from exegan.errors import InputError
from exegan.inpainter.output import make_sheet


def test_pictures_are_in_order_and_labels_below() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    sheet = make_sheet([Image.new("RGB", (30, 30), colour) for colour in colours], ["a", "b", "c"], cell=64, columns=2)
    pixels = np.asarray(sheet)
    pitch, below = 64 + 8, 64 + 28 + 8
    for number, colour in enumerate(colours):
        x, y = 8 + number % 2 * pitch, 8 + number // 2 * below
        assert (pixels[y : y + 64, x : x + 64] == colour).all(), "fills its cell"
        caption = pixels[y + 64 : y + 92, x : x + 64]
        assert caption.min() < 60 and caption.max() == 255, "dark letters on white"
    assert (pixels[8 + below : 8 + below + 64, 8 + pitch :] == 255).all(), "the last cell is empty"


def test_pictures_keep_their_shape() -> None:
    sheet = np.asarray(make_sheet([Image.new("L", (40, 20), 0)], [""], cell=64))
    rows, columns = np.nonzero((sheet == 0).all(axis=2))
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert (right - left, bottom - top) == (64, 32)


def test_a_long_label_stays_in_its_cell() -> None:
    pictures = [Image.new("RGB", (8, 8), "white")] * 2
    sheet = np.asarray(make_sheet(pictures, ["a very long label that goes on and on", ""], cell=64, columns=2))
    assert (sheet[:, 8 + 64 + 2 :] == 255).all()
    assert (sheet[:, : 8 + 64] < 60).any()


@pytest.mark.parametrize("count", [0, 2])
def test_as_many_labels_as_pictures(count: int) -> None:
    with pytest.raises(InputError, match=f"{count} pictures and 1 labels"):
        make_sheet([Image.new("RGB", (8, 8))] * count, ["a"])
