"""Faces chosen among those of a photo, and holes over them and their regions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError, MaskError, NoFaceFound
from exegan.faces.align import warp_mask
from exegan.faces.detect import Face, largest_face
from exegan.faces.exemplars import parse_faces
from exegan.masks.editing import grow as grow_mask
from exegan.masks.editing import invert as invert_mask
from exegan.masks.regions import parse_regions, region_mask

_PROBE = 64


def select_faces(faces: Sequence[Face], which: str, mask: NDArray[np.bool_] | None = None) -> list[int]:
    """Indices of the faces that a person's words mean.

    Args:
        faces: Faces of the photo as `FaceDetector.detect` gives them: left to right, the first is 0.
        which: `all`; indices such as `0` or `0,2`; or `auto`: the faces that the hole touches, or if it touches none
            the one whose aligned crop holds most of it (hair, neck). `auto` without a mask is the largest face.
        mask: Bool [H, W] of the photo, True = hole.

    Returns:
        Indices into `faces`, rising, at least one.

    Raises:
        NoFaceFound: The photo has no face.
        InputError: No such face, or `which` is none of the above.
        MaskError: The hole touches no face, or lies between several.
    """
    if not faces:
        raise NoFaceFound("no face was found in the photo; give one that shows a face")
    if which == "all":
        return list(range(len(faces)))
    if which == "auto":
        return [faces.index(largest_face(faces))] if mask is None else _touched_faces(faces, mask)
    indices = parse_faces(which)
    if indices[-1] >= len(faces):
        known = "one face, number 0" if len(faces) == 1 else f"{len(faces)} faces, numbers 0 to {len(faces) - 1}"
        raise InputError(f"there is no face {indices[-1]}, the photo has {known} from left to right")
    return indices


def _touched_faces(faces: Sequence[Face], mask: NDArray[np.bool_]) -> list[int]:
    touched = [i for i, face in enumerate(faces) if (region_mask("face", face.landmarks5, mask.shape) & mask).any()]
    if touched:
        return touched
    shares = [_crop_share(face, mask) for face in faces]
    most = max(shares)
    if most == 0:
        raise MaskError(f"the mask touches none of the {len(faces)} faces found; paint over one")
    near = [i for i, share in enumerate(shares) if share > most / 2]
    if len(near) > 1:
        numbers = " and ".join(map(str, near))
        raise MaskError(f"the mask lies between the faces {numbers} and touches neither; paint over one, or name it")
    return near


def _crop_share(face: Face, mask: NDArray[np.bool_]) -> float:
    """How much of a face's aligned crop is hole."""
    return float(warp_mask(mask, face.crop_affine(_PROBE), _PROBE).mean())


def split_faces(faces: Sequence[Face], chosen: Collection[int]) -> tuple[list[Face], list[Face]]:
    """The faces with these indices, in that order, and all others."""
    return [faces[i] for i in chosen], [face for i, face in enumerate(faces) if i not in chosen]


def divide_hole(mask: NDArray[np.bool_], faces: Sequence[Face]) -> list[NDArray[np.bool_]]:
    """Give every hole pixel to one face: the one whose middle is nearest, counted in sides of its aligned crop.

    Args:
        mask: Bool [H, W], True = hole.
        faces: Those to be completed.

    Returns:
        A mask for each face; together they are the hole, and none overlaps another. May be empty.
    """
    if len(faces) == 1 or not mask.any():
        return [mask.copy() for _ in faces]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = (np.arange(r[0], r[-1] + 1, dtype=np.float32) + 0.5 for r in (rows, columns))
    nearest = np.zeros(mask[box].shape, dtype=np.uint16)
    best = np.full(nearest.shape, np.inf, dtype=np.float32)
    for number, face in enumerate(faces):
        distance = np.zeros_like(best)
        for along_x, along_y, offset in face.crop_affine(1).astype(np.float32):
            distance += (along_x * x[None, :] + along_y * y[:, None] + offset - 0.5) ** 2
        closer = distance < best
        nearest[closer] = number
        best[closer] = distance[closer]
    parts = []
    for number in range(len(faces)):
        part: NDArray[np.bool_] = np.zeros_like(mask)
        part[box] = mask[box] & (nearest == number)
        parts.append(part)
    return parts


def spare_others(
    hole: NDArray[np.bool_], chosen: Sequence[Face], others: Sequence[Face], *, inverted: bool = False
) -> NDArray[np.bool_]:
    """Take out of the hole of chosen faces what belongs to others.

    Args:
        hole: Bool [H, W], True = hole.
        chosen: The faces that it is made for.
        others: All other faces of the photo; none of their region `face` stays in the hole, but where the chosen ones'
            lies over it.
        inverted: The hole is all but something; of the rest, too, only what is nearer to a chosen face stays, hair and
            surroundings of the others being theirs.

    Returns:
        Bool [H, W], which may be empty.
    """
    if not others:
        return hole
    if inverted:
        hole = np.logical_or.reduce(divide_hole(hole, [*chosen, *others])[: len(chosen)])
    theirs, own = (
        np.logical_or.reduce([region_mask("face", face.landmarks5, hole.shape) for face in faces])
        for faces in (others, chosen)
    )
    spared: NDArray[np.bool_] = hole & (own | ~theirs)
    return spared


def faces_mask(
    size_hw: tuple[int, int],
    faces: Sequence[Face],
    regions: str,
    *,
    grow: int = 0,
    invert: bool = False,
    others: Sequence[Face] = (),
) -> NDArray[np.bool_]:
    """Hole over regions of the chosen faces of a photo.

    Args:
        size_hw: Height and width of the upright photo.
        faces: The faces meant, at least one.
        regions: Names of `masks.regions.REGIONS`, joined by `+`.
        grow: Pixels of the photo to widen the hole by, negative to narrow it.
        invert: Everything but that, afterwards.
        others: Faces of the photo that are not meant; the hole leaves them out (`spare_others`).

    Returns:
        Bool [H, W], True = hole.

    Raises:
        MaskError: A region is unknown, or nothing is left to be hole.
    """
    parse_regions(regions)
    mask = np.zeros(size_hw, dtype=np.bool_)
    for face in faces:
        mask |= region_mask(regions, face.landmarks5, size_hw)
    return regions_hole(grow_mask(mask, grow), regions, faces, others, grow=grow, invert=invert)


def regions_hole(
    mask: NDArray[np.bool_],
    regions: str,
    faces: Sequence[Face],
    others: Sequence[Face],
    *,
    grow: int = 0,
    invert: bool = False,
) -> NDArray[np.bool_]:
    """Hole of regions that are drawn and grown: inverted where that is wanted, and without other faces.

    Args:
        mask: Bool [H, W], the regions.
        regions: Their names, for the error.
        faces: The faces meant.
        others: Faces of the photo that are not meant; the hole leaves them out (`spare_others`).
        grow: By how many pixels it was widened, for the error.
        invert: Everything but the regions.

    Raises:
        MaskError: Nothing is left to be hole.
    """
    hole = spare_others(invert_mask(mask) if invert else mask, faces, others, inverted=invert)
    if not hole.any():
        raise MaskError(
            f"nothing of {regions!r} is left as a hole (grown by {grow} px); grow it more, or choose another"
        )
    return hole
