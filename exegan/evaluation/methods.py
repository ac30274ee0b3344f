"""Methods that fill holes: the model, simple baselines, folders of results made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from exegan.errors import InputError
from exegan.evaluation.cases import Cases, Pictures, Pixels, picture_seed
from exegan.inpainter import Inpainter, Options, Plan, Style
from exegan.masks.editing import BoolMask
from exegan.metrics.base import require

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
