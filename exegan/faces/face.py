"""What is known of a face in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError, NoFaceFound
from exegan.faces.align import Affine, ffhq_affine, warp_crop
from exegan.masks.template import LANDMARKS


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face, in pixels of the upright photo (x to the right, y down).

    Args:
        box_xyxy: Left, top, right, bottom; reaches beyond the photo where the face does.
        landmarks5: [5, 2] x, y of left eye, right eye, nose, left and right corner of the mouth (left in the picture).
        score: Confidence in [0, 1].
    """

    box_xyxy: tuple[float, float, float, float]
    landmarks5: NDArray[np.float64]
    score: float

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box_xyxy
        return (right - left) * (bottom - top)

    def crop_affine(self, resolution: int) -> Affine:
        """Photo → FFHQ-aligned crop of so many pixels a side."""
        return ffhq_affine(self.landmarks5, resolution)

    def moved(self, affine: Affine) -> Face:
        """The face in the pixels of a warped photo; the new box bounds the old one's ellipse."""
        left, top, right, bottom = self.box_xyxy
        turn, shift = affine[:, :2], affine[:, 2]
        x, y = turn @ [(left + right) / 2, (top + bottom) / 2] + shift
        half_width, half_height = np.hypot(*(turn * [(right - left) / 2, (bottom - top) / 2]).T)
        box = (float(x - half_width), float(y - half_height), float(x + half_width), float(y + half_height))
        return Face(box, self.landmarks5 @ turn.T + shift, self.score)

    def report(self) -> dict[str, Any]:
        """JSON-ready: `box_xyxy` and `landmarks5` in pixels to a tenth, `score`."""
        return {
            "box_xyxy": [round(float(side), 1) for side in self.box_xyxy],
            "landmarks5": [[round(float(x), 1), round(float(y), 1)] for x, y in self.landmarks5],
            "score": round(self.score, 4),
        }


class AlignedFace(Face):
    """The face of a picture that is an aligned crop itself: where faces lie in the mean crop; nobody looked for it.

    Args:
        size_hw: Height and width of the picture.

    Raises:
        InputError: The picture is not square.
    """

    def __init__(self, size_hw: tuple[int, int]) -> None:
        height, width = size_hw
        if height != width:
            raise InputError(f"the picture is {width}x{height}, expected an aligned square face")
        super().__init__((0.0, 0.0, float(width), float(width)), LANDMARKS[:, :2] * width, 1.0)

    def crop_affine(self, resolution: int) -> Affine:
        return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) * (resolution / self.box_xyxy[2])

    def report(self) -> dict[str, Any]:
        return {**super().report(), "score": None}


def align_face(photo: NDArray[np.uint8], face: Face, side: int) -> NDArray[np.uint8]:
    """FFHQ-aligned crop [side, side, 3] of a face in a photo, both uint8 RGB."""
    return warp_crop(photo, face.crop_affine(side), side)


def largest_face(faces: Sequence[Face]) -> Face:
    """The face with the largest box.

    Raises:
        NoFaceFound: There is none.
    """
    if not faces:
        raise NoFaceFound("no face was found; expected a photo that shows one clearly")
    return max(faces, key=lambda face: face.area)
