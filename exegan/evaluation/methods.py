"""Methods that fill holes: the model, simple baselines, folders of results made elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.data.folder_zip import open_source
from exegan.data.source import FaceSource
from exegan.errors import InputError
from exegan.evaluation.cases import (
    WHOLE,
    Cases,
    Pixels,
    check_bins,
    check_pairs,
    hash_of,
    mask_number,
    picture_seed,
    stems_of,
)
from exegan.evaluation.mask_set import open_mask_set
from exegan.inpainter import Inpainter, Options, Plan, Style
from exegan.masks.editing import BoolMask
from exegan.metrics.base import require


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


# Radius around a pixel that Telea's method uses, as a share of the side.
_TELEA_RADIUS = 3 / 256


class Method(Protocol):
    """A row of the table.

    Args:
        name: What the row is called.
        uses_mask: The pictures differ from bin to bin.
        keeps: Its pictures are written to the output folder.
        samples: Can complete one hole in several ways.
    """

    name: str
    uses_mask: bool
    keeps: bool
    samples: bool

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        """Completed pictures [H, W, 3] of some cases; `sample` numbers the ways to complete one hole."""

    def facts(self) -> dict[str, Any]:
        """JSON-ready: what the pictures depend on beside the cases."""


Exemplar = Literal["frozen", "random", "self"]
_NAMES = {"frozen": "model", "random": "model, random exemplar", "self": "model, itself as exemplar"}


class ModelMethod:
    """Completes faces with a model, through the pipeline of `exegan inpaint --aligned`.

    A model of another resolution than the pictures' gets a crop of known pixels alone, and what it draws is resized to
    the pictures' size: a small model is measured on what a person sees, blur included.

    Args:
        inpainter: The model.
        exemplar: `frozen`: the case's exemplar; `random`: the random other face; `self`: the case's own true picture.
        seed: Of the model's random numbers, which each case draws for itself.
        options: How faces are completed.
    """

    uses_mask = True

    def __init__(
        self, inpainter: Inpainter, exemplar: Exemplar = "frozen", seed: int = 0, options: Options | None = None
    ) -> None:
        self.name = _NAMES[exemplar]
        self.keeps = self.samples = exemplar == "frozen"
        self._inpainter, self._exemplar, self._seed = inpainter, exemplar, seed
        self._options = Options() if options is None else options
        self._styles: dict[int, Style] = {}

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        plans = [self._plan(cases, bin_name, number) for number in numbers]
        seeds = [picture_seed(cases.stems[number], bin_name, self._seed + sample) for number in numbers]
        return [np.asarray(result.image) for result in self._inpainter.run(plans, seeds, self._options)]

    def _plan(self, cases: Cases, bin_name: str, number: int) -> Plan:
        mask, style = cases.mask(bin_name, number), self._style_of(cases, self._exemplar_of(cases, number))
        if mask is None:
            raise ValueError("the model needs masks")
        return self._inpainter.plan(Image.fromarray(cases.portrait(number)), mask, style, aligned=True)

    def _style_of(self, cases: Cases, number: int) -> Style:
        """Encoded once, as every bin asks for it again."""
        if number not in self._styles:
            self._styles[number] = self._inpainter.make_style(Image.fromarray(cases.portrait(number)), aligned=True)
        return self._styles[number]

    def facts(self) -> dict[str, Any]:
        return {"exemplar": self._exemplar, "seed": self._seed, **asdict(self._options)}

    def _exemplar_of(self, cases: Cases, number: int) -> int:
        table = {"frozen": cases.exemplars, "random": cases.others, "self": np.arange(len(cases.stems))}
        numbers = table[self._exemplar]
        if numbers is None:
            raise ValueError(f"{self.name} needs exemplars")
        return int(numbers[number])


@dataclass
class Baseline:
    """A method that is a function of picture and hole (`fill`), and does not use the picture inside the hole."""

    name: str
    fill: Callable[[Pixels, BoolMask], Pixels]
    uses_mask: bool = True
    keeps: bool = False
    samples: bool = False

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        pictures = []
        for number in numbers:
            truth, mask = cases.portrait(number), cases.mask(bin_name, number)
            if mask is None:
                raise ValueError(f"the method {self.name} needs masks; the runner leaves it out where there are none")
            pictures.append(np.where(mask[..., None], self.fill(truth, mask), truth))
        return pictures

    def facts(self) -> dict[str, Any]:
        return {}


@dataclass
class Truth:
    """The true picture copied: what no method can surpass."""

    name: str = "truth"
    uses_mask: bool = False
    keeps: bool = False
    samples: bool = False

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        return [cases.portrait(number) for number in numbers]

    def facts(self) -> dict[str, Any]:
        return {}


class ExternalResults:
    """Pictures that another program completed, by name.

    Args:
        pictures: They; each of the truth's size.
        name: What the row is called.
    """

    uses_mask, keeps, samples = True, False, False

    def __init__(self, pictures: Pictures, name: str) -> None:
        self.name, self._pictures = name, pictures

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        sizes = (cases.portrait(number).shape for number in numbers)
        stems = (cases.stems[number] for number in numbers)
        return [self._pictures.read(stem, (size[0], size[1])) for stem, size in zip(stems, sizes, strict=True)]

    def facts(self) -> dict[str, Any]:
        return {"pictures_sha256": self._pictures.sha256()}


def mean_colour(truth: Pixels, mask: BoolMask) -> Pixels:
    """The known pixels' mean colour everywhere; grey where nothing is known."""
    known = truth[~mask]
    colour = known.mean(axis=0).round() if len(known) else np.full(3, 128)
    return np.broadcast_to(colour.astype(np.uint8), truth.shape)


def telea(truth: Pixels, mask: BoolMask) -> Pixels:
    """Telea's fast-marching inpainting (2004), OpenCV's.

    Raises:
        ConfigError: OpenCV is not installed.
    """
    cv2 = require("cv2")
    radius = max(1, round(_TELEA_RADIUS * max(truth.shape)))
    filled: Pixels = cv2.inpaint(_hidden(truth, mask), mask.astype(np.uint8) * 255, radius, cv2.INPAINT_TELEA)
    return filled


def biharmonic(truth: Pixels, mask: BoolMask) -> Pixels:
    """The smoothest surface through the known pixels: biharmonic inpainting (Damelin and Hoang, 2018), scikit-image's.

    Takes up to a second for a hole of 256 px. Grey where nothing is known.

    Raises:
        ConfigError: scikit-image is not installed.
    """
    if mask.all():
        return np.full_like(truth, 128)
    filled = require("skimage.restoration").inpaint_biharmonic(_hidden(truth, mask), mask, channel_axis=-1)
    pixels: Pixels = (filled * 255).round().astype(np.uint8)
    return pixels


def _hidden(truth: Pixels, mask: BoolMask) -> Pixels:
    """What lies in the hole is hidden, so that no method can use it."""
    return np.where(mask[..., None], np.uint8(0), truth)


_FILLS = {"mean-colour": mean_colour, "telea": telea, "biharmonic": biharmonic}
BASELINES = {name: Baseline(name, fill) for name, fill in _FILLS.items()}
DEFAULT_BASELINES = ("mean-colour", "telea")


def choose_baselines(names: Sequence[str]) -> list[Baseline]:
    """Baselines by name.

    Raises:
        InputError: One is unknown.
    """
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise InputError(f"there is no baseline {unknown[0]!r}; choose from {', '.join(BASELINES)}")
    return [BASELINES[name] for name in dict.fromkeys(names)]
