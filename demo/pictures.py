"""The photo that a visitor works on: where its file is, its faces, and a reduced copy to look at and to paint on."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from grants import is_regular_below
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.faces.detect import Face, largest_face
from exegan.inpainter import Inpainter
from exegan.io import read_photo
from exegan.io.decode import DECODED

PREVIEW_SIDE = 1024  # of the copy in the browser; files to download have every pixel
ALL_FACES = "all"

Chosen = int | str
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
            InputError: It was deleted, its time being over.
        """
        check_kept(self.preview_path, "the photo")
        return read_photo(self.preview_path)

    @cached_property
    def preview_faces(self) -> tuple[Face, ...]:
        """The faces in pixels of the preview."""
        scale = np.diag(np.divide(self.preview_size, self.size_hw[::-1]))
        return tuple(face.moved(np.column_stack([scale, (0, 0)])) for face in self.faces)

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
        path = new_place() / "shown.jpg"
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
    preview, preview_path = reduced(photo), new_place() / "preview.png"
    preview.save(preview_path, compress_level=1)
    return OpenedPhoto(Path(path), (photo.height, photo.width), tuple(faces), preview_path, preview.size)


def files_folder() -> Path:
    """Where all files of the page lie, uploads too; nothing else on this machine is read or written for visitors."""
    return Path(os.path.realpath(os.environ["GRADIO_TEMP_DIR"]))


def new_place() -> Path:
    """A new folder in it, with a name that nobody can guess."""
    place = files_folder() / secrets.token_hex(16)
    place.mkdir()
    return place


def check_kept(path: Path, called: str) -> None:
    """Make sure that a file is one of the page's, and was not deleted when its time was over.

    Raises:
        InputError: It is another, or no regular file, or it was deleted.
    """
    if not is_regular_below(path, files_folder()):
        raise InputError(f"{called} is no upload; drop it again")
    if not path.exists():
        raise InputError(f"{called} is gone, pictures are kept for less than an hour; drop it again")


def pixels_of(path: str | Path) -> int:
    """Pixels of a picture file by its header; 0 where there are none or too many, which decoding will say."""
    try:
        with Image.open(path, formats=DECODED) as picture:
            return picture.width * picture.height
    except Exception:  # Pillow raises whatever it stumbles over in damaged files
        return 0


def reduced(photo: Image.Image) -> Image.Image:
    """A copy for the browser, no side longer than `PREVIEW_SIDE`."""
    preview = photo.convert("RGB")
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    return preview
