"""The faces of a photo for people and programs: numbered from left to right, listed, and drawn into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from exegan.errors import NoFaceFound
from exegan.faces.detect import FaceDetector
from exegan.faces.face import Face
from exegan.images import read_photo, save_photo

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
        InputError: As for `images.read_photo` and `images.save_photo`.
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
