"""Which faces are meant, and the holes over them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import make_face

from exegan.errors import InputError, MaskError, NoFaceFound
from exegan.faces.select import faces_mask, select_faces

FACES = [make_face(20, 60, 60), make_face(120, 60, 60), make_face(220, 50, 70)]


def hole(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((200, 300), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("which", "indices"), [("all", [0, 1, 2]), ("0", [0]), ("2", [2]), ("2,0", [0, 2]), ("1, 1", [1]), ("auto", [2])]
)
def test_faces_by_words(which: str, indices: list[int]) -> None:
    assert select_faces(FACES, which) == indices


@pytest.mark.parametrize(
    ("box", "indices"),
    [
        ((40, 80, 60, 100), [0]),
        ((40, 80, 160, 100), [0, 1]),
        ((0, 70, 300, 120), [0, 1, 2]),
        ((150, 100, 151, 101), [1]),
        ((20, 40, 60, 48), [0]),
    ],
    ids=["one", "two", "all", "a pixel", "hair"],
)
def test_auto_takes_the_faces_that_the_hole_touches(box: tuple[int, int, int, int], indices: list[int]) -> None:
    assert select_faces(FACES, "auto", hole(*box)) == indices


def test_hole_between_faces_is_refused_with_their_numbers() -> None:
    pair = [make_face(60, 60, 60), make_face(140, 60, 60)]
    with pytest.raises(MaskError, match="between the faces 0 and 1 and touches neither"):
        select_faces(pair, "auto", hole(124, 80, 136, 100))


def test_hole_far_from_all_faces_is_refused() -> None:
    with pytest.raises(MaskError, match="touches none of the 1 faces"):
        select_faces([make_face(180, 60, 60)], "auto", hole(0, 190, 10, 200))


@pytest.mark.parametrize(
    ("count", "which", "said"),
    [
        (3, "3", "no face 3, the photo has 3 faces, numbers 0 to 2 from left to right"),
        (1, "0,7", "no face 7, the photo has one face, number 0 from left to right"),
        (3, "-1", "the face is '-1', expected auto, all, or numbers"),
        (3, "left", "the face is 'left'"),
        (3, "", "the face is ''"),
        (3, "0,", "the face is '0,'"),
        (3, "²", "the face is '²'"),
    ],
)
def test_faces_that_are_not_there(count: int, which: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        select_faces(FACES[:count], which)


@pytest.mark.parametrize("which", ["all", "auto", "0", "nonsense"])
def test_photo_without_faces(which: str) -> None:
    with pytest.raises(NoFaceFound, match="no face was found"):
        select_faces([], which)


def test_mask_of_several_faces() -> None:
    both = faces_mask((200, 300), FACES[:2], "eyes+mouth")
    assert np.array_equal(
        both, faces_mask((200, 300), FACES[:1], "eyes+mouth") | faces_mask((200, 300), FACES[1:2], "eyes+mouth")
    )
    for face in FACES[:2]:
        for x, y in face.landmarks5[[0, 1, 3, 4]].astype(int):
            assert both[y, x]
    assert not both[:, 200:].any()


def test_growing_comes_before_inverting() -> None:
    plain, grown = (faces_mask((200, 300), FACES, "mouth", grow=pixels) for pixels in (0, 4))
    assert plain.sum() < grown.sum() and not (plain & ~grown).any()
    assert np.array_equal(faces_mask((200, 300), FACES, "mouth", grow=4, invert=True), ~grown)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"regions": "moth"}, "'moth' is unknown"), ({"regions": "mouth", "grow": -50}, "nothing of 'mouth' is left")],
)
def test_masks_that_cannot_be(options: dict[str, object], said: str) -> None:
    with pytest.raises(MaskError, match=said):
        faces_mask((200, 300), FACES, **options)  # type: ignore[arg-type]
