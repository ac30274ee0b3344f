"""A face as a value: largest, moved, reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import make_face

from exegan.errors import NoFaceFound
from exegan.faces.detect import largest_face


def test_largest_face() -> None:
    small, large = make_face(0, 0, 30), make_face(100, 0, 90)
    assert largest_face([small, large]) is large
    with pytest.raises(NoFaceFound):
        largest_face([])


def test_a_moved_face_keeps_its_landmarks_in_its_box() -> None:
    face = make_face(10, 20, 80)
    moved = face.moved(np.array([[2.0, 0.0, 5.0], [0.0, 2.0, -7.0]]))
    assert moved.box_xyxy == pytest.approx((25, 33, 185, 193))
    assert np.allclose(moved.landmarks5, face.landmarks5 * 2 + [5, -7])
    assert moved.area == pytest.approx(4 * face.area)
    quarter = face.moved(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]))
    assert quarter.box_xyxy == pytest.approx((-100, 10, -20, 90))


def test_a_turned_circle_has_the_same_box() -> None:
    turn = np.sqrt(0.5) * np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0]])
    left, top, right, bottom = make_face(10, 20, 80).moved(turn).box_xyxy
    assert (right - left, bottom - top) == pytest.approx((80, 80))


def test_report_is_json() -> None:
    report = json.loads(json.dumps(make_face(10, 20, 80).report()))
    assert report["box_xyxy"] == [10.0, 20.0, 90.0, 100.0]
    assert report["landmarks5"][0] == [34.0, 52.0]
    assert report["score"] == 0.99
