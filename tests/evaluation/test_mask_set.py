"""Mask sets: the same to the last pixel, checked, never half-written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exegan.errors import InputError, MaskError
from exegan.evaluation.mask_set import CENTRE, DESCRIPTION, IRREGULAR, open_mask_set, write_mask_set


def test_bins_hold_what_they_say(tmp_path: Path) -> None:
    written = write_mask_set("irregular-64", tmp_path / "set", count=3)
    assert open_mask_set(tmp_path / "set") == written
    for name, (low, high) in IRREGULAR.items():
        shares = [written.mask(name, number).mean() for number in range(3)]
        assert all(low <= share <= high for share in shares) and len(set(shares)) > 1
    box = written.mask("centre-box", 0)
    assert box.shape == (64, 64) and box[16:48, 16:48].all() and box.sum() == 32**2
    eyes, mouth = written.mask("eyes", 0), written.mask("mouth", 0)
    assert np.nonzero(eyes)[0].max() < np.nonzero(mouth)[0].min()


def test_the_published_masks(tmp_path: Path) -> None:
    """A hash that must never change: results would no longer be comparable."""
    written = write_mask_set("irregular-64", tmp_path / "a", count=2)
    assert {name: digest[:16] for name, digest in written.sha256.items() if name in (*IRREGULAR, CENTRE)} == {
        "0-20": "b22ca41a134de9e2",
        "20-40": "cf8bd6a3dd186fa3",
        "40-60": "e71812d603a34a8c",
        "60-80": "7423a9b08314e662",
        "centre-box": "b4a34ce03d8742d2",
    }
    other = write_mask_set("irregular-64", tmp_path / "b", count=2, seed=1)
    assert all(other.sha256[name] != written.sha256[name] for name in IRREGULAR)


def test_changed_masks_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_mask_set("irregular-32", folder, count=1)
    mask = folder / "20-40" / "0000.png"
    before = mask.read_bytes()
    Image.new("1", (32, 32), 1).save(mask)
    with pytest.raises(InputError, match=r"20-40 are not those of mask-set\.json"):
        open_mask_set(folder)
    Image.new("1", (16, 16), 1).save(mask)
    with pytest.raises(InputError, match=r"0000\.png is not 32 px a side"):
        open_mask_set(folder)
    mask.unlink()
    with pytest.raises(InputError, match=r"0000\.png does not exist"):
        open_mask_set(folder)
    mask.write_bytes(before)
    assert open_mask_set(folder).counts["20-40"] == 1


ONE_BIN = '{"name": "x", "size": 32, "counts": {"%s": %s}, "sha256": {"%s": "0"}}'


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", json.dumps({"counts": [], "name": "x"}), "[" * 100_000),
        *(ONE_BIN % ("a", count, "a") for count in ("Infinity", "NaN", "1e999", "9" * 5000, "null")),
        *(ONE_BIN % (name, 1, name) for name in ("../faces", "a" * 300, "a\\u0000b", "\\ud800", "")),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / DESCRIPTION).write_text(text)
    with pytest.raises(InputError, match="is no mask set"):
        open_mask_set(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no mask set"):
        open_mask_set(tmp_path / name)
    with pytest.raises(InputError, match="cannot be written"):
        write_mask_set("irregular-32", tmp_path / name, count=1)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_or_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(InputError, match="there already"):
        write_mask_set("irregular-32", tmp_path / "full", count=1)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match="No space left"):
        write_mask_set("irregular-32", tmp_path / "new", count=1)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize("name", ["faces", "irregular-8", "irregular-4096", "irregular-x"])
def test_unknown_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(MaskError, match="expected irregular-SIDE"):
        write_mask_set(name, tmp_path / "set")


def test_counts_and_seeds_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="count 0 and seed 0"):
        write_mask_set("irregular-32", tmp_path / "set", count=0)
    with pytest.raises(MaskError, match="count 1 and seed -1"):
        write_mask_set("irregular-32", tmp_path / "set", count=1, seed=-1)
