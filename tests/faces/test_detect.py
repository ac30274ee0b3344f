"""Which faces are found, and which one is meant."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exegan.errors import MaskError, NoFaceFound
from exegan.faces.align import crop_side, ffhq_affine, invert_affine
from exegan.faces.detect import Face, FaceDetector, choose_face, largest_face
from exegan.images import read_photo

Shared = Callable[[str], Path]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def make_face(x: float, y: float, size: float) -> Face:
    """A face whose box has its upper left corner there; its aligned crop reaches beyond the box on all sides."""
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * size + [x, y]
    return Face((x, y, x + size, y + size), landmarks, 0.99)


def hole(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((200, 300), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def test_face_whose_box_holds_most_of_the_hole_is_meant() -> None:
    left, right = make_face(40, 60, 60), make_face(180, 60, 60)
    assert choose_face([left, right], hole(60, 80, 70, 90)) is left
    assert choose_face([left, right], hole(90, 80, 230, 90)) is right
    assert choose_face([right, left], hole(90, 80, 230, 90)) is right


def test_hole_beside_all_boxes_goes_to_the_crop_that_reaches_it() -> None:
    left, right = make_face(40, 60, 60), make_face(180, 60, 60)
    assert choose_face([left, right], hole(60, 45, 80, 55)) is left, "hair above the box"


def test_hole_that_touches_no_face_is_refused() -> None:
    with pytest.raises(MaskError, match="touches none of the 1 faces"):
        choose_face([make_face(180, 60, 60)], hole(0, 190, 10, 200))
    with pytest.raises(NoFaceFound, match=r"no face was found in the photo \(300x200\)"):
        choose_face([], hole(0, 0, 10, 10))


def test_largest_face() -> None:
    small, large = make_face(0, 0, 30), make_face(100, 0, 90)
    assert largest_face([small, large]) is large
    with pytest.raises(NoFaceFound):
        largest_face([])


@pytest.mark.parametrize("size", [(5, 5), (3, 400), (200, 200)])
def test_no_face_in_a_flat_picture(detector: FaceDetector, size: tuple[int, int]) -> None:
    assert detector.detect(Image.new("RGB", size, (120, 130, 140))) == []


def test_photo_of_a_person(detector: FaceDetector, shared: Shared) -> None:
    photo = read_photo(shared("photos/female-08.jpg")).resize((600, 600))
    (face,) = detector.detect(photo)
    left, top, right, bottom = face.box_xyxy
    assert 60 < right - left < 400
    x, y = face.landmarks5.T
    assert x[0] < x[1]
    assert x[3] < x[4]
    assert max(y[0], y[1]) < y[2] < min(y[3], y[4])
    assert ((left < x) & (x < right) & (top < y) & (y < bottom)).all()
    (again,) = detector.detect(photo)
    assert np.array_equal(face.landmarks5, again.landmarks5), "the same every time"


def test_two_people_are_found_from_left_to_right(detector: FaceDetector, shared: Shared) -> None:
    pair = Image.new("RGB", (800, 400))
    for i, name in enumerate(("male-06", "female-10")):
        pair.paste(read_photo(shared(f"photos/{name}.jpg")).resize((400, 400)), (400 * i, 0))
    first, second = detector.detect(pair)
    assert first.box_xyxy[2] < 400 < second.box_xyxy[0]


def test_large_photo_gives_coordinates_of_its_own_size(detector: FaceDetector, shared: Shared) -> None:
    photo = read_photo(shared("photos/male-06.jpg"))
    (small,), (large,) = detector.detect(photo.resize((1000, 1000))), detector.detect(photo.resize((3000, 3000)))
    assert np.allclose(small.landmarks5 * 3, large.landmarks5, atol=0.02 * 3000)


def test_aligned_face_gives_its_own_crop(detector: FaceDetector, shared: Shared) -> None:
    sides, centres = [], []
    with zipfile.ZipFile(shared("data/faces256-test.zip")) as archive:
        for name in sorted(archive.namelist())[:6]:
            with Image.open(io.BytesIO(archive.read(name))) as image:
                affine = ffhq_affine(largest_face(detector.detect(image.convert("RGB"))).landmarks5, 256)
            sides.append(crop_side(affine, 256))
            back = invert_affine(affine)
            centres.append(back[:, :2] @ [128, 128] + back[:, 2])
    assert np.mean(sides) == pytest.approx(256, rel=0.05)
    assert np.allclose(np.mean(centres, axis=0), 128, atol=4)


def test_face_that_fills_its_picture_is_found(detector: FaceDetector, shared: Shared) -> None:
    photo = read_photo(shared("photos/female-08.jpg"))
    (face,) = detector.detect(photo)
    tight = photo.crop(tuple(round(side) for side in face.box_xyxy)).resize((200, 260))
    assert len(detector.detect(tight)) == 1
