"""From file to file: outside the mask nothing changes, whatever the size, mask, affine and format."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from exegan.faces.paste import paste
from exegan.inpainter import write_completed
from exegan.io import open_photo

RESOLUTION = 16
LOSSLESS = {
    "png": ("L", "LA", "RGB", "RGBA"),
    "tiff": ("L", "LA", "RGB", "RGBA", "CMYK"),
    "webp": ("RGB", "RGBA"),
    "bmp": ("L", "RGB"),
}
FILES = [(suffix, mode) for suffix, modes in LOSSLESS.items() for mode in modes]
SAVING: dict[str, dict[str, bool]] = {"webp": {"lossless": True, "exact": True}}


def stored(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


@given(
    file=st.sampled_from(FILES),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    affine=st.tuples(st.floats(0.05, 4), st.floats(-180, 180), st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_outside_the_mask_the_file_keeps_its_pixels(
    file: tuple[str, str], size: tuple[int, int], affine: tuple[float, float, float, float], share: float, seed: int
) -> None:
    (suffix, mode), (height, width), rng = file, size, np.random.default_rng(seed)
    scale, degrees, x, y = affine
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = scale * np.array([[cosine, sine], [-sine, cosine]])
    place = np.column_stack([turn, RESOLUTION / 2 - turn @ [x * width, y * height]])
    mask = rng.random(size) < share
    mask[rng.integers(height), rng.integers(width)] = True
    with TemporaryDirectory() as folder:
        source, target = Path(folder, f"in.{suffix}"), Path(folder, f"out.{suffix}")
        pixels = rng.integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
        kind = "CMYK" if mode == "CMYK" else None
        Image.fromarray(pixels[..., 0] if mode == "L" else pixels, kind).save(source, **SAVING.get(suffix, {}))
        photo = open_photo(source)
        fake = torch.from_numpy(rng.normal(size=(3, RESOLUTION, RESOLUTION)))
        completed = Image.fromarray(paste(np.asarray(photo.image), fake, mask, place))
        write_completed(photo, completed, target, seed=0, model_sha256=None)
        before, after = stored(source), stored(target)
        assert before.shape == after.shape and before.dtype == after.dtype
        assert np.array_equal(before[~mask], after[~mask])
