"""Examples that work with one click, of faces that the project's own model made (see the README beside this file)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from exegan.web.file_access import make_folder

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Example:
    """A photo, an exemplar, and the regions to complete.

    Args:
        number: Of its files.
        regions: Of the face.
        caption: What is completed.
    """

    number: int
    regions: tuple[str, ...]
    caption: str

    @property
    def alt(self) -> str:
        """What its picture shows, in words."""
        return f"A photo with its {self.caption} covered, the exemplar, and the completed photo"

    @property
    def picture(self) -> Path:
        """File of photo with hole, exemplar and result side by side."""
        return FOLDER / f"example-{self.number}.jpg"

    def copy_files(self) -> tuple[str, str]:
        """Copy photo and exemplar to the folder of uploads, as if they had been uploaded; their paths there."""
        folder, first = make_folder(), 2 * self.number
        photo, exemplar = (shutil.copy(FOLDER / f"face-{number}.jpg", folder) for number in (first, first + 1))
        return str(photo), str(exemplar)


EXAMPLES = (
    Example(0, ("lower-face",), "lower face"),
    Example(1, ("eyes", "brows"), "eyes and brows"),
    Example(2, ("face",), "whole face"),
)
