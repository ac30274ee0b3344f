"""The hole a visitor asks for: parts of faces, strokes of the brush and a mask file together, then grown or inverted.

The same on the small preview, to look at, and on the photo, to work with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pictures import ALL_FACES, PREVIEW_SIDE, Chosen, OpenedPhoto, check_kept, pixels_of
from PIL import Image

from exegan.errors import InputError, MaskError
from exegan.faces.detect import Face
from exegan.faces.select import spare_others, split_faces
from exegan.io import check_mask, read_mask
from exegan.io.decode import decoded, read_bytes
from exegan.masks.editing import grow, invert
from exegan.masks.regions import region_mask

Mask = NDArray[np.bool_]
PAINTED_ALPHA = 128  # strokes fade at their rims; from here on they count as painted
MOST_LAYERS = 4  # the editor makes one
LARGEST_LAYER = 4 * PREVIEW_SIDE**2  # pixels; the editor's are as large as the preview
LARGE_PICTURES = threading.RLock()
"""Holes of whole photos are made one after the other; eight at once of the largest photos would need gigabytes."""


@dataclass(frozen=True)
class HoleParts:
    """What the hole is made of.

    Args:
        regions: Names of face regions (`exegan.masks.regions`), on the chosen faces.
        chosen: Which faces these are.
        strokes: Layers of the editor: strokes on transparent pictures of any size, stretched over the photo.
        mask_file: Mask of the photo's size, white = hole.
        grow_percent: Widens the hole by this share of a face's width; negative narrows it.
        inverted: All but this instead, and but faces that are not chosen.
    """

    regions: Sequence[str] = ()
    chosen: Chosen = 0
    strokes: Sequence[Image.Image] = ()
    mask_file: Path | None = None
    grow_percent: float = 0
    inverted: bool = False

    @property
    def faces_to_complete(self) -> int | str:
        """What the pipeline is told: the chosen faces, or, where somebody painted, those that the hole touches."""
        return "auto" if (self.strokes or self.mask_file) and not self.inverted else self.chosen


def strokes_of(layers: Sequence[str | Path]) -> list[Image.Image]:
    """Those of an editor's layers that hold any stroke.

    Args:
        layers: Files of pictures of any size.

    Raises:
        InputError: These are no files of the page, or more or larger than an editor makes.
    """
    for layer in layers:
        check_kept(Path(layer), "what was painted")
    if len(layers) > MOST_LAYERS or any(pixels_of(layer) > LARGEST_LAYER for layer in layers):
        raise InputError("what was painted is too large; press New photo and paint it anew")
    strokes = []
    for layer in layers:
        with decoded(read_bytes(layer), str(layer)) as opened:
            picture = opened.convert("RGBA")
        if np.asarray(picture.getchannel("A")).max() >= PAINTED_ALPHA:
            strokes.append(picture)
    return strokes


def hole_of_photo(photo: OpenedPhoto, parts: HoleParts) -> Mask:
    """The hole at the photo's size, bool [H, W].

    Raises:
        InputError: The mask file is no picture.
        MaskError: The mask file has another size than the photo, or there is no hole.
    """
    with LARGE_PICTURES:
        mask = None if parts.mask_file is None else _read_mask_file(parts.mask_file, photo.size_hw)
        hole = _joined(parts, photo.faces, photo.size_hw, mask)
    if not hole.any():
        raise MaskError("There is no hole yet; choose a part of the face, paint over it, or give a mask.")
    if hole.all():
        raise MaskError("The hole covers the whole photo; leave something to go by.")
    return hole


def hole_of_preview(photo: OpenedPhoto, parts: HoleParts) -> Mask:
    """The hole at the preview's size, which may be empty; errors as above."""
    mask = None
    if parts.mask_file is not None:
        with LARGE_PICTURES:
            full = Image.fromarray(_read_mask_file(parts.mask_file, photo.size_hw))
            mask = np.asarray(full.resize(photo.preview_size, Image.Resampling.NEAREST))
    return _joined(parts, photo.preview_faces, photo.preview_size[::-1], mask)


def _joined(parts: HoleParts, faces: Sequence[Face], size_hw: tuple[int, int], mask: Mask | None) -> Mask:
    hole: Mask = np.zeros(size_hw, dtype=np.bool_) if mask is None else mask.copy()
    indices = range(len(faces)) if parts.chosen == ALL_FACES else [int(parts.chosen)]
    chosen, others = split_faces(faces, indices)
    if parts.regions:
        for face in chosen:
            hole |= region_mask("+".join(parts.regions), face.landmarks5, size_hw)
    for layer in parts.strokes:
        alpha = layer.convert("RGBA").getchannel("A").resize(size_hw[::-1], Image.Resampling.BILINEAR)
        hole |= np.asarray(alpha) >= PAINTED_ALPHA
    width = max(face.box_xyxy[2] - face.box_xyxy[0] for face in chosen)
    hole = grow(hole, round(width * parts.grow_percent / 100))
    if parts.inverted:  # all but nothing is all of the photo, and refused
        return spare_others(invert(hole), chosen, others, inverted=True) if hole.any() else invert(hole)
    return hole if parts.strokes or parts.mask_file else spare_others(hole, chosen, others)


def _read_mask_file(path: Path, size_hw: tuple[int, int]) -> Mask:
    check_kept(path, "the mask")
    try:
        mask = read_mask(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), "the mask")) from error
    check_mask(mask, size_hw)
    return mask
