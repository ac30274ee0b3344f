"""Faces shrunk to the centre square, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import write_pictures
from PIL import Image

from exegan.data.folder_zip import CachedSource, open_source
from exegan.data.source import to_square


def test_cached_source_reads_once_and_shrinks(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    source = open_source(tmp_path)
    cached = CachedSource(source, 8)
    assert cached.names == source.names
    first = cached.read(1)
    (tmp_path / "01.png").unlink()
    assert first.size == (8, 8) and np.array_equal(cached.read(1), first)
    assert [cached.read(index).getpixel((0, 0)) for index in (1, 2)] == [(10, 0, 0), (20, 0, 0)]


@pytest.mark.parametrize("size", [(60, 20), (20, 60), (20, 20), (8, 8), (6, 4), (41, 20)])
def test_to_square_takes_the_middle(size: tuple[int, int]) -> None:
    # Green grows to the right, blue downwards, by the same step a pixel from the middle.
    x, y = np.meshgrid(np.arange(size[0]) - (size[0] - 1) / 2, np.arange(size[1]) - (size[1] - 1) / 2)
    pixels = np.stack([np.full_like(x, 77), 128 + 4 * x, 128 + 4 * y], axis=-1).round().astype(np.uint8)
    square = np.asarray(to_square(Image.fromarray(pixels), 8)).astype(float)
    assert square.shape == (8, 8, 3) and (square[..., 0] == 77).all()
    step = 4 * min(size) / 8
    middle = slice(2, 6)  # the filter bends the ramps near the edges
    wanted = 128 + step * (np.arange(8) - 3.5)[middle]
    assert np.abs(square[4, middle, 1] - wanted).max() <= 1.5 and np.abs(square[middle, 4, 2] - wanted).max() <= 1.5
