"""Which faces of a photo are completed."""

from __future__ import annotations

from collections.abc import Sequence

from exegan.errors import InputError, NoFaceFound
from exegan.faces.detect import Face, choose_face
from exegan.inpainter.holes import BoolMask


def chosen_faces(faces: Sequence[Face], face: int | str, mask: BoolMask | None, named: Sequence[int]) -> list[int]:
    """Indices of the faces to complete.

    Args:
        faces: All of the photo, left to right.
        face: An index, `0,2`, `all`, or `auto`.
        mask: The hole; None where it is made of regions, so that it touches the faces that are chosen.
        named: Faces that have an exemplar of their own.

    Returns:
        Ascending. `auto` means the faces that the mask touches; without a mask those named, or else the only one.

    Raises:
        NoFaceFound: The photo has no face.
        MaskError: The mask touches no face.
        InputError: There is no such face, nobody said which, or a named one is not among the chosen.
    """
    if not faces:
        raise NoFaceFound("no face was found in the photo; give one that shows a face clearly")
    nobody_said = face == "auto" and mask is None
    chosen = (list(named) or _only(faces)) if nobody_said else _select(faces, str(face), mask)
    for index in named:
        if index >= len(faces):
            raise InputError(f"there is an exemplar for face {index}, but the photo shows {_count(faces)}")
        if index not in chosen:
            raise InputError(
                f"there is an exemplar for face {index}, which is not completed (faces chosen:"
                f" {', '.join(map(str, chosen))}); let the mask touch it, or choose it (--face)"
            )
    return chosen


def _only(faces: Sequence[Face]) -> list[int]:
    if len(faces) > 1:
        raise InputError(f"the photo shows {_count(faces)}; say which one to complete, by its number or 'all' (--face)")
    return [0]


def _count(faces: Sequence[Face]) -> str:
    return "one face, number 0" if len(faces) == 1 else f"{len(faces)} faces, 0 to {len(faces) - 1} from the left"


def _select(faces: Sequence[Face], text: str, mask: BoolMask | None) -> list[int]:
    if text == "all":
        return list(range(len(faces)))
    if text == "auto" and mask is not None:
        touched = [i for i, face in enumerate(faces) if _touches(face, mask)]
        return touched or [list(faces).index(choose_face(faces, mask))]
    try:
        chosen = sorted({int(number) for number in text.split(",")})
    except ValueError:
        raise InputError(f"the face is {text!r}, expected a number, several as 0,2, 'all' or 'auto'") from None
    for index in chosen:
        if not 0 <= index < len(faces):
            raise InputError(f"there is no face {index}; the photo shows {_count(faces)}")
    return chosen


def _touches(face: Face, mask: BoolMask) -> bool:
    left, top, right, bottom = (max(0, round(side)) for side in face.box_xyxy)
    return bool(mask[top:bottom, left:right].any())


def chosen_face(faces: Sequence[Face], face: int | str, mask: BoolMask) -> int:
    """Index of the one face to complete; arguments and errors as above, `auto` means the one the mask touches most.

    Raises:
        InputError: Several were asked for.
    """
    if face == "auto":
        return list(faces).index(choose_face(faces, mask))
    chosen = chosen_faces(faces, face, mask, [])
    if len(chosen) > 1:
        raise InputError(f"the face is {str(face)!r}, which means {len(chosen)} faces, expected one here")
    return chosen[0]
