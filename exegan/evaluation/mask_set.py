"""Frozen mask sets: a folder that name, count and seed determine to the last pixel, and whose hash results record."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from exegan._version import __version__
from exegan.errors import InputError, MaskError
from exegan.io import read_mask
from exegan.io.files import json_text, reason, replacing
from exegan.masks.editing import BoolMask
from exegan.masks.random import irregular_mask
from exegan.masks.regions import crop_region_mask

DESCRIPTION = "mask-set.json"
IRREGULAR = {"0-20": (0.0, 0.2), "20-40": (0.2, 0.4), "40-60": (0.4, 0.6), "60-80": (0.6, 0.8)}
CENTRE = "centre-box"
FACE_REGIONS = ("eyes", "mouth", "upper-face", "lower-face", "face", "glasses", "face-mask")
_SIDES = (32, 1024)


@dataclass(frozen=True)
class MaskSet:
    """A mask set on disk, checked.

    Args:
        folder: Where it is.
        name: Such as `irregular-256`.
        size: Side of the masks in pixels.
        sha256: Of each bin, over names and pixels of its masks.
        counts: Masks in each bin.
    """

    folder: Path
    name: str
    size: int
    sha256: dict[str, str]
    counts: dict[str, int]

    def mask(self, bin_name: str, number: int) -> BoolMask:
        """Bool [S, S], True = hole."""
        return read_mask(self.folder / mask_file(bin_name, number))

    def facts(self, bins: Sequence[str]) -> dict[str, Any]:
        """JSON-ready: name and the hashes of some bins."""
        return {"name": self.name, "sha256": {name: self.sha256[name] for name in bins}}


def write_mask_set(name: str, folder: Path, count: int = 100, seed: int = 0) -> MaskSet:
    """Generate a mask set; the same name, count and seed give the same hash on every machine.

    Args:
        name: `irregular-SIDE`: irregular holes in bins of their share, a centre box of half the side, and regions where
            they lie in the mean FFHQ crop.
        folder: New or empty.
        count: Masks in each irregular bin; box and regions are one each.
        seed: Of the irregular ones.

    Raises:
        InputError: The folder is in the way or cannot be written.
        MaskError: There is no set of that name, or the count or seed is out of range.
    """
    side = _side(name)
    if not 1 <= count <= 9999 or seed < 0:
        raise MaskError(f"got count {count} and seed {seed}, expected a count of 1 to 9999 and a seed from 0 up")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} is there already, expected a new or empty folder; give another name")
        names = [*IRREGULAR, CENTRE, *FACE_REGIONS]
        digests, counts = {bin_name: hashlib.sha256() for bin_name in names}, dict.fromkeys(names, 0)
        with replacing(folder) as temporary:
            for bin_name, number, mask in _generate(side, count, seed):
                path = temporary / mask_file(bin_name, number)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(path, format="PNG")
                _update(digests[bin_name], bin_name, number, mask)
                counts[bin_name] += 1
            sha256 = {bin_name: digest.hexdigest() for bin_name, digest in digests.items()}
            facts = {"name": name, "size": side, "seed": seed, "counts": counts, "sha256": sha256}
            description = json_text({"exegan": __version__, **facts})
            (temporary / DESCRIPTION).write_text(description, encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a character that no name may have
        raise InputError(f"{folder} cannot be written ({reason(error)}); choose another place") from error
    return MaskSet(folder, name, side, sha256, counts)


def open_mask_set(folder: Path) -> MaskSet:
    """Read a mask set and make sure that its masks are those it was written with.

    Raises:
        InputError: It is no mask set, or a mask is missing or was changed.
    """
    path = folder / DESCRIPTION
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        counts = {str(bin_name): int(count) for bin_name, count in facts["counts"].items()}
        sha256 = {bin_name: str(facts["sha256"][bin_name]) for bin_name in counts}
        found = MaskSet(folder, str(facts["name"]), int(facts["size"]), sha256, counts)
        if not all(re.fullmatch(r"[A-Za-z0-9-]{1,64}", bin_name) for bin_name in counts):
            raise ValueError("a bin whose name is not that of a folder in the set")
    # Infinity, which Python's JSON knows, is an OverflowError, and brackets without end are a RecursionError.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{folder} is no mask set (its {DESCRIPTION} cannot be read); make one with 'exegan mask-set'"
        ) from error
    for bin_name, count in counts.items():
        digest = hashlib.sha256()
        for number in range(count):
            mask = found.mask(bin_name, number)
            if mask.shape != (found.size, found.size):
                raise InputError(
                    f"{folder / mask_file(bin_name, number)} is not {found.size} px a side; make the set again"
                )
            _update(digest, bin_name, number, mask)
        if digest.hexdigest() != sha256[bin_name]:
            raise InputError(f"the masks in {folder / bin_name} are not those of {DESCRIPTION}; make the set again")
    return found


def _generate(side: int, count: int, seed: int) -> Iterator[tuple[str, int, BoolMask]]:
    """Bin, number in it, mask [S, S]."""
    for place, (bin_name, shares) in enumerate(IRREGULAR.items()):
        for number in range(count):
            # Far enough apart that no two bins share a seed.
            yield bin_name, number, irregular_mask((side, side), shares, seed * 100_000 + place * 10_000 + number)
    box = np.zeros((side, side), dtype=np.bool_)
    box[side // 4 : side - side // 4, side // 4 : side - side // 4] = True
    yield CENTRE, 0, box
    for region in FACE_REGIONS:
        yield region, 0, crop_region_mask(region, side)


def _side(name: str) -> int:
    match = re.fullmatch(r"irregular-(\d{2,4})", name)
    side = int(match[1]) if match else 0
    if not _SIDES[0] <= side <= _SIDES[1]:
        raise MaskError(f"there is no mask set {name!r}, expected irregular-SIDE with a side of 32 to 1024 px")
    return side


def mask_file(bin_name: str, number: int) -> str:
    """Path of a mask in its set."""
    return f"{bin_name}/{number:04}.png"


def _update(digest: Any, bin_name: str, number: int, mask: BoolMask) -> None:
    digest.update(f"{mask_file(bin_name, number)} {mask.shape}\0".encode())
    digest.update(np.packbits(mask).tobytes())
