"""Training samples as a pure function of their number.

Sample n of a run (which image, which exemplar, which hole, mirrored or not) depends on the seed and n alone. So a run
that is resumed after n samples sees exactly what it would have seen, whatever the number of workers.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from exegan.config import MaskConfig
from exegan.data.jitter import another_photo, as_photographed, jitter
from exegan.data.source import FaceSource, Windows, to_square
from exegan.errors import InputError
from exegan.io import to_tensor
from exegan.masks.random import draw_mask

# Fewer damaged faces than this are an accident, whatever share of the set they are.
_TOLERATED = 8


@dataclass
class Notes:
    """What happened while one sample was made: sentences about unreadable faces, names of enlarged ones."""

    unreadable: list[str] = field(default_factory=list)
    enlarged: list[str] = field(default_factory=list)


class FaceReader:
    """Faces of a source as tensors of one size; the first readable one of several candidates.

    Args:
        source: The faces.
        resolution: Side of the tensors in pixels.
    """

    def __init__(self, source: FaceSource, resolution: int) -> None:
        self.source, self.resolution = source, resolution
        self._bad: dict[int, str] = {}
        self._good: set[int] = set()

    def read_first(self, candidates: Iterable[int], notes: Notes) -> tuple[int, Tensor]:
        """The first candidate that can be read: its index and [3, R, R] in [-1, 1].

        Raises:
            InputError: None can be, or most of the set cannot.
        """
        for index in candidates:
            picture = self._read(index)
            if picture is not None:
                if min(picture.size) < self.resolution:
                    notes.enlarged.append(self.source.names[index])
                return index, to_tensor(to_square(picture, self.resolution))[0]
            notes.unreadable.append(self._bad[index])
            self._stop_if_hopeless()
        last = next(reversed(self._bad.values()), "there is no other face")
        raise InputError(f"too few faces can be read to make a pair ({last}); fix or replace the data")

    def _read(self, index: int) -> Image.Image | None:
        if index in self._bad:
            return None
        try:
            picture = self.source.read(index)
        except InputError as error:
            self._bad[index] = " ".join(str(error).split())
            return None
        self._good.add(index)
        return picture

    def _stop_if_hopeless(self) -> None:
        bad, tried = len(self._bad), len(self._bad) + len(self._good)
        if bad >= _TOLERATED and 2 * bad > tried:
            raise InputError(
                f"{bad} of the {tried} faces tried cannot be read ({next(reversed(self._bad.values()))}); "
                "expected a few at most, fix or replace the data"
            )


# Share of the hole from which on the exemplar alone determines light and pose.
_LARGE = 0.7


class Sample(TypedDict):
    """One training sample, or a batch of them with a leading B.

    `image` and `exemplar` are [3, R, R] in [-1, 1], `mask` is [1, R, R] with 1 = hole, `is_self` is True where the
    exemplar is the image itself, perhaps jittered, `name` is the image's. `unreadable` has a line for each face that
    was skipped for this sample, saying why, `enlarged` the names of pictures that were smaller than R, a line each.
    """

    image: Tensor
    exemplar: Tensor
    mask: Tensor
    is_self: Tensor
    name: str
    unreadable: str
    enlarged: str


class SampleStream(Dataset[Sample]):
    """Endless random samples from a set of faces; index it with any number from 0 up.

    Args:
        source: The faces.
        resolution: Side of the samples in pixels.
        masks: How holes are drawn.
        self_exemplar_prob: Probability that a sample is its own exemplar.
        mirror: Flip half of the faces left-right.
        seed: Seed of the whole stream.
        shuffle: Take the faces in another random order each epoch; else in the source's order.
        jitter_self: Change colours and pose of a face that is its own exemplar (`exegan.data.jitter`), unless its hole
            is so large that little else determines them.
        vary_self: Change it as if the exemplar were another photo of the same person.
        photographed: Give images and exemplars, each for itself, the faults of people's photos.

    A face that cannot be read is replaced by another, chosen by seed and number too, and named in the sample.

    Raises:
        InputError: The set has fewer than two faces, so that there is no exemplar to choose.
    """

    def __init__(
        self,
        source: FaceSource,
        resolution: int,
        masks: MaskConfig,
        self_exemplar_prob: float,
        mirror: bool,
        seed: int,
        shuffle: bool = True,
        jitter_self: bool = False,
        vary_self: bool = False,
        photographed: bool = False,
    ) -> None:
        if len(source.names) < 2:
            raise InputError("the data holds 1 face; expected at least 2, so that a face can have another as exemplar")
        self.source, self.resolution, self.masks = source, resolution, masks
        self.self_exemplar_prob, self.mirror, self.seed, self.shuffle = self_exemplar_prob, mirror, seed, shuffle
        self.jitter_self, self.vary_self, self.photographed = jitter_self, vary_self, photographed
        self._reader = FaceReader(source, resolution)
        self._windows: tuple[int, Windows] | None = None

    def __getitem__(self, number: int) -> Sample:
        rng = np.random.default_rng((self.seed, 1, number))
        members, place = self._window(number)
        is_self = bool(rng.random() < self.self_exemplar_prob)
        # Any other face, all equally likely.
        other = place if is_self else (place + int(rng.integers(1, len(members)))) % len(members)
        flip, flip_other = rng.random(2) < 0.5 * self.mirror
        notes = Notes()
        # Streams of their own, so that nothing else of the sample changes where a face is replaced.
        index, image = self._reader.read_first(self._candidates(members, place, (self.seed, 2, number)), notes)
        mask = torch.from_numpy(draw_mask(rng, self.resolution, self.masks)).float()[None]
        image = image.flip(2) if flip else image
        exemplar = image
        if not is_self:
            others = self._candidates(members, other, (self.seed, 3, number))
            own = self.source.names[index]  # a set may hold a face several times, to show it more often
            _, exemplar = self._reader.read_first((face for face in others if self.source.names[face] != own), notes)
            exemplar = exemplar.flip(2) if flip_other else exemplar
        elif mask.mean() < _LARGE and (self.jitter_self or self.vary_self):
            change = another_photo if self.vary_self else jitter
            exemplar = change(image, np.random.default_rng((self.seed, 4, number)), self.mirror)
        if self.photographed:
            image = as_photographed(image, np.random.default_rng((self.seed, 5, number)))
            exemplar = as_photographed(exemplar, np.random.default_rng((self.seed, 6, number)))
        return {
            "image": image,
            "exemplar": exemplar,
            "mask": mask,
            "is_self": torch.tensor(is_self),
            "name": self.source.names[index],
            "unreadable": "\n".join(notes.unreadable),
            "enlarged": "\n".join(notes.enlarged),
        }

    def _window(self, number: int) -> tuple[NDArray[np.int64], int]:
        """The faces that a sample is chosen among, and the place of its own face there."""
        epoch, place = divmod(number, len(self.source.names))
        if self._windows is None or self._windows[0] != epoch:
            rng = np.random.default_rng((self.seed, 0, epoch)) if self.shuffle else None
            self._windows = (epoch, Windows(self.source, rng))
        return self._windows[1].find(place)

    @staticmethod
    def _candidates(members: NDArray[np.int64], place: int, seed: tuple[int, ...]) -> Iterator[int]:
        """The face that was drawn; where that does not do, the others in a random order."""
        yield int(members[place])
        rest = np.delete(members, place)
        yield from map(int, np.random.default_rng(seed).permutation(rest))


class EndlessSampler(Sampler[int]):
    """The numbers `first`, `first` + `stride`, … without end; one process of several takes every `stride`-th."""

    def __init__(self, first: int, stride: int = 1) -> None:
        self.first, self.stride = first, stride

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.first, self.stride)


_log = logging.getLogger(__name__)


class ReadingLog:
    """Collects the notes of all worker processes, logs each once, and sums them up."""

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution
        self.unreadable: dict[str, None] = {}
        self.enlarged: dict[str, None] = {}

    def add(self, batch: Sample) -> None:
        """Take in one batch (or sample); a face is named when it is first skipped, and the first enlarged one."""
        for sentence in _lines(batch["unreadable"]):
            if sentence not in self.unreadable:
                self.unreadable[sentence] = None
                _log.warning("skipped a face: %s", sentence)
        for name in _lines(batch["enlarged"]):
            if not self.enlarged:
                _log.warning("%s is smaller than %d px and is enlarged; others are counted", name, self.resolution)
            self.enlarged[name] = None

    def summarise(self) -> None:
        """Say the totals, where there is something to say."""
        if self.unreadable:
            _log.warning("faces that could not be read and were skipped, named above: %d", len(self.unreadable))
        if self.enlarged:
            _log.warning("faces smaller than %d px that were enlarged: %d", self.resolution, len(self.enlarged))


def _lines(field_of_batch: str | list[str]) -> list[str]:
    texts = [field_of_batch] if isinstance(field_of_batch, str) else field_of_batch
    return [line for text in texts for line in text.splitlines()]
