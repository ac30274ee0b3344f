"""Exemplars as people write them, on the command line and in tables: `[FACE=|REGIONS=|FACE:REGIONS=]PATH[#FACE]`.

And the faces of a photo that they mean: `0,2`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from exegan.errors import InputError, MaskError

Key = int | str | tuple[int, str] | None
"""Whom an exemplar is for: a face by index, regions (`eyes+mouth`) of every face, regions of one face; None = all."""
T = TypeVar("T")


class ExemplarWord(NamedTuple):
    """What one word says: whom the exemplar is for, its path or URL, and the index of the face in it."""

    key: Key
    path: str
    face: int | None

    @property
    def has_regions(self) -> bool:
        """Whether it is for regions, so that no other hole need be given."""
        return isinstance(self.key, str | tuple)

    def __str__(self) -> str:
        key = ":".join(map(str, self.key)) if isinstance(self.key, tuple) else self.key
        return f"{'' if key is None else f'{key}='}{self.path}{'' if self.face is None else f'#{self.face}'}"


def by_key(words: Sequence[ExemplarWord], read: Callable[[ExemplarWord], T]) -> dict[Key, list[T]]:
    """What is read for each word, by whom it is for, in the order given; several for the same are of one person."""
    exemplars: dict[Key, list[T]] = {}
    for word in words:
        exemplars.setdefault(word.key, []).append(read(word))
    return exemplars


def parse_exemplars(words: Sequence[str] | None) -> list[ExemplarWord]:
    """What each word says; None is no words. Errors as for `parse_exemplar`."""
    return [parse_exemplar(word) for word in words or []]


def parse_exemplar(word: str, exists: Callable[[str], bool] = os.path.exists) -> ExemplarWord:
    """Take a word apart; one that is the path of a file is that, whatever signs are in it.

    Args:
        word: `[KEY=]PATH[#FACE]`, such as `eyes=anna.jpg#1`.
        exists: Whether there is a file of a name.

    Raises:
        MaskError: What stands before `=` is neither a face's number nor regions.
    """
    key, path = None, word
    before, sign, after = word.partition("=")
    # Folders and addresses may have the sign in their names, too.
    if sign and "/" not in before and os.sep not in before and not exists(word):
        key, path = parse_key(before), after
    before, sign, number = path.rpartition("#")
    if sign and number.isascii() and number.isdecimal() and not exists(path):
        return ExemplarWord(key, before, int(number))
    return ExemplarWord(key, path, None)


def parse_key(text: str) -> Key:
    """Whom an exemplar is for, as `0`, `eyes+mouth` or `0:eyes`.

    Raises:
        MaskError: It is none of these.
    """
    from exegan.masks.regions import parse_regions  # imports NumPy, which a command line without one need not wait for

    face, sign, regions = text.partition(":")
    is_face = face.strip().isascii() and face.strip().isdecimal()
    if is_face and not sign:
        return int(face)
    if sign and not is_face:
        raise MaskError(f"the exemplar is for {text!r}, expected a face's number, regions, or both as in 0:eyes")
    parse_regions(regions if sign else text)
    return (int(face), regions) if sign else text


def parse_faces(words: str) -> list[int]:
    """Indices of faces that numbers such as `0` or `0,2` mean, rising.

    Raises:
        InputError: These are no such numbers.
    """
    numbers = [word.strip() for word in words.split(",")]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise InputError(f"the face is {words!r}, expected auto, all, or numbers of faces such as 0 or 0,2")
    return sorted({int(number) for number in numbers})
