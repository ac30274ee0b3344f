"""Faces found in a photo: box, landmarks, and the square that FFHQ's alignment cuts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.faces.align import Affine, ffhq_affine, invert_affine, warp_crop
from exegan.masks.regions import LANDMARKS

_MIN_SCORE = 0.9
# A face of 40 px is searched at 30 px where a copy may be as large as that takes.
_SCALE, _SMALLEST_COPY, _LARGEST_COPY = 0.75, 1024, 1600
# Side of a copy with a rim around it, relative to the longer side: a face that fills its picture is found once there is
# something around it, and the picture fits in whichever way it is turned.
_RIM = 1.5
_CLOSE_UP, _CLOSE_UP_RIM = 128, 32
_GREY = (128, 128, 128)
_TURNS = (math.radians(40), math.radians(-40))
# Faces below the score or height in pixels, or turned further, need a second look that agrees: by the landmarks' mean
# distance between both looks, relative to that of the eyes, and with a score that patterns reach for small faces only.
_SURE, _SMALL, _TILTED, _AGREED, _SURE_LARGE = 0.995, 64, math.radians(10), 0.3, 0.98


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


class FaceDetector:
    """MTCNN with the weights of facenet-pytorch, which come with its package.

    Args:
        device: Where the networks run; MPS lacks an operation they need, so that they stay on the CPU there.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        from facenet_pytorch import MTCNN  # seconds to import, with torchvision, and not every caller detects

        from exegan.faces.mtcnn import Cascade

        device = torch.device("cpu" if torch.device(device).type == "mps" else device)
        self._cascade = Cascade(MTCNN(keep_all=True, device=device), device)

    def detect(self, photo: Image.Image) -> list[Face]:
        """Faces of an upright RGB photo, left to right; an empty list where there is none.

        Finds faces from 40 px on, turned in the picture's plane by up to 45 degrees. Photos of more than 2,133 px a
        side are searched in a copy of 1,600 px, where faces from 1/64 of the longer side on are found. Faces that are
        small or turned get a second look at a close-up that shows them upright: it makes certain of the small ones
        and places the landmarks of the turned ones.
        """
        longest = max(photo.size)
        scale = min(1.0, min(max(_SMALLEST_COPY, _SCALE * longest), _LARGEST_COPY) / longest)
        size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        copy = photo if scale == 1.0 else photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        faces = self._search(copy)
        to_photo = np.array([[photo.width / size[0], 0.0, 0.0], [0.0, photo.height / size[1], 0.0]])
        return sorted((face.moved(to_photo) for face in faces), key=lambda face: face.box_xyxy)

    def _search(self, copy: Image.Image) -> list[Face]:
        """Faces as the copy is; if none is certain, with a rim around it; or else turned either way."""
        certain, doubtful = self._weigh(copy, self._look(copy))
        for turns in ((0.0,), _TURNS):
            if not certain:
                views = [_with_rim(copy.size, turn) for turn in turns]
                seen = [face for view in views for face in self._detect_in_view(copy, *view)]
                certain, others = self._weigh(copy, seen)
                doubtful = others if certain else doubtful or others
        return _without_doubles(certain + doubtful)

    def _weigh(self, copy: Image.Image, seen: Sequence[Face]) -> tuple[list[Face], list[Face]]:
        """Certain faces, as a second look placed them where they need one; and large ones that it did not show."""
        certain, doubtful = [], []
        for face in seen:
            needs_look = face.score < _SURE or _height(face) < _SMALL or abs(_tilt(face)) > _TILTED
            again = self._second_look(copy, face) if needs_look else face
            if again:
                certain.append(again)
            elif face.score >= _SURE and _height(face) >= _SMALL:
                doubtful.append(face)
        return certain, doubtful

    def _second_look(self, copy: Image.Image, face: Face) -> Face | None:
        """The face as a close-up shows it upright; None if it shows none."""
        affine = face.crop_affine(_CLOSE_UP)
        affine[:, 2] += _CLOSE_UP_RIM
        seen = [
            again
            for again in self._detect_in_view(copy, affine, _CLOSE_UP + 2 * _CLOSE_UP_RIM)
            if again.score >= (_SURE if _height(face) < _SMALL else _SURE_LARGE)
        ]
        eyes = np.hypot(*(face.landmarks5[1] - face.landmarks5[0]))
        distances = [np.hypot(*(again.landmarks5 - face.landmarks5).T).mean() for again in seen]
        return seen[int(np.argmin(distances))] if distances and min(distances) < _AGREED * eyes else None

    def _detect_in_view(self, copy: Image.Image, affine: Affine, side: int) -> list[Face]:
        """Faces, in pixels of the copy, that its warp into a square of `side` pixels shows."""
        back = invert_affine(affine)
        # Pillow asks for the way from the result to the picture.
        warped = copy.transform(
            (side, side), Image.Transform.AFFINE, back.ravel().tolist(), Image.Resampling.BILINEAR, fillcolor=_GREY
        )
        return [face.moved(back) for face in self._look(warped)]

    def _look(self, picture: Image.Image) -> list[Face]:
        if min(picture.size) < 20:  # smaller than the smallest face the first network looks for
            return []
        boxes, scores, landmarks = self._cascade.search(np.asarray(picture))
        return [
            Face((float(box[0]), float(box[1]), float(box[2]), float(box[3])), points.astype(np.float64), float(score))
            for box, points, score in zip(boxes, landmarks, scores, strict=True)
            if score >= _MIN_SCORE
        ]


def _height(face: Face) -> float:
    return face.box_xyxy[3] - face.box_xyxy[1]


def _tilt(face: Face) -> float:
    """Angle in the picture's plane, in radians."""
    affine = face.crop_affine(1)
    return math.atan2(affine[0, 1], affine[0, 0])


def _with_rim(size: tuple[int, int], turn: float) -> tuple[Affine, int]:
    """Affine that puts a picture into the middle of a square with a rim, turned by an angle, and the square's side."""
    side = min(_SMALLEST_COPY, round(_RIM * max(size)))
    scale = side / (_RIM * max(size))
    matrix = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.column_stack([matrix, side / 2 - matrix @ (np.array(size) / 2)]), side


def _without_doubles(faces: Sequence[Face]) -> list[Face]:
    """The most certain of the faces that lie on each other (non-maximum suppression)."""
    if not faces:
        return []
    from torchvision.ops import nms  # seconds to import

    boxes = torch.tensor([face.box_xyxy for face in faces])
    return [faces[i] for i in nms(boxes, torch.tensor([face.score for face in faces]), 0.4).tolist()]
