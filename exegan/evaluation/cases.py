"""The cases of an evaluation: which picture, exemplar and hole go together, paired by name.

`FaceCases` are faces that methods complete, `FolderCases` pictures that another program has completed.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.data.folder_zip import open_source
from exegan.data.source import FaceSource, to_square
from exegan.errors import InputError
from exegan.evaluation.mask_set import MaskSet, mask_file, open_mask_set

Pixels = NDArray[np.uint8]
WHOLE = "whole"
_KEPT = 512


class Cases(Protocol):
    """Pictures to be completed, one for each name, in every bin.

    Args:
        stems: Name of each case, without extension.
        bins: Kinds of holes; `whole` alone where the holes are not known.
        exemplars: Number of each case's exemplar, for `portrait`; None where there are none.
        others: Number of a random other face for each case; None with `exemplars`.
        portraits: How many pictures `portrait` knows; the first are the cases' own.
    """

    stems: list[str]
    bins: list[str]
    exemplars: NDArray[np.int64] | None
    others: NDArray[np.int64] | None
    portraits: int

    def portrait(self, number: int) -> Pixels:
        """RGB [H, W, 3]: the true picture of case `number`, or an exemplar where the number is larger."""

    def mask(self, bin_name: str, number: int) -> NDArray[np.bool_] | None:
        """Hole [H, W] of a case; None where it is not known."""

    def facts(self) -> dict[str, Any]:
        """JSON-ready: what determines the cases, down to their pixels."""


class FaceCases:
    """Faces of a source, resized to the masks' size, with frozen exemplars and masks.

    Args:
        data: As for `exegan.data.folder_zip.open_source`.
        masks: Folder of a mask set.
        images: The first so many by name; None takes all.
        bins: Some of the mask set's bins.
        seed: Of the pairing.

    Raises:
        InputError: The data or the masks cannot be used.
    """

    def __init__(self, data: str, masks: Path, images: int | None, bins: Sequence[str], seed: int) -> None:
        self.mask_set, self.seed, self.bins = open_mask_set(masks), seed, list(bins)
        self._source, self._data = open_source(data), data
        names = sorted(self._source.names)[:images]
        where = {name: index for index, name in enumerate(self._source.names)}
        self._indices = [where[name] for name in names]
        self.names = names
        self.stems = list(stems_of(names, data))
        self.exemplars: NDArray[np.int64] | None
        self.others: NDArray[np.int64] | None
        self.exemplars, self.others = exemplars_of(self.stems, seed)
        self.portraits = len(names)
        # Every method asks for the same pictures again.
        self.portrait = lru_cache(_KEPT)(self._portrait)
        self.mask = lru_cache(_KEPT)(self._mask)
        check_bins(self.bins, self.mask_set)

    def _portrait(self, number: int) -> Pixels:
        picture = self._source.read(self._indices[number])
        side = self.mask_set.size
        if min(picture.size) < side:
            name = self._source.names[self._indices[number]]
            raise InputError(
                f"{self._data}:{name} is {picture.width}x{picture.height}, smaller than the masks' {side} px;"
                " leave it out or make a mask set of its size"
            )
        return np.array(to_square(picture, side))

    def _mask(self, bin_name: str, number: int) -> NDArray[np.bool_] | None:
        return self.mask_set.mask(bin_name, self.mask_of(bin_name, number))

    def mask_of(self, bin_name: str, number: int) -> int:
        """Number of a case's mask in its bin."""
        return mask_number(self.stems[number], bin_name, self.mask_set.counts[bin_name], self.seed)

    def pairs(self) -> str:
        """CSV for other programs to complete the same cases: image, exemplar, bin and the mask's path in its set."""
        lines = io.StringIO()
        exemplars, _ = exemplars_of(self.stems, self.seed)
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("image", "exemplar", "bin", "mask"))
        for bin_name in self.bins:
            for number, exemplar in enumerate(exemplars):
                mask = mask_file(bin_name, self.mask_of(bin_name, number))
                writer.writerow((self.names[number], self.names[exemplar], bin_name, mask))
        return lines.getvalue()

    def facts(self) -> dict[str, Any]:
        facts = {"images": len(self.stems), "size": self.mask_set.size, "pairing_seed": self.seed, "bins": self.bins}
        return {
            **facts,
            "data": Path(self._data).name,
            "data_sha256": hash_of(self),
            "masks": self.mask_set.facts(self.bins),
        }


class FolderCases:
    """Truth and exemplars by name; holes from a mask set as `exegan evaluate` assigns them, or not known.

    Args:
        truth: The true pictures, all of one size.
        exemplars: Exemplars of the same names and size; None leaves out what needs them.
        masks: Folder of a mask set, with one bin.
        bins: That bin.
        seed: Of the pairing of masks.

    Raises:
        InputError: Pictures lack a partner, or the masks do not fit.
    """

    def __init__(self, truth: Path, exemplars: Path | None, masks: Path | None, bins: Sequence[str], seed: int) -> None:
        self._truth, self.seed = Pictures(truth), seed
        self.stems = self._truth.stems
        self.size_hw = self._truth.read(self.stems[0]).shape[:2]
        self._exemplars = None if exemplars is None else Pictures(exemplars)
        self.mask_set = None if masks is None else open_mask_set(masks)
        self.bins = list(bins) if self.mask_set else [WHOLE]
        count = len(self.stems)
        numbers = np.arange(count)
        self.exemplars, self.others, self.portraits = None, None, count
        if self._exemplars is not None:
            check_pairs(self.stems, self._exemplars.stems, str(exemplars))
            self.exemplars, self.others, self.portraits = numbers + count, np.roll(numbers, -1) + count, 2 * count
        if self.mask_set is not None:
            self._check_masks(self.mask_set.size)

    def _check_masks(self, side: int) -> None:
        assert self.mask_set is not None
        if len(self.bins) != 1:
            raise InputError(
                f"got {len(self.bins)} bins of masks, expected one: that of the completed pictures (--bin)"
            )
        check_bins(self.bins, self.mask_set)
        if self.size_hw != (side, side):
            got = f"{self.size_hw[1]}x{self.size_hw[0]}"
            raise InputError(f"the pictures are {got} and the masks {side}x{side}; make a mask set of that size")

    def portrait(self, number: int) -> Pixels:
        count = len(self.stems)
        stem, size_hw = self.stems[number % count], (self.size_hw[0], self.size_hw[1])
        if number < count:
            return self._truth.read(stem, size_hw)
        assert self._exemplars is not None
        return self._exemplars.read(stem, size_hw)

    def mask(self, bin_name: str, number: int) -> NDArray[np.bool_] | None:
        if self.mask_set is None:
            return None
        masks = self.mask_set.counts[bin_name]
        return self.mask_set.mask(bin_name, mask_number(self.stems[number], bin_name, masks, self.seed))

    def facts(self) -> dict[str, Any]:
        masks = None if self.mask_set is None else self.mask_set.facts(self.bins)
        size = f"{self.size_hw[1]}x{self.size_hw[0]}" if len(set(self.size_hw)) > 1 else self.size_hw[0]
        facts = {"images": len(self.stems), "size": size, "pairing_seed": self.seed, "bins": self.bins}
        return {**facts, "data": self._truth.path.name, "data_sha256": hash_of(self), "masks": masks}


class Pictures:
    """Pictures of a folder or zip by their relative path without extension."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source: FaceSource = open_source(path)
        self._numbers = stems_of(self._source.names, str(path))
        self.stems = list(self._numbers)

    def read(self, stem: str, size_hw: tuple[int, int] | None = None) -> Pixels:
        """RGB [H, W, 3].

        Raises:
            InputError: It has another size than expected, cannot be read, or holds numbers that are not finite.
        """
        number = self._numbers[stem]
        where = f"{self.path / self._source.names[number]}"
        check_finite(Path(where))
        pixels = np.array(self._source.read(number))
        if size_hw not in (None, pixels.shape[:2]):
            got, wanted = (f"{width}x{height}" for height, width in (pixels.shape[:2], size_hw or (0, 0)))
            raise InputError(f"{where} is {got}, expected {wanted} like the others; resize it first")
        return pixels

    def sha256(self) -> str:
        """Over names and pixels of all pictures."""
        digest = hashlib.sha256()
        for stem in self.stems:
            pixels = self.read(stem)
            digest.update(f"{stem} {pixels.shape}\0".encode("utf-8", "surrogateescape"))
            digest.update(pixels.tobytes())
        return digest.hexdigest()


def check_finite(path: Path) -> None:
    """Make sure that a picture of floating-point numbers (TIFF) holds finite ones; they would be read as anything.

    Raises:
        InputError: It does not.
    """
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return
    # The reader reports what cannot be opened here.
    with contextlib.suppress(OSError, ValueError, Image.DecompressionBombError), Image.open(path) as image:
        if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
            raise InputError(f"{path} holds numbers that are not finite (NaN); write it again")


def exemplars_of(stems: Sequence[str], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each face the number of its exemplar and of a random other face, neither of them itself.

    The faces form a ring in the order of a hash of seed and stem; the exemplar is the next in it, the other the one
    after that. So every face is an exemplar once, and neither order nor format of the files matters.

    Args:
        stems: At least three, all different.
        seed: Another seed, another ring.

    Raises:
        InputError: There are fewer than three.
    """
    if len(stems) < 3:
        raise InputError(f"got {len(stems)} faces, expected at least 3: a face, its exemplar and a random other one")
    ring = np.array(sorted(range(len(stems)), key=lambda number: _draw(seed, "exemplar", stems[number])))
    exemplars, others = np.empty_like(ring), np.empty_like(ring)
    exemplars[ring], others[ring] = np.roll(ring, -1), np.roll(ring, -2)
    return exemplars, others


def mask_number(stem: str, bin_name: str, count: int, seed: int) -> int:
    """Number of the mask, among `count` of a bin, that a face gets."""
    return _draw(seed, bin_name, stem) % count


def picture_seed(stem: str, bin_name: str, seed: int) -> int:
    """Seed of the model's random numbers for a face in a bin."""
    return _draw(seed, f"random numbers {bin_name}", stem) >> 1


def check_pairs(wanted: Collection[str], found: Collection[str], where: str) -> None:
    """Make sure that each of the wanted stems is there.

    Raises:
        InputError: Some are missing; the first is named.
    """
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise InputError(
            f"{where} has no picture named {missing[0]}.* ({len(missing)} of {len(wanted)} are missing there);"
            " pictures are paired by their names without extension, so name them alike"
        )


def stem_of(name: str) -> str:
    """A picture's relative path without its extension: what pictures are paired by."""
    return PurePosixPath(name).with_suffix("").as_posix()


def stems_of(names: Sequence[str], where: str) -> dict[str, int]:
    """Stem → number of the picture.

    Raises:
        InputError: Two pictures have the same stem.
    """
    stems: dict[str, int] = {}
    for number, name in enumerate(names):
        stem = stem_of(name)
        if stem in stems:
            raise InputError(
                f"{where} holds both {names[stems[stem]]} and {name}, which cannot be distinguished; rename one of them"
            )
        stems[stem] = number
    return stems


def check_bins(bins: Sequence[str], mask_set: MaskSet) -> None:
    """Make sure that a mask set has these bins.

    Raises:
        InputError: It has one of them not.
    """
    for name in bins:
        if not mask_set.counts.get(name):
            raise InputError(f"{mask_set.folder} has no bin {name!r}; it has {', '.join(mask_set.counts)}")


def hash_of(cases: Cases) -> str:
    """SHA-256 over names and pixels of all portraits, as they are compared."""
    digest = hashlib.sha256("\0".join(cases.stems).encode("utf-8", "surrogateescape"))
    for number in range(cases.portraits):
        pixels = cases.portrait(number)
        digest.update(str(pixels.shape).encode())
        digest.update(pixels.tobytes())
    return digest.hexdigest()


def _draw(seed: int, purpose: str, stem: str) -> int:
    """64 bits that are the same on every machine."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{stem}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")
