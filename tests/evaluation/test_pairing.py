"""Frozen pairs depend on names and seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from exegan.errors import InputError
from exegan.evaluation.cases import check_pairs, exemplars_of, mask_number, picture_seed, stem_of, stems_of

STEMS = [f"face{number:02}" for number in range(12)]


def test_a_face_its_exemplar_and_the_other_are_three() -> None:
    exemplars, others = exemplars_of(STEMS, 0)
    assert sorted(exemplars) == sorted(others) == list(range(12))
    for number in range(12):
        assert len({number, exemplars[number], others[number]}) == 3


def test_order_of_files_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(12)
    there = [STEMS[number] for number in order]
    exemplars, _ = exemplars_of(STEMS, 3)
    moved, _ = exemplars_of(there, 3)
    pairs = {STEMS[number]: STEMS[exemplars[number]] for number in range(12)}
    assert pairs == {there[number]: there[moved[number]] for number in range(12)}
    assert not np.array_equal(exemplars, exemplars_of(STEMS, 4)[0])


def test_the_published_choice() -> None:
    """Numbers that must never change: results would no longer be comparable."""
    assert exemplars_of(["a", "b", "c", "d"], 0)[0].tolist() == [3, 2, 0, 1]
    assert [mask_number(stem, "20-40", 100, 0) for stem in "abc"] == [93, 40, 19]
    assert picture_seed("a", "20-40", 0) == 6134979497724110666


def test_too_few_faces() -> None:
    with pytest.raises(InputError, match="got 2 faces, expected at least 3"):
        exemplars_of(["a", "b"], 0)


def test_stems() -> None:
    assert stem_of("a/b.v2.png") == "a/b.v2"
    assert stems_of(["a/x.png", "b/x.jpg"], "DIR") == {"a/x": 0, "b/x": 1}
    with pytest.raises(InputError, match=r"DIR holds both x\.png and x\.jpg"):
        stems_of(["x.png", "x.jpg"], "DIR")


def test_missing_partners_are_named() -> None:
    check_pairs(["a"], ["b", "a"], "DIR")
    with pytest.raises(InputError, match=r"DIR has no picture named b\.\* \(2 of 3 are missing"):
        check_pairs(["c", "a", "b"], ["a"], "DIR")
