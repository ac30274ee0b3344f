"""Which faces are found, and how well their landmarks lie."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exegan.faces.align import crop_side, ffhq_affine, invert_affine
from exegan.faces.detect import FaceDetector, largest_face
from exegan.io import read_photo

Shared = Callable[[str], Path]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


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


def placed(
    detector: FaceDetector, photo: Image.Image, height: int, degrees: float, side: int
) -> tuple[Image.Image, np.ndarray]:
    """The photo's face at a height in pixels, turned, in the middle of a square picture; and its landmarks there."""
    (face,) = detector.detect(photo)
    left, top, right, bottom = face.box_xyxy
    scale, angle = height / (bottom - top), np.radians(degrees)
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = np.array([side / 2, side / 2]) - matrix @ [(left + right) / 2, (top + bottom) / 2]
    small = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS)
    back = invert_affine(np.column_stack([matrix / scale, shift]))
    picture = small.transform(
        (side, side), Image.Transform.AFFINE, back.ravel().tolist(), Image.Resampling.BICUBIC, fillcolor=(110, 120, 130)
    )
    return picture, face.landmarks5 @ matrix.T + shift


@pytest.mark.parametrize("name", ["female-10", "male-06"])
@pytest.mark.parametrize(("height", "degrees"), [(40, 0), (40, 45), (40, -45), (100, 45), (100, -45), (300, 30)])
def test_small_and_turned_faces(detector: FaceDetector, shared: Shared, name: str, height: int, degrees: float) -> None:
    picture, landmarks = placed(detector, read_photo(shared(f"photos/{name}.jpg")), height, degrees, 600)
    (face,) = detector.detect(picture)
    eyes = np.hypot(*(landmarks[1] - landmarks[0]))
    assert np.hypot(*(face.landmarks5 - landmarks).T).mean() < 0.12 * eyes
    left, top, right, bottom = face.box_xyxy
    assert ((left, top) < landmarks).all() and (landmarks < (right, bottom)).all()
    assert 0.7 * height < bottom - top < 1.5 * height


def test_small_face_in_a_large_photo(detector: FaceDetector, shared: Shared) -> None:
    picture, landmarks = placed(detector, read_photo(shared("photos/male-06.jpg")), 40, 0, 2100)
    (face,) = detector.detect(picture)
    assert np.abs(face.landmarks5 - landmarks).max() < 5


@pytest.mark.parametrize("name", ["female-13", "female-27", "female-35", "male-92"])
def test_patterns_are_no_faces(detector: FaceDetector, shared: Shared, name: str) -> None:
    photo = read_photo(shared(f"photos/{name}.jpg"))
    (face,) = detector.detect(photo)
    below = round(1.25 * face.box_xyxy[3] - 0.25 * face.box_xyxy[1])
    assert detector.detect(photo.crop((0, below, photo.width, photo.height))) == []


def test_noise_is_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert detector.detect(Image.fromarray(noise)) == []


def test_order_is_from_left_to_right_and_the_same_every_time(detector: FaceDetector, shared: Shared) -> None:
    group = Image.new("RGB", (900, 600))
    for i, (name, y) in enumerate((("male-86", 290), ("female-10", 0), ("male-22", 150))):
        group.paste(read_photo(shared(f"photos/{name}.jpg")).resize((300, 300)), (300 * i, y))
    faces = detector.detect(group)
    assert [int(face.box_xyxy[0] // 300) for face in faces] == [0, 1, 2]
    assert [face.box_xyxy for face in detector.detect(group)] == [face.box_xyxy for face in faces]
