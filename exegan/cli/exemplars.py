"""Exemplars as they are written on the command line: `[FACE=|REGIONS=|FACE:REGIONS=]PATH[#FACE]`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exegan.errors import InputError

if TYPE_CHECKING:
    from exegan.inpainter import Exemplar, ExemplarPhoto, Inpainter, Key, Style
    from exegan.inpainter.pipeline import Exemplars


class ExemplarWord(NamedTuple):
    """What one word says: whom the exemplar is for (None = all), its file, and the index of the face in it."""

    key: Key
    path: Path
    face: int | None


def parse_exemplars(words: Sequence[str] | None) -> list[ExemplarWord]:
    """What each word says; None is no words. Errors as for `parse_exemplar`."""
    return [parse_exemplar(word) for word in words or []]


def parse_exemplar(word: str) -> ExemplarWord:
    """Take a word apart; one that is the path of a file is that, whatever signs are in it.

    Raises:
        MaskError: What stands before `=` is neither a face's number nor regions.
    """
    key, path = None, word
    if "=" in word and not os.path.exists(word):
        before, _, path = word.partition("=")
        key = _parse_key(before)
    before, sign, number = path.rpartition("#")
    if sign and number.isdecimal() and not os.path.exists(path):
        return ExemplarWord(key, Path(before), int(number))
    return ExemplarWord(key, Path(path), None)


def _parse_key(text: str) -> Key:
    from exegan.masks.regions import parse_regions

    if text.isdecimal():
        return int(text)
    face, sign, regions = text.partition(":")
    if sign and face.isdecimal():
        parse_regions(regions)
        return int(face), regions
    parse_regions(text)
    return text


def read_exemplars(words: Sequence[ExemplarWord]) -> dict[Key, Exemplar]:
    """Photos and styles in the order given; several for the same are of one person.

    Raises:
        InputError: A file is missing, damaged or something else.
    """
    exemplars: dict[Key, list[ExemplarPhoto | Style]] = {}
    for word in words:
        exemplars.setdefault(word.key, []).append(read_exemplar(word.path, word.face))
    return dict(exemplars)


def read_exemplar(path: Path, face: int | None) -> ExemplarPhoto | Style:
    """A photo, or by the extension .safetensors a style.

    Raises:
        InputError: The file is missing, damaged or something else, or a style is asked for one of its faces.
    """
    from exegan.images import read_photo
    from exegan.inpainter import ExemplarPhoto, load_style

    if path.suffix.lower() != ".safetensors":
        return ExemplarPhoto(read_photo(path), str(path), face)
    if face is not None:
        raise InputError(f"{path} is a style, which has no faces to choose from; leave #{face} out")
    return load_style(path)


class Mixing(NamedTuple):
    """Two styles to be mixed by layer, and the layer."""

    coarse: Style
    fine: Style
    at: int

    def style(self) -> Style:
        """The mixed style."""
        return self.coarse.mixed(self.fine, self.at)


def encode_mixing(
    inpainter: Inpainter, exemplars: Exemplars, fine: Sequence[ExemplarWord], at: int | None, sweep: bool
) -> Mixing | None:
    """The mixing that was asked for, encoded; None where there is no second exemplar.

    Args:
        inpainter: Encodes them.
        exemplars: The first, for all faces.
        fine: The second.
        at: The layer; None = the middle one.
        sweep: Mixing at every layer is asked for.

    Raises:
        InputError: Something is missing, or one of the two is not for all faces.
    """
    if not fine and (sweep or at is not None):
        raise InputError("mixing needs a second exemplar; give it as --exemplar-b")
    if not fine:
        return None
    if not isinstance(exemplars, dict) or set(exemplars) != {None} or any(word.key is not None for word in fine):
        raise InputError("two exemplars are mixed for all faces; leave out what stands before '=' in both")
    pair = [inpainter.make_style(one) for one in (exemplars[None], read_exemplars(fine)[None])]
    return Mixing(pair[0], pair[1], len(pair[0].codes) // 2 if at is None else at)
