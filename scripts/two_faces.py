"""The photo of two people that the tests complete: `python scripts/two_faces.py` writes tests/assets/two-faces.jpg.

The bundled model makes each face from no pixel at all, in a style between two of the page's examples, which it made
itself (`scripts/page_examples.py`). `exegan.faces.paste` puts them before a wall, each turned, moved and scaled.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from exegan.faces.align import Affine
from exegan.faces.paste import inside_crop, paste
from exegan.inpainter import Inpainter
from exegan.io import read_photo, save_photo

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, OUTPUT = ROOT / "exegan" / "web" / "examples", ROOT / "tests" / "assets" / "two-faces.jpg"
WIDTH, HEIGHT, TABLE, SEED = 512, 372, 328, 1
RIM = 0.008  # of a crop's side, which stays wall: the seam is blended from it
# Examples whose styles are averaged; the crop's middle in the photo, its side in pixels, its turn clockwise in degrees.
PLACES = ((("face-1.jpg", "face-4.jpg"), (126, 236), 212, -7), (("face-3.jpg", "face-4.jpg"), (352, 222), 246, 7))


def wall() -> NDArray[np.uint8]:
    """A light wall, brighter to the left, with a picture rail out of focus; uint8 [HEIGHT, WIDTH, 3]."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    rail = (np.tanh((y - 26) / 5) - np.tanh((y - 40) / 5)) / 2
    light = 212 - 22 * (x / WIDTH) - 8 * (y / HEIGHT) - 30 * rail
    picture: NDArray[np.uint8] = (light[:, :, None] + np.array([-2.0, 0.0, 2.0])).round().astype(np.uint8)
    return picture


def behind_table(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo with the edge of a table before everything from row `TABLE` on, where the crops end."""
    rows = np.arange(HEIGHT)[:, None, None] - TABLE
    share = (1 + np.tanh(rows / 1.5)) / 2
    wood = np.array([128.0, 104.0, 84.0]) - 0.6 * np.maximum(rows, 0)
    covered: NDArray[np.uint8] = (photo + (wood - photo) * share).round().astype(np.uint8)
    return covered


def face(inpainter: Inpainter, names: tuple[str, ...]) -> torch.Tensor:
    """A face [3, R, R] in the mean style of examples."""
    style = inpainter.make_style([read_photo(EXAMPLES / name) for name in names])
    side = inpainter.resolution
    nothing, hole = torch.zeros(1, 3, side, side), torch.ones(1, 1, side, side)
    return inpainter.generate(nothing, hole, style.codes[None], seed=SEED)[0].cpu()


def crop_affine(middle_xy: tuple[float, float], side: float, degrees: float, resolution: int) -> Affine:
    """Photo → crop, of a square of the photo that is turned about its middle."""
    turn = math.radians(degrees)
    rows = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) * (resolution / side)
    return np.column_stack([rows, resolution / 2 - rows @ np.array(middle_xy)])


def main() -> None:
    """Make the photo and say what the face detector finds in the file."""
    inpainter, photo = Inpainter.from_pretrained("default", "cpu"), wall()
    for names, middle, side, degrees in PLACES:
        picture = face(inpainter, names)
        affine, inner = (
            crop_affine(middle, length, degrees, inpainter.resolution) for length in (side, side * (1 - 2 * RIM))
        )
        photo = paste(photo, picture, inside_crop(inner, inpainter.resolution, (HEIGHT, WIDTH)), affine)
    OUTPUT.parent.mkdir(exist_ok=True)
    save_photo(Image.fromarray(behind_table(photo)), OUTPUT, quality=92)
    for found in inpainter.detector.detect(read_photo(OUTPUT)):
        print(found.report())


if __name__ == "__main__":
    main()
