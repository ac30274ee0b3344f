"""The stages around the networks: a face cut out of its photo, and put back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exegan.errors import InputError
from exegan.faces.align import Affine, crop_side, ffhq_affine, warp_crop, warp_mask
from exegan.faces.face import Face
from exegan.images import Photo, to_tensor
from exegan.inpainter.holes import BoolMask


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo's face, aligned for the networks.

    Args:
        photo: uint8 RGB [H, W, 3], upright.
        mask: Bool [H, W], True = hole.
        face: The face, in photo coordinates; None where the photo is an aligned face itself.
        index: Of the face, from the left.
        affine: Photo → crop.
        image: Crop [3, R, R] in [-1, 1], on the CPU.
        crop_mask: [1, R, R], 1 = hole, on the CPU.
        source: The photo as its file has it, for saving.
    """

    photo: NDArray[np.uint8]
    mask: BoolMask
    face: Face | None
    index: int
    affine: Affine
    image: Tensor
    crop_mask: Tensor
    source: Photo | None = None

    @property
    def upscaled(self) -> float:
        """Photo pixels per model pixel along a side; above 1 the model's picture is enlarged."""
        resolution = self.image.shape[-1]
        return crop_side(self.affine, resolution) / resolution


def prepare_face(photo: NDArray[np.uint8], mask: BoolMask, face: Face | None, index: int, resolution: int) -> Prepared:
    """Cut a face out of its photo.

    Args:
        photo: uint8 RGB [H, W, 3].
        mask: Bool [H, W], True = hole: what the networks are not shown.
        face: The face; None where the photo is an aligned square face itself.
        index: Of the face.
        resolution: Side of the crop.

    Raises:
        InputError: The photo has no face to look for, and is not square.
    """
    height, width = mask.shape
    if face is not None:
        affine = ffhq_affine(face.landmarks5, resolution)
    elif height == width:
        affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) * (resolution / width)
    else:
        raise InputError(f"the photo is {width}x{height}, expected an aligned square face")
    hole = warp_mask(mask, affine, resolution)
    image = to_tensor(warp_crop(photo, affine, resolution, hole))[0]
    return Prepared(photo, mask, face, index, affine, image, torch.from_numpy(hole)[None])


def align_face(photo: NDArray[np.uint8], face: Face, side: int) -> NDArray[np.uint8]:
    """FFHQ-aligned crop [side, side, 3] of a face in a photo, both uint8 RGB."""
    return warp_crop(photo, ffhq_affine(face.landmarks5, side), side)


def stack_prepared(prepared: Sequence[Prepared]) -> tuple[Tensor, Tensor]:
    """Faces of any photos as one batch for `Inpainter.generate`: image [B, 3, R, R] and mask [B, 1, R, R]."""
    return torch.stack([one.image for one in prepared]), torch.stack([one.crop_mask for one in prepared])


@dataclass
class Clock:
    """Seconds by stage, summed over the times that it was entered."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds to a stage."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
