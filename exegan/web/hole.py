"""The hole: face regions, brush strokes and a mask file combined, then grown or inverted.

Made at the size of the preview, to be shown, and at the size of the photo, to be completed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import MaskError
from exegan.faces.detect import Face
from exegan.faces.select import spare_others, split_faces
from exegan.io import check_mask, read_mask
from exegan.masks.editing import grow, invert
from exegan.masks.regions import region_mask
from exegan.web.file_access import make_folder, page_file
from exegan.web.photo import ALL_FACES, FaceChoice, OpenedPhoto

Mask = NDArray[np.bool_]
PAINTED_ALPHA = 128  # strokes fade at their rims; from here on they count as painted
FULL_SIZE_LOCK = threading.RLock()
"""Holes at full size are made one at a time; eight at once of the largest photos would need gigabytes."""


@dataclass(frozen=True)
class HoleParts:
    """What the hole is made of.

    Args:
        regions: Names of face regions (`exegan.masks.regions`), on the chosen faces.
        face: Which faces these are.
        strokes: Strokes on a transparent picture of any size, RGBA, stretched over the photo.
        mask_file: Mask of the photo's size, white = hole.
        grow_percent: Widens the hole by this share of a face's width; negative narrows it.
        inverted: All but this instead, and but faces that are not chosen.
    """

    regions: Sequence[str] = ()
    face: FaceChoice = 0
    strokes: Image.Image | None = None
    mask_file: Path | None = None
    grow_percent: float = 0
    inverted: bool = False

    @property
    def is_drawn(self) -> bool:
        """Whether a hole was painted or given, which says by itself whom it is on."""
        return self.strokes is not None or self.mask_file is not None

    @property
    def faces_to_complete(self) -> int | str:
        """Argument `face` of the pipeline: the chosen faces, or those that a painted or given hole touches."""
        return "auto" if self.is_drawn and not self.inverted else self.face


def make_hole(photo: OpenedPhoto, parts: HoleParts) -> Mask:
    """The hole at the photo's size, bool [H, W], True = hole.

    Raises:
        InputError: The mask file is no picture.
        MaskError: The mask file has another size than the photo, or there is no hole.
    """
    with FULL_SIZE_LOCK:
        mask = None if parts.mask_file is None else _read_mask_file(parts.mask_file, photo.size_hw)
        hole = _combine(parts, photo.faces, photo.size_hw, mask)
    if not hole.any():
        raise MaskError("There is no hole yet; tick a part of the face, paint with the brush, or load a mask.")
    if hole.all():
        raise MaskError("The hole covers the whole photo; leave something to go by.")
    return hole


def make_preview_hole(photo: OpenedPhoto, parts: HoleParts) -> Mask:
    """The hole at the preview's size, which may be empty; errors as above."""
    mask = None
    if parts.mask_file is not None:
        with FULL_SIZE_LOCK:
            full = Image.fromarray(_read_mask_file(parts.mask_file, photo.size_hw))
            mask = np.asarray(full.resize(photo.preview_size, Image.Resampling.NEAREST))
    return _combine(parts, photo.preview_faces, photo.preview_size[::-1], mask)


def _combine(parts: HoleParts, faces: Sequence[Face], size_hw: tuple[int, int], mask: Mask | None) -> Mask:
    hole: Mask = np.zeros(size_hw, dtype=np.bool_) if mask is None else mask.copy()
    indices = range(len(faces)) if parts.face == ALL_FACES else [int(parts.face)]
    chosen, others = split_faces(faces, indices)
    if parts.regions:
        for face in chosen:
            hole |= region_mask("+".join(parts.regions), face.landmarks5, size_hw)
    if parts.strokes is not None:
        alpha = parts.strokes.getchannel("A").resize(size_hw[::-1], Image.Resampling.BILINEAR)
        hole |= np.asarray(alpha) >= PAINTED_ALPHA
    width = max(face.box_xyxy[2] - face.box_xyxy[0] for face in chosen)
    hole = grow(hole, round(width * parts.grow_percent / 100))
    if parts.inverted:  # the inverse of an empty hole is the whole photo, and refused
        return spare_others(invert(hole), chosen, others, inverted=True) if hole.any() else invert(hole)
    return hole if parts.is_drawn else spare_others(hole, chosen, others)


def _read_mask_file(path: Path, size_hw: tuple[int, int]) -> Mask:
    with page_file(path, "the mask"):
        mask = read_mask(path)
    check_mask(mask, size_hw)
    return mask


def save_mask(photo: OpenedPhoto, parts: HoleParts) -> Path:
    """Write the hole as a mask of the photo's size, white = hole; errors as for `make_hole`."""
    with FULL_SIZE_LOCK:
        hole = make_hole(photo, parts)
        path = make_folder() / "mask.png"
        Image.fromarray(hole.astype(np.uint8) * 255).save(path)
    return path
