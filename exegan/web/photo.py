"""The photo that a visitor edits: its file, its faces, and a reduced copy to display, draw on and paint on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from exegan.errors import NoFaceFound
from exegan.faces.detect import Face, largest_face
from exegan.inpainter import Inpainter
from exegan.io import read_photo
from exegan.web.file_access import check_page_file, make_folder, page_file

PREVIEW_SIDE = 1024  # of the copy in the browser; files to download have every pixel
ALL_FACES = "all"
TEAL = (20, 184, 166)

FaceChoice = int | str
"""Index of a face, from the left, or `all`."""


@dataclass(frozen=True, eq=False)
class OpenedPhoto:
    """A photo on the page. It holds no pixels: a thousand visitors' photos would fill the memory.

    Args:
        path: Its file, as it was uploaded.
        size_hw: Height and width, upright.
        faces: In its pixels, left to right; at least one.
        preview_path: File of an RGB copy, no side longer than `PREVIEW_SIDE`.
        preview_size: Width and height of that.
    """

    path: Path
    size_hw: tuple[int, int]
    faces: tuple[Face, ...]
    preview_path: Path
    preview_size: tuple[int, int]

    @property
    def preview(self) -> Image.Image:
        """The reduced copy, read anew.

        Raises:
            InputError: It was deleted at the end of its lifetime.
        """
        check_page_file(self.preview_path, "the photo")
        return read_photo(self.preview_path)

    @cached_property
    def preview_faces(self) -> tuple[Face, ...]:
        """The faces in pixels of the preview."""
        scale = np.diag(np.divide(self.preview_size, self.size_hw[::-1]))
        return tuple(face.moved(np.column_stack([scale, (0, 0)])) for face in self.faces)

    @cached_property
    def preview_copy(self) -> Path:
        """The preview as a file of its own; errors as for `save_preview`."""
        return self.save_preview(self.preview)

    def save_preview(self, picture: Image.Image) -> Path:
        """Save a picture of this photo as a new file, to be shown.

        Gradio would name the file by its content, and write it again while the browser may be fetching it.

        Raises:
            InputError: The photo was deleted at the end of its lifetime.
        """
        check_page_file(self.path, "the photo")
        path = make_folder() / "shown.jpg"
        picture.save(path, quality=92, subsampling=0)
        return path

    @property
    def main_face(self) -> int:
        """Index of the largest face."""
        return self.faces.index(largest_face(self.faces))

    def face_at(self, x: float, y: float) -> int | None:
        """Index of the smallest face around a point of the preview; None where there is none."""
        candidates = []
        for index, face in enumerate(self.preview_faces):
            left, top, right, bottom = face.box_xyxy
            if left <= x <= right and top <= y <= bottom:
                candidates.append((face.area, index))
        return min(candidates)[1] if candidates else None


def open_photo_file(inpainter: Inpainter, path: str | Path) -> OpenedPhoto:
    """Read a photo and find its faces.

    Raises:
        InputError: It is no picture, or no longer there.
        NoFaceFound: It shows no face.
    """
    with page_file(Path(path), "the photo"):
        photo = read_photo(path)
    faces = inpainter.detector.detect(photo)
    if not faces:
        raise NoFaceFound(
            f"no face was found in the photo ({photo.width}×{photo.height} pixels); choose one that shows a face of"
            " 40 pixels or more"
        )
    preview, preview_path = reduce(photo), make_folder() / "preview.png"
    preview.save(preview_path, compress_level=1)
    return OpenedPhoto(Path(path), (photo.height, photo.width), tuple(faces), preview_path, preview.size)


def reduce(photo: Image.Image) -> Image.Image:
    """A copy for the browser, no side longer than `PREVIEW_SIDE`."""
    preview = photo.convert("RGB")
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return preview


def draw_preview(photo: OpenedPhoto, chosen: FaceChoice, hole: NDArray[np.bool_] | None) -> Image.Image:
    """The preview with its hole in colour and its faces outlined and numbered, the chosen ones strongly.

    Args:
        photo: The photo.
        chosen: Which faces are to be completed.
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


def _is_chosen(index: int, chosen: FaceChoice) -> bool:
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
