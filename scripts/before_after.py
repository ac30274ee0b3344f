"""Sheet of photos before and after completion: `python scripts/before_after.py PHOTOS -o docs/before-after.jpg`.

A row a case: photo with its hole, exemplar, result, and the face of photo and result close up. Holes are polygons
between the five landmarks, so that the sheet can be made again from the photos alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan import Inpainter
from exegan.faces.detect import Face, largest_face
from exegan.io import read_photo, save_photo

# Photo, exemplar, hole.
CASES = (
    ("male-05", "male-06", "lower"),
    ("female-08", "female-10", "eyes"),
    ("female-12", "female-13", "lower"),
    ("male-11", "male-13", "middle"),
    ("female-20", "female-22", "eyes"),
    ("male-14", "male-16", "lower"),
)
CELL = 256


def hole_polygon(face: Face, kind: str) -> list[tuple[float, float]]:
    """Corners of a hole over the eyes, the middle or the lower part of a face, turned with it."""
    left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks5
    right = right_eye - left_eye
    down = (left_mouth + right_mouth) / 2 - (left_eye + right_eye) / 2
    centre = (left_eye + right_eye) / 2
    top, bottom, width = {"eyes": (-0.35, 0.3, 0.95), "middle": (-0.1, 0.8, 0.6), "lower": (0.35, 1.6, 0.75)}[kind]
    corners = [(-width, top), (width, top), (width, bottom), (-width, bottom)]
    points = (centre + x * right + y * down for x, y in corners)
    return [(float(point[0]), float(point[1])) for point in points]


def polygon_mask(size: tuple[int, int], polygon: list[tuple[float, float]]) -> NDArray[np.bool_]:
    """Bool [H, W], True inside the polygon."""
    canvas = Image.new("1", size)
    ImageDraw.Draw(canvas).polygon(polygon, fill=1)
    return np.array(canvas)


def make_row(inpainter: Inpainter, photo: Image.Image, exemplar: Image.Image, kind: str, seed: int) -> Image.Image:
    """One row of the sheet."""
    face = largest_face(inpainter.detector.detect(photo))
    mask = polygon_mask(photo.size, hole_polygon(face, kind))
    result = inpainter.inpaint(photo, mask, exemplar, seed=seed).image
    holed = Image.fromarray(np.where(mask[:, :, None], 255, np.asarray(photo)).astype(np.uint8))
    left, top, right, bottom = face.box_xyxy
    middle_x, middle_y, reach = (left + right) / 2, (top + bottom) / 2, 0.7 * max(right - left, bottom - top)
    x, y, reach = round(middle_x), round(middle_y), round(reach)
    close_up = (x - reach, y - reach, x + reach, y + reach)
    cells = [
        holed,
        exemplar,
        result,
        *(picture.crop(close_up) for picture in (photo, holed, result)),
    ]
    row = Image.new("RGB", (CELL * len(cells), CELL), "white")
    for i, cell in enumerate(cells):
        row.paste(cell.resize((CELL, CELL), Image.Resampling.LANCZOS), (i * CELL, 0))
    return row


def main() -> None:
    """Make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder with NAME.jpg")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    inpainter = Inpainter.from_pretrained(options.model)
    rows = []
    for name, guide, kind in CASES:
        photo, exemplar = (read_photo(options.photos / f"{stem}.jpg") for stem in (name, guide))
        rows.append(make_row(inpainter, photo, exemplar, kind, options.seed))
    sheet = Image.new("RGB", (rows[0].width, CELL * len(rows)))
    for i, row in enumerate(rows):
        sheet.paste(row, (0, i * CELL))
    save_photo(sheet, options.output, quality=88)


if __name__ == "__main__":
    main()
