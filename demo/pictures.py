"""The photo that a visitor works on: where its file is, its faces, and a reduced copy to look at and to paint on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from exegan.errors import InputError, NoFaceFound
from exegan.faces.face import Face, largest_face
from exegan.images import read_photo
from exegan.inpainter import Inpainter

PREVIEW_SIDE = 1024  # of the copy in the browser; files to download have every pixel
TEAL = (20, 184, 166)
ALL_FACES = "all"

Chosen = int | str
"""Index of a face, from the left, or `all`."""


@dataclass(frozen=True, eq=False)
class OpenedPhoto:
    """A photo on the page.

    Args:
        path: Its file, as it was uploaded.
        size_hw: Height and width, upright.
        faces: In its pixels, left to right; at least one.
        preview: RGB copy, no side longer than `PREVIEW_SIDE`.
    """

    path: Path
    size_hw: tuple[int, int]
    faces: tuple[Face, ...]
    preview: Image.Image

    @cached_property
    def preview_faces(self) -> tuple[Face, ...]:
        """The faces in pixels of the preview."""
        height, width = self.size_hw
        scale = np.array([[self.preview.width / width, 0, 0], [0, self.preview.height / height, 0]])
        return tuple(face.moved(scale) for face in self.faces)

    @property
    def main_face(self) -> int:
        """Index of the largest face."""
        return self.faces.index(largest_face(self.faces))

    def face_at(self, x: float, y: float) -> int | None:
        """Index of the smallest face around a point of the preview; None where there is none."""
        around = []
        for index, face in enumerate(self.preview_faces):
            left, top, right, bottom = face.box_xyxy
            if left <= x <= right and top <= y <= bottom:
                around.append((face.area, index))
        return min(around)[1] if around else None


def open_for_page(inpainter: Inpainter, path: str | Path) -> OpenedPhoto:
    """Read a photo and find its faces.

    Raises:
        InputError: It is no picture, or no longer there.
        NoFaceFound: It shows no face.
    """
    check_kept(Path(path), "the photo")
    photo = read_photo(path)
    faces = inpainter.detector.detect(photo)
    if not faces:
        raise NoFaceFound(
            f"no face was found in the photo ({photo.width}×{photo.height} pixels); choose one that shows a face of"
            " 40 pixels or more"
        )
    return OpenedPhoto(Path(path), (photo.height, photo.width), tuple(faces), reduced(photo))


def check_kept(path: Path, called: str) -> None:
    """Make sure that a file was not deleted when its time was over.

    Raises:
        InputError: It was.
    """
    if not path.exists():
        raise InputError(f"{called} is gone, pictures are kept for less than an hour; drop it again")


def reduced(photo: Image.Image) -> Image.Image:
    """A copy for the browser, no side longer than `PREVIEW_SIDE`."""
    preview = photo.convert("RGB")
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return preview


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
