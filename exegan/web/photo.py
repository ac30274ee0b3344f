"""The photo that a visitor edits: its file, its faces, and a reduced copy to display and paint on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from exegan.errors import NoFaceFound
from exegan.faces.detect import Face, largest_face
from exegan.inpainter import Inpainter
from exegan.io import read_photo
from exegan.web.file_access import check_page_file, make_folder, page_file

PREVIEW_SIDE = 1024  # of the copy in the browser; files to download have every pixel
ALL_FACES = "all"

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

    @cached_property
    def preview_faces(self) -> tuple[Face, ...]:
        """The faces in pixels of the preview."""
        scale = np.diag(np.divide(self.preview_size, self.size_hw[::-1]))
        return tuple(face.moved(np.column_stack([scale, (0, 0)])) for face in self.faces)

    def save_preview(self, picture: Image.Image) -> Path:
        """Save a picture of this photo as a new file, to be shown.

        Raises:
            InputError: The photo was deleted at the end of its lifetime.
        """
        check_page_file(self.path, "the photo")
        return save_shown(picture)

    @property
    def main_face(self) -> int:
        """Index of the largest face."""
        return self.faces.index(largest_face(self.faces))


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
    preview = reduce(photo)
    return OpenedPhoto(Path(path), (photo.height, photo.width), tuple(faces), save_shown(preview), preview.size)


def reduce(photo: Image.Image) -> Image.Image:
    """A copy for the browser, no side longer than `PREVIEW_SIDE`."""
    preview = photo.convert("RGB")
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return preview


def save_shown(picture: Image.Image) -> Path:
    """Write a picture that the browser is to show, as a new file."""
    path = make_folder() / "shown.jpg"
    picture.save(path, quality=92, subsampling=0)
    return path
