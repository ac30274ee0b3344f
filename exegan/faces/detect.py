"""Finding faces in photos, and choosing the one a hole or an exemplar means."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import MaskError, NoFaceFound
from exegan.faces.align import ffhq_affine, warp_mask

_LONGEST_SIDE = 1024
_MIN_SCORE = 0.9
# A face that fills its picture to the rim is found once there is something around it.
_PADDING = 0.25
_PROBE = 64


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face, in pixels of the upright photo (x to the right, y down).

    Args:
        box_xyxy: Left, top, right, bottom.
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


class FaceDetector:
    """MTCNN of facenet-pytorch, whose weights come with its package.

    Args:
        device: Where the networks run; MPS lacks an operation they need, so that they stay on the CPU there.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        from facenet_pytorch import MTCNN  # a second to import, and not every caller detects

        device = torch.device(device)
        self._mtcnn = MTCNN(keep_all=True, device="cpu" if device.type == "mps" else device)

    def detect(self, photo: Image.Image) -> list[Face]:
        """Faces of an upright RGB photo, left to right; an empty list where there is none.

        Large photos are searched in a copy of at most 1,024 px a side.
        """
        faces = self._detect(photo, 0)
        if not faces:
            faces = self._detect(photo, round(_PADDING * max(photo.size)))
        return sorted(faces, key=lambda face: face.box_xyxy[0])

    def _detect(self, photo: Image.Image, padding: int) -> list[Face]:
        padded = Image.new("RGB", (photo.width + 2 * padding, photo.height + 2 * padding), (128, 128, 128))
        padded.paste(photo, (padding, padding))
        scale = min(1.0, _LONGEST_SIDE / max(padded.size))
        size = (max(1, round(padded.width * scale)), max(1, round(padded.height * scale)))
        if min(size) < 20:  # smaller than the smallest face the first network looks for
            return []
        small = padded if scale == 1.0 else padded.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, about ragged arrays inside the package
            boxes, scores, landmarks = self._mtcnn.detect(small, landmarks=True)
        if boxes is None:
            return []
        faces = []
        for box, score, points in zip(boxes, scores, landmarks, strict=True):
            left, top, right, bottom = (float(side) / scale - padding for side in box)
            if score >= _MIN_SCORE:
                in_photo = np.asarray(points, dtype=np.float64) / scale - padding
                faces.append(Face((left, top, right, bottom), in_photo, float(score)))
        return faces


def largest_face(faces: Sequence[Face]) -> Face:
    """The face with the largest box.

    Raises:
        NoFaceFound: There is none.
    """
    if not faces:
        raise NoFaceFound("no face was found; expected a photo that shows one clearly")
    return max(faces, key=lambda face: face.area)


def choose_face(faces: Sequence[Face], mask: NDArray[np.bool_]) -> Face:
    """The face that a hole belongs to: the one whose box holds most of it, or else whose aligned crop does.

    Args:
        faces: Faces of the photo.
        mask: Bool [H, W] of the photo, True = hole.

    Raises:
        NoFaceFound: The photo has no face.
        MaskError: The hole touches no face.
    """
    if not faces:
        raise NoFaceFound(
            f"no face was found in the photo ({mask.shape[1]}x{mask.shape[0]}); give one that shows a face"
        )

    def overlap(face: Face) -> tuple[float, float]:
        left, top, right, bottom = (max(0, round(side)) for side in face.box_xyxy)
        crop = warp_mask(mask, ffhq_affine(face.landmarks5, _PROBE), _PROBE)
        return float(mask[top:bottom, left:right].sum()), float(crop.sum())

    overlaps = [overlap(face) for face in faces]
    most = max(overlaps)
    best = faces[overlaps.index(most)]
    if most == (0.0, 0.0):
        box = ", ".join(str(round(side)) for side in best.box_xyxy)
        raise MaskError(
            f"the mask touches none of the {len(faces)} faces found (nearest guess at {box}); paint over one"
        )
    return best
