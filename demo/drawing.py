"""What is drawn over the photo: its faces, outlined and numbered, and the hole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pictures import ALL_FACES, Chosen, OpenedPhoto
from PIL import Image, ImageDraw, ImageFont

from exegan.faces.detect import Face

TEAL = (20, 184, 166)


def draw_preview(photo: OpenedPhoto, chosen: Chosen, hole: NDArray[np.bool_] | None) -> Image.Image:
    """The preview with its hole in colour and its faces outlined and numbered, the chosen ones strongly.

    Args:
        photo: The photo.
        chosen: Which faces are meant.
        hole: Bool [H, W] of the preview, True = hole.
    """
    pixels = np.array(photo.preview)
    if hole is not None:
        pixels[hole] = (0.4 * pixels[hole] + 0.6 * np.array(TEAL)).astype(np.uint8)
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    unit = max(1, round(max(picture.size) / 420))
    order: Sequence[int] = sorted(range(len(photo.faces)), key=lambda index: _is_chosen(index, chosen))
    for index in order:
        _outline(draw, photo.preview_faces[index], str(index), unit, strong=_is_chosen(index, chosen))
    return picture


def _is_chosen(index: int, chosen: Chosen) -> bool:
    return chosen in (ALL_FACES, index)


def _outline(draw: ImageDraw.ImageDraw, face: Face, number: str, unit: int, *, strong: bool) -> None:
    left, top, right, bottom = face.box_xyxy
    colour = TEAL if strong else (255, 255, 255)
    radius = (right - left) / 10
    draw.rounded_rectangle(
        (left - unit, top - unit, right + unit, bottom + unit), radius, outline=(0, 0, 0), width=unit
    )
    draw.rounded_rectangle(face.box_xyxy, radius, outline=colour, width=(2 if strong else 1) * unit)
    font = ImageFont.load_default(16 * unit)
    x, y, middle = max(left, 0), max(top, 0), 12 * unit
    draw.ellipse((x, y, x + 2 * middle, y + 2 * middle), fill=colour, outline=(0, 0, 0), width=unit)
    draw.text((x + middle, y + middle), number, font=font, anchor="mm", fill="white" if strong else "black")
