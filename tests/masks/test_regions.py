"""Regions: where they lie in an upright face, and that they go where the face goes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from exegan.errors import MaskError
from exegan.faces.detect import Face, FaceDetector, largest_face
from exegan.masks.editing import BoolMask
from exegan.masks.regions import LANDMARKS, REGIONS, Points, crop_region_mask, parse_regions, region_mask

Shared = Callable[[str], Path]
NAMES = pytest.mark.parametrize("name", sorted(REGIONS))


def centre(mask: BoolMask) -> Points:
    """x, y of the middle of the hole, as shares of the sides."""
    return (np.argwhere(mask).mean(axis=0)[::-1] + 0.5) / mask.shape[::-1]


@NAMES
def test_regions_scale_with_the_crop_and_stay_inside_the_face(name: str) -> None:
    small, large = crop_region_mask(name, 64), crop_region_mask(name, 256)
    assert small.shape == (64, 64) and large.dtype == np.bool_
    assert 0.005 < large.mean() < 0.45
    assert small.mean() == pytest.approx(large.mean(), abs=0.01)
    assert not (large & ~crop_region_mask("face", 256)).any()


def test_regions_lie_as_their_names_say() -> None:
    middle = {name: centre(crop_region_mask(name, 256)) for name in REGIONS}
    downwards = ["forehead", "brows", "eyes", "nose", "mouth", "chin"]
    heights = [middle[name][1] for name in downwards]
    assert heights == sorted(heights)
    assert middle["left-eye"][0] == pytest.approx(1 - middle["right-eye"][0], abs=0.01)
    assert middle["left-eye"][0] < 0.4
    assert middle["upper-face"][1] < 0.5 < middle["lower-face"][1]
    pairs = ["eyes", "brows", "cheeks", "nose", "mouth", "face"]
    assert [middle[name][0] for name in pairs] == pytest.approx([0.5] * len(pairs), abs=0.01)


@pytest.mark.parametrize(
    ("one", "other"), [("eyes", "mouth"), ("eyes", "nose"), ("nose", "cheeks"), ("brows", "mouth")]
)
def test_parts_hardly_overlap(one: str, other: str) -> None:
    both = crop_region_mask(one, 256) & crop_region_mask(other, 256)
    assert both.sum() < 0.1 * crop_region_mask(one, 256).sum()


def test_halves_make_the_whole() -> None:
    halves = crop_region_mask("upper-face+lower-face", 256)
    whole = crop_region_mask("face", 256)
    assert (halves != whole).mean() < 0.005


def test_several_regions_are_their_union() -> None:
    eyes, mouth = crop_region_mask("eyes", 128), crop_region_mask("mouth", 128)
    assert np.array_equal(crop_region_mask("eyes + mouth", 128), eyes | mouth)
    assert np.array_equal(crop_region_mask("left-eye+right-eye", 128), eyes)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(REGIONS)), st.floats(-180, 180), st.floats(90, 200), st.floats(0.5, 1.0))
def test_regions_follow_the_face_through_any_affine(name: str, degrees: float, side: float, squeeze: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([squeeze * side, side])
    shift = np.array([200.0, 200.0]) - turn @ [0.5, 0.5]
    moved = region_mask(name, LANDMARKS[:, :2] @ turn.T + shift, (400, 400))
    upright = np.argwhere(crop_region_mask(name, 512))[:, ::-1]
    expected = ((upright + 0.5) / 512).mean(axis=0) @ turn.T + shift
    assert (np.argwhere(moved)[:, ::-1] + 0.5).mean(axis=0) == pytest.approx(expected, abs=0.6)
    area = crop_region_mask(name, 512).mean() * squeeze * side**2
    assert moved.sum() == pytest.approx(area, rel=0.05, abs=10)


def test_a_part_lies_on_its_own_landmark() -> None:
    landmarks = LANDMARKS[:, :2] * 256
    landmarks[[3, 4]] += [[-15.0, 6.0], [15.0, 6.0]]  # a broad smile
    wide, usual = region_mask("mouth", landmarks, (256, 256)), crop_region_mask("mouth", 256)
    width = [np.ptp(np.flatnonzero(mask.any(axis=0))) for mask in (wide, usual)]
    assert width[0] - width[1] > 12
    for x, y in landmarks[[3, 4]].astype(int):
        assert wide[y, x]


def test_far_side_of_a_turned_head_is_narrower() -> None:
    landmarks = LANDMARKS[:, :2] * 256
    landmarks[2, 0] += 12  # the nose points to the right, so the right cheek goes out of sight
    mask = region_mask("cheeks", landmarks, (256, 256))
    nose = round(landmarks[2, 0])
    assert mask[:, nose:].sum() < 0.8 * mask[:, :nose].sum()


@pytest.mark.parametrize("shift", [(-1000, 0), (0, 1000), (1000, -1000)])
def test_a_face_beyond_the_photo_gives_no_hole(shift: tuple[int, int]) -> None:
    mask = region_mask("face", LANDMARKS[:, :2] * 100 + shift, (50, 60))
    assert mask.shape == (50, 60) and not mask.any()


@pytest.mark.parametrize("text", ["", "eye", "eyes+", "eyes,mouth", "Eyes", "eyes+hair"])
def test_unknown_regions_are_named_with_the_known_ones(text: str) -> None:
    with pytest.raises(MaskError, match=r"is unknown; use eyes, left-eye, .*, face-mask, or several as eyes"):
        parse_regions(text)


# Indices of the 68 points, which run jaw, brows, nose, eyes, mouth; and the share that must lie in the region.
POINTS = {
    "eyes": (range(36, 48), 0.97),
    "brows": (range(17, 27), 0.85),
    "nose": (range(27, 36), 0.92),
    "mouth": (range(48, 68), 0.96),
    "chin": (range(7, 10), 0.9),
    "lower-face": ([*range(4, 13), *range(30, 36), *range(48, 68)], 0.96),
    "upper-face": ([*range(17, 28), *range(36, 48)], 0.97),
    "face": (range(68), 0.93),
}


def measured(photos: list[Image.Image], network: Path) -> list[tuple[Face, Points, Image.Image]]:
    """Detected faces with the 68 points that a network of another origin finds."""
    runtime = pytest.importorskip("onnxruntime")
    session, detector = runtime.InferenceSession(str(network)), FaceDetector()
    found = []
    for photo in photos:
        face = largest_face(detector.detect(photo))
        left, top, right, bottom = face.box_xyxy
        side = max(right - left, bottom - top) * 1.1
        corner = np.array([left + right - side, top + bottom - side]) / 2
        crop = photo.crop((*corner.round(), *(corner + side).round())).resize((112, 112), Image.Resampling.BILINEAR)
        pixels = np.asarray(crop, dtype=np.float32).transpose(2, 0, 1)[None] / 255
        (points,) = session.run(None, {session.get_inputs()[0].name: pixels})
        found.append((face, points.reshape(68, 2) * side + corner, photo))
    return found


def test_regions_cover_the_points_they_should(shared: Shared) -> None:
    photos = [Image.open(path).convert("RGB") for path in sorted(shared("photos").glob("*.jpg"))[::8]]
    with zipfile.ZipFile(shared("data/celebahq256-sample.zip")) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".webp"))[::110]
        photos += [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    inside: dict[str, list[float]] = {name: [] for name in POINTS}
    for face, points, photo in measured(photos, shared("nets/pfld68.onnx")):
        rows, columns = (points.astype(int).T)[::-1]
        rows, columns = rows.clip(0, photo.height - 1), columns.clip(0, photo.width - 1)
        for name, (indices, _) in POINTS.items():
            mask = region_mask(name, face.landmarks5, (photo.height, photo.width))
            inside[name].append(float(mask[rows, columns][list(indices)].mean()))
    shares = {name: float(np.mean(values)) for name, values in inside.items()}
    assert {name: share for name, share in shares.items() if share < POINTS[name][1]} == {}
