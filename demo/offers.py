"""Examples that work with one click, of faces that the project's own model made (`demo/examples/README.md`)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pictures import new_place
from PIL import Image

FOLDER = Path(__file__).resolve().parent / "examples"
_SIDE = 112


@dataclass(frozen=True)
class Offer:
    """A photo, an exemplar, and what to redo.

    Args:
        photo: Name of its file.
        exemplar: Name of its file.
        regions: Parts of the face.
        called: What it shows.
    """

    photo: str
    exemplar: str
    regions: tuple[str, ...]
    called: str

    def picture(self) -> Image.Image:
        """Photo and exemplar side by side."""
        both = Image.new("RGB", (2 * _SIDE + 2, _SIDE), "white")
        for place, name in enumerate((self.photo, self.exemplar)):
            with Image.open(FOLDER / name) as face:
                both.paste(face.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (place * (_SIDE + 2), 0))
        return both

    def copied(self) -> tuple[str, str]:
        """Paths of copies of photo and exemplar where files of the page lie, as if they had been uploaded."""
        place = new_place()
        photo, exemplar = (shutil.copy(FOLDER / name, place) for name in (self.photo, self.exemplar))
        return str(photo), str(exemplar)


OFFERS = (
    Offer("face-0.jpg", "face-4.jpg", ("lower-face",), "lower face"),
    Offer("face-2.jpg", "face-3.jpg", ("eyes", "brows"), "eyes and brows"),
    Offer("face-1.jpg", "face-5.jpg", ("face",), "whole face"),
)
