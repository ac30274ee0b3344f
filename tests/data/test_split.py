"""Held-out faces are chosen by name alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import write_pictures, zip_folder

from exegan.data.folder_zip import open_source
from exegan.data.source import SubsetSource, position_of, split_of, split_source

NAMES = [f"{number:05}.png" for number in range(2000)]


class Names:
    """A source of names without pictures."""

    block_of = None

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def read(self, index: int) -> None:
        raise NotImplementedError


def held_out(names: list[str], fraction: float) -> set[str]:
    part = split_source(Names(names), fraction)[1]  # type: ignore[arg-type]
    return set() if part is None else set(part.names)


def test_positions_are_even_and_for_ever() -> None:
    positions = np.array([position_of(name) for name in NAMES])
    assert np.abs(np.sort(positions) - np.linspace(0, 1, len(NAMES))).max() < 0.04
    # Written down, since a change here would move faces between training and validation of people's sets.
    assert position_of("00000.png") == pytest.approx(0.90240733, abs=1e-8)
    assert position_of("train-00000-of-00002:17") == pytest.approx(0.15527359, abs=1e-8)


def test_format_and_spelling_of_accents_do_not_count() -> None:
    assert position_of("a/b.png") == position_of("a/b.WEBP") != position_of("b.png")
    assert position_of("e\u0301.png") == position_of("\u00e9.png")
    assert position_of("v1.0:1") != position_of("v1.0:2"), "only a picture's suffix is one"


@pytest.mark.parametrize("fraction", [0.05, 0.3])
def test_share_and_function_agree(fraction: float) -> None:
    chosen = held_out(NAMES, fraction)
    assert len(chosen) / len(NAMES) == pytest.approx(fraction, abs=0.02)
    assert chosen == {name for name in NAMES if split_of(name, fraction) == "validation"}


def test_added_faces_move_no_others() -> None:
    assert held_out(NAMES[:500], 0.1) == held_out(NAMES, 0.1) & set(NAMES[:500])
    assert held_out(NAMES, 0.1) < held_out(NAMES, 0.2)


def test_small_sets_hold_out_some_or_none() -> None:
    assert len(held_out(NAMES[:8], 0.001)) == 4
    assert held_out(NAMES[:7], 0.001) == set(), "too few to hold any out"
    assert held_out(NAMES, 0.0) == set()


def test_views_read_their_own_faces(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", 12)
    for path in (tmp_path / "a", zip_folder(tmp_path / "a", tmp_path / "a.zip")):
        source = open_source(path)
        train, validation = split_source(source, 0.2)
        assert validation is not None and isinstance(train, SubsetSource)
        assert sorted(train.names + validation.names) == source.names
        for view in (train, validation):
            for index, name in enumerate(view.names):
                assert view.read(index).getpixel((0, 0)) == (10 * int(name[:2]), 0, 0)
