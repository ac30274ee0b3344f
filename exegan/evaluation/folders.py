"""Two folders of pictures, completed and true, so that any program can be measured."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.data.sources import FaceSource, open_source
from exegan.errors import InputError
from exegan.evaluation.cases import WHOLE, Pixels, check_bins, hash_of
from exegan.evaluation.mask_set import open_mask_set
from exegan.evaluation.pairing import check_pairs, mask_number, stems_of


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


class FolderCases:
    """Truth and exemplars by name; holes from a mask set as `exegan evaluate` gives them out, or not known.

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


def check_finite(path: Path) -> None:
    """Make sure that a picture of floating-point numbers (TIFF) holds finite ones; they would be read as anything.

    Raises:
        InputError: It does not.
    """
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return
    # What cannot be opened here is told about by the reader.
    with contextlib.suppress(OSError, ValueError, Image.DecompressionBombError), Image.open(path) as image:
        if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
            raise InputError(f"{path} holds numbers that are not finite (NaN); write it again")
