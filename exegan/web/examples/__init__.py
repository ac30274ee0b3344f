"""Examples that work with one click, of faces that the project's own model made (see the README beside this file)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from exegan.web.file_access import make_folder

FOLDER = Path(__file__).resolve().parent
_SIDE = 192


@dataclass(frozen=True)
class Example:
    """A photo, an exemplar, and the regions to complete.

    Args:
        photo: Name of its file.
        exemplar: Name of its file.
        regions: Of the face.
        caption: Of its picture.
    """

    photo: str
    exemplar: str
    regions: tuple[str, ...]
    caption: str

    @property
    def alt(self) -> str:
        """What its picture shows, in words."""
        return f"Example: a photo, and the face that its {self.caption} is to take after"

    def picture(self) -> Image.Image:
        """Photo and exemplar side by side."""
        both = Image.new("RGB", (2 * _SIDE + 2, _SIDE), "white")
        for place, name in enumerate((self.photo, self.exemplar)):
            with Image.open(FOLDER / name) as face:
                both.paste(face.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (place * (_SIDE + 2), 0))
        return both

    def copy_files(self) -> tuple[str, str]:
        """Copy photo and exemplar to the folder of uploads, as if they had been uploaded; their paths there."""
        folder = make_folder()
        photo, exemplar = (shutil.copy(FOLDER / name, folder) for name in (self.photo, self.exemplar))
        return str(photo), str(exemplar)


EXAMPLES = (
    Example("face-0.jpg", "face-4.jpg", ("lower-face",), "lower face"),
    Example("face-2.jpg", "face-3.jpg", ("eyes", "brows"), "eyes and brows"),
    Example("face-1.jpg", "face-5.jpg", ("face",), "whole face"),
)
