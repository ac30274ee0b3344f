"""Reading faces where some cannot be read: another takes the place, and what was skipped is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL import Image
from torch import Tensor

from exegan.data.sources import FaceSource, to_square
from exegan.errors import InputError
from exegan.images import to_tensor

if TYPE_CHECKING:
    from exegan.data.samples import Sample

_log = logging.getLogger(__name__)

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
        raise InputError(f"too few faces can be read to make a pair ({last}); mend or replace the data")

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
                "expected a few at most, mend or replace the data"
            )


class ReadingLog:
    """Collects what the samples of all worker processes tell, says it once, and sums it up."""

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
