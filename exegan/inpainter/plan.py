"""What is to be done to one photo: which faces, which part of the hole each, in what order, from which exemplar.

A face is completed in one pass, or in several where exemplars are given for its regions: first its whole hole, then
region after region over it, each pass seeing what the former ones made. Every pass fills its own part of the hole *and*
that of all later passes, so that what the hole held before does not show at a rim between two parts. (Where a face's
crop ends inside the hole near such a rim, a little of the old colour still bleeds into the blend.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError, MaskError
from exegan.faces.detect import Face
from exegan.faces.exemplars import Key
from exegan.faces.paste import hole_outside_crop
from exegan.faces.select import divide_hole, regions_hole, select_faces, spare_others, split_faces
from exegan.inpainter.style import Style
from exegan.io import Photo, check_mask
from exegan.masks import editing
from exegan.masks.editing import BoolMask
from exegan.masks.hole import NO_HOLE, AllBut, Hole, Regions
from exegan.masks.regions import region_mask


@dataclass(frozen=True, eq=False)
class Part:
    """One pass over one face.

    Args:
        index: Of the face, from the left.
        face: The face.
        style: Where its looks come from.
        hole: Bool [H, W], what is pasted: this part and all later ones.
        unknown: Bool [H, W], what the networks are not shown: the hole of the first part of its round.
        round: Parts of one round go through the networks together.
    """

    index: int
    face: Face
    style: Style
    hole: BoolMask
    unknown: BoolMask
    round: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A photo, ready to be completed, as often as wanted.

    Args:
        photo: uint8 RGB [H, W, 3], upright.
        parts: What is done to it, in order.
        holes: The hole that each face owns, by its index.
        seconds: What went before, by stage.
        source: The photo as its file has it, for saving.
    """

    photo: NDArray[np.uint8]
    parts: tuple[Part, ...]
    holes: Mapping[int, BoolMask]
    seconds: Mapping[str, float] = field(default_factory=dict)
    source: Photo | None = None

    def with_style(self, style: Style) -> Plan:
        """The same with one style for all its parts."""
        return replace(self, parts=tuple(replace(part, style=style) for part in self.parts))

    def notes(self) -> list[str]:
        """What a person should know about its exemplars, in sentences."""
        return list(dict.fromkeys(note for part in self.parts for note in part.style.remarks))


def make_plan(
    photo: NDArray[np.uint8], faces: Sequence[Face], hole: Hole, styles: Mapping[Key, Style], face: int | str
) -> Plan:
    """Decide what is done to a photo.

    Args:
        photo: uint8 RGB [H, W, 3], upright.
        faces: All of it, left to right.
        hole: Where to complete.
        styles: Whose looks, by whom they are for.
        face: Which faces: an index, `0,2`, `all`, or `auto`: those that the hole touches.

    Raises:
        NoFaceFound: The photo has no face.
        MaskError: The mask does not fit the photo or touches no face, or a region has no hole.
        InputError: There is no such face, or a face has no exemplar, or an exemplar no face.
    """
    size_hw = photo.shape[0], photo.shape[1]
    is_all_but = isinstance(hole, AllBut)
    hole = editing.invert(hole.mask) if isinstance(hole, AllBut) else hole
    if not isinstance(hole, Regions):
        check_mask(hole, size_hw)
    named = sorted({key if isinstance(key, int) else key[0] for key in styles if isinstance(key, int | tuple)})
    chosen = _chosen_faces(faces, face, None if isinstance(hole, Regions) else hole, named)
    wanted_faces, others = split_faces(faces, chosen)
    passes = {index: _passes_of(index, styles) for index in chosen}
    if isinstance(hole, Regions):
        own = {i: [hole.names] if hole.names else [names for names, _ in passes[i] if names] for i in chosen}
        wanted = [(faces[i], names) for i in chosen for names in own[i]]
        if not wanted:
            raise MaskError(NO_HOLE)
        hole = _regions_hole(hole, wanted, others, size_hw)
    elif is_all_but and face != "auto":
        hole = spare_others(hole, wanted_faces, others, inverted=True)
    holes = dict(zip(chosen, divide_hole(hole, wanted_faces), strict=True))
    for index in [index for index in chosen if not _touches_crop(holes[index], faces[index])]:
        if face != "all" or index in named:
            raise MaskError(f"the hole does not reach face {index}; enlarge it, or leave that face out")
        del holes[index], passes[index]
    if not holes:
        raise MaskError(f"the hole reaches none of the {len(faces)} faces found; paint over one")
    return Plan(photo, _make_parts(faces, holes, passes), holes)


def _chosen_faces(faces: Sequence[Face], face: int | str, mask: BoolMask | None, named: Sequence[int]) -> list[int]:
    """Indices of the faces to complete, ascending.

    Args:
        faces: All of the photo, left to right.
        face: An index, or what `select_faces` takes; `auto` without a mask means those named, if there are any.
        mask: The hole; None where it is made of regions of the chosen faces.
        named: Faces that have an exemplar of their own.

    Raises:
        NoFaceFound: The photo has no face.
        MaskError: The mask touches no face.
        InputError: There is no such face, or a named one is not among the chosen.
    """
    which = ",".join(map(str, named)) if mask is None and named and face == "auto" else str(face)
    chosen = select_faces(faces, which, mask)
    others = [index for index in named if index not in chosen]
    if others:
        shown = f"the photo shows {len(faces)} faces, chosen to be completed are {', '.join(map(str, chosen))}"
        raise InputError(
            f"there is an exemplar for face {others[0]}, but {shown}; leave it out, or choose that face too (--face)"
        )
    return chosen


def _regions_hole(
    regions: Regions, wanted: Sequence[tuple[Face, str]], others: Sequence[Face], size_hw: tuple[int, int]
) -> BoolMask:
    """The hole over regions of several faces.

    Args:
        regions: How to grow or invert it.
        wanted: Faces, and the names of their regions.
        others: Faces that are not to be completed; the hole leaves them out.
        size_hw: Height and width of the photo.

    Raises:
        MaskError: They lie outside the photo, or are narrowed to nothing.
    """
    hole = np.zeros(size_hw, dtype=np.bool_)
    for face, names in wanted:
        hole |= editing.grow(region_mask(names, face.landmarks5, size_hw), regions.grow)
    names = " and ".join(dict.fromkeys(names for _, names in wanted))
    chosen = [face for face, _ in wanted]
    return regions_hole(hole, names, chosen, others, grow=regions.grow, invert=regions.invert)


def _touches_crop(mask: BoolMask, face: Face) -> bool:
    """Whether any hole pixel lies in a face's aligned crop."""
    return bool(mask.any()) and hole_outside_crop(mask, face.crop_affine(1), 1) < 1


def _passes_of(index: int, styles: Mapping[Key, Style]) -> list[tuple[str | None, Style]]:
    """Regions (None = all the hole) and styles of one face, in order."""
    whole = styles.get(index, styles.get(None))
    passes: list[tuple[str | None, Style]] = [] if whole is None else [(None, whole)]
    for key, style in styles.items():
        if isinstance(key, str):
            passes.append((key, style))
        elif isinstance(key, tuple) and key[0] == index:
            passes.append((key[1], style))
    if not passes:
        raise InputError(f"face {index} has no exemplar; give one for it ({index}=PHOTO), or one for all faces")
    return passes


def _make_parts(
    faces: Sequence[Face], holes: Mapping[int, BoolMask], passes: Mapping[int, Sequence[tuple[str | None, Style]]]
) -> tuple[Part, ...]:
    """Parts in the order of their rounds, then of their faces."""
    planned = []
    for index, own in passes.items():
        for number, (names, style) in enumerate(own):
            hole = holes[index] if names is None else _within(holes[index], names, index, faces[index])
            # The first pass takes all that the face owns, also what no region covers.
            planned.append((number, index, holes[index] if number == 0 else hole, style))
    planned.sort(key=lambda part: part[:2])
    parts: list[Part] = []
    hole = planned[-1][2]
    for number, index, own_hole, style in reversed(planned):
        hole = hole if own_hole is hole else hole | own_hole
        parts.insert(0, Part(index, faces[index], style, hole, hole, number))
    first_of = {part.round: part for part in reversed(parts)}
    return tuple(replace(part, unknown=first_of[part.round].hole) for part in parts)


def _within(hole: BoolMask, names: str, index: int, face: Face) -> BoolMask:
    part: BoolMask = hole & region_mask(names, face.landmarks5, (hole.shape[0], hole.shape[1]))
    if not part.any():
        raise MaskError(f"the hole does not touch the {names} of face {index}, which has an exemplar; enlarge the hole")
    return part
