"""Exemplars that are written on the command line (`exegan.faces.words`), read and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exegan.errors import InputError
from exegan.faces.words import ExemplarWord, Key, by_key

if TYPE_CHECKING:
    from exegan.inpainter import Exemplar, Inpainter
    from exegan.inpainter.style import Mixing


def read_exemplars(words: Sequence[ExemplarWord]) -> dict[Key, Exemplar]:
    """Photos and styles in the order given; several for the same are of one person.

    Raises:
        InputError: A file is missing, damaged or something else.
    """
    from exegan.inpainter.style import read_exemplar

    return dict(by_key(words, lambda word: read_exemplar(Path(word.path), word.face)))


def encode_mixing(
    inpainter: Inpainter,
    exemplars: dict[Key, Exemplar],
    fine: Sequence[ExemplarWord],
    at: int | None,
    sweep: bool,
    aligned: bool,
) -> Mixing | None:
    """The mixing that was asked for, encoded; None where there is no second exemplar.

    Args:
        inpainter: Encodes them.
        exemplars: The first, for all faces.
        fine: The second.
        at: The layer; None = the middle one.
        sweep: Mixing at every layer is asked for.
        aligned: Photos are aligned faces themselves.

    Raises:
        InputError: Something is missing, or one of the two is not for all faces.
    """
    if not fine and (sweep or at is not None):
        raise InputError("mixing needs a second exemplar; give it as --exemplar-b")
    if not fine:
        return None
    from exegan.inpainter.style import Mixing

    coarse, second = (
        {key: inpainter.make_style(one, aligned=aligned) for key, one in given.items()}
        for given in (exemplars, read_exemplars(fine))
    )
    return Mixing.of(coarse, second, at)
