"""What a photo holds: its faces listed and drawn, and a mask made of their regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from exegan.errors import InputError, NoFaceFound
from exegan.faces.detect import Face, FaceDetector
from exegan.faces.select import faces_mask, select_faces, split_faces
from exegan.io import read_photo, save_photo
from exegan.masks.random import irregular_mask, parse_fraction
from exegan.masks.regions import parse_regions

_COLOURS = ("#ffd400", "#00e5ff", "#ff5ad5", "#7dff4f", "#ff8a3c")


@dataclass(frozen=True)
class Listing:
    """Faces of a photo, left to right, at least one.

    Args:
        photo: Its path.
        size_hw: Height and width of the upright photo.
        faces: The place in the list is the face's number.
    """

    photo: Path
    size_hw: tuple[int, int]
    faces: list[Face]

    def report(self) -> dict[str, Any]:
        """JSON-ready: photo, width, height, and for each face its index, box, landmarks and score."""
        faces = [{"index": i, **face.report()} for i, face in enumerate(self.faces)]
        return {"photo": str(self.photo), "width": self.size_hw[1], "height": self.size_hw[0], "faces": faces}

    def __str__(self) -> str:
        """One line for each face."""
        lines = []
        for i, face in enumerate(self.faces):
            left, top, right, bottom = (round(side) for side in face.box_xyxy)
            lines.append(f"{i}: {right - left}x{bottom - top} px at {left},{top} (score {face.score:.3f})")
        return "\n".join(lines)


def list_faces(photo: str | Path, draw: str | Path | None = None) -> Listing:
    """Find the faces of a photo file.

    Args:
        photo: Path of the photo; its EXIF orientation is applied.
        draw: Where to write the photo with its faces outlined and numbered; None writes nothing.

    Raises:
        InputError: As for `exegan.io.read_photo` and `images.save_photo`.
        NoFaceFound: There is none.
    """
    picture = read_photo(photo)
    faces = FaceDetector().detect(picture)
    if not faces:
        raise NoFaceFound(
            f"no face was found in {photo} ({picture.width}x{picture.height}); expected one of 40 px or more"
        )
    if draw is not None:
        save_photo(draw_faces(picture, faces), draw)
    return Listing(Path(photo), (picture.height, picture.width), faces)


def draw_faces(photo: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A copy of an RGB photo with boxes, landmarks and numbers, sized so that they are legible in the whole picture."""
    drawn = photo.copy()
    draw = ImageDraw.Draw(drawn)
    line = max(2, round(max(photo.size) / 400))
    for i, face in enumerate(faces):
        colour = _COLOURS[i % len(_COLOURS)]
        left, top, right, bottom = face.box_xyxy
        draw.rectangle((left - line, top - line, right + line, bottom + line), outline="black", width=3 * line)
        draw.rectangle(face.box_xyxy, outline=colour, width=line)
        dot = max(line / 2, (bottom - top) / 60)
        for x, y in face.landmarks5.tolist():
            draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour, outline="black")
        _draw_number(draw, str(i), face, colour, size=max(12, round(max(photo.size) / 40)))
    return drawn


def _draw_number(draw: ImageDraw.ImageDraw, number: str, face: Face, colour: str, size: int) -> None:
    """The number on a plate above the box, or below it where there is no room above."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), number, font=font)
    width, height = right - left + size / 2, bottom - top + size / 2
    x = max(0.0, face.box_xyxy[0])
    y = face.box_xyxy[1] - height if face.box_xyxy[1] >= height else face.box_xyxy[3]
    draw.rectangle((x, y, x + width, y + height), fill="black", outline=colour)
    draw.text((x + size / 4 - left, y + size / 4 - top), number, font=font, fill=colour)


@dataclass(frozen=True)
class MaskRecipe:
    """What a mask is made of: regions of faces, or random strokes.

    Args:
        region: Names of `masks.regions.REGIONS` joined by `+`; None for strokes.
        face: Whose, in words of `faces.select.select_faces`.
        grow: Pixels to widen the hole by, negative to narrow it.
        invert: Hole everywhere else instead, but on no other face.
        irregular: Range of the strokes' share in per cent such as `20-40`; None for regions.
        seed: Of the strokes.

    Raises:
        InputError: It asks for both or neither, or for an unknown region or an impossible share.
    """

    region: str | None = None
    face: str = "auto"
    grow: int = 0
    invert: bool = False
    irregular: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.region is None) == (self.irregular is None):
            raise InputError("a mask is made of regions or of strokes; give one of --region and --irregular")
        if self.region is not None:
            parse_regions(self.region)
        if self.irregular is not None:
            parse_fraction(self.irregular)
            if (self.face, self.grow, self.invert) != ("auto", 0, False):
                raise InputError(
                    "random strokes belong to no face and keep their share; leave --face, --grow, --invert"
                )


def make_mask(photo: Image.Image, recipe: MaskRecipe, detector: FaceDetector | None = None) -> NDArray[np.bool_]:
    """Mask of an upright RGB photo.

    Args:
        photo: Upright, RGB.
        recipe: What it is made of.
        detector: For regions; None makes one.

    Returns:
        Bool [H, W], True = hole.

    Raises:
        NoFaceFound: A region is wanted and the photo has no face.
        InputError: It has no such face.
        MaskError: Nothing would be hole.
    """
    size_hw = (photo.height, photo.width)
    if recipe.irregular is not None:
        return irregular_mask(size_hw, parse_fraction(recipe.irregular), recipe.seed)
    faces = (detector or FaceDetector()).detect(photo)
    chosen, others = split_faces(faces, select_faces(faces, recipe.face))
    return faces_mask(size_hw, chosen, recipe.region or "", grow=recipe.grow, invert=recipe.invert, others=others)


def write_mask(photo: str | Path, output: str | Path, recipe: MaskRecipe) -> float:
    """Write the mask of a photo as a picture of its upright size, white = hole; the hole's share of it.

    Raises:
        InputError: As for `exegan.io.read_photo`, `images.save_photo` and `make_mask`.
    """
    mask = make_mask(read_photo(photo), recipe)
    save_photo(Image.fromarray(mask).convert("L"), output)
    return float(mask.mean())
