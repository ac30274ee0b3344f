"""The photo that a visitor works on: where its file is, its faces, and a reduced copy to look at and to paint on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.faces.face import Face, largest_face
from exegan.images import read_photo
from exegan.inpainter import Inpainter

PREVIEW_SIDE = 1024  # of the copy in the browser; files to download have every pixel
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

    @cached_property
    def preview_file(self) -> Path:
        """The preview as a file; errors as for `file_of`."""
        return self.file_of(self.preview)

    def file_of(self, picture: Image.Image) -> Path:
        """A picture of this photo as a new file, to be shown.

        Gradio names a picture's file by what it shows, and writes it again while the browser may be fetching it.

        Raises:
            InputError: The photo was deleted, its time being over.
        """
        check_kept(self.path, "the photo")
        path = self.path.with_name(f"shown-{secrets.token_hex(8)}.jpg")
        picture.save(path, quality=92, subsampling=0)
        return path

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
