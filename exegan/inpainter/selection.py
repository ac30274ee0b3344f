"""Which faces of a photo are completed, seen that some may have an exemplar of their own."""

from __future__ import annotations

from collections.abc import Sequence

from exegan.errors import InputError
from exegan.faces.face import Face
from exegan.faces.select import choose_face, select_faces
from exegan.inpainter.holes import BoolMask


def chosen_faces(faces: Sequence[Face], face: int | str, mask: BoolMask | None, named: Sequence[int]) -> list[int]:
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


def chosen_face(faces: Sequence[Face], face: int | str, mask: BoolMask) -> int:
    """Index of the one face to complete; as above, but `auto` means the one that the mask touches most.

    Raises:
        InputError: Several were asked for.
    """
    if face == "auto":
        return list(faces).index(choose_face(faces, mask))
    chosen = select_faces(faces, str(face), mask)
    if len(chosen) > 1:
        raise InputError(f"the face is {str(face)!r}, which means {len(chosen)} faces, expected one here")
    return chosen[0]
