"""The exemplars that a visitor gives (`static/exemplars.js`): the faces found in each, and their styles.

Both are kept for the photos that were given last, so that each is searched and encoded once.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from exegan.errors import ExeGanError, InputError, NoFaceFound
from exegan.faces.detect import Face, largest_face
from exegan.inpainter import ExemplarPhoto, Inpainter, Style
from exegan.io import read_photo
from exegan.web.file_access import page_file
from exegan.web.photo import save_shown

MAX_EXEMPLARS = 8
CARD_SIDE = 320  # pixels of the picture of an exemplar
_MAX_CACHED = 256  # styles take some 10 MiB, cards less
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Exemplar:
    """A photo that was given.

    Args:
        path: Its file.
        name: As the visitor calls it.
        face: Which of its faces is meant; None = the largest.
    """

    path: Path
    name: str = "the exemplar"
    face: int | None = None


def read_exemplars(value: Any) -> list[Exemplar]:
    """The exemplars that the value of the component holds.

    Raises:
        InputError: A browser never sends such a value.
    """
    try:
        exemplars = [Exemplar(Path(one["path"]), str(one["name"]), one.get("face")) for one in value or []]
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError("the list of exemplars is damaged; load the page anew") from error
    if any(one.face is not None and not isinstance(one.face, int) for one in exemplars):
        raise InputError("the list of exemplars is damaged; load the page anew")
    return exemplars


@dataclass(frozen=True, eq=False)
class _Card:
    """What is shown of an exemplar."""

    picture: Path
    size: tuple[int, int]
    faces: tuple[Face, ...]

    @property
    def main_face(self) -> int:
        return self.faces.index(largest_face(self.faces))

    def shares(self) -> list[list[float]]:
        """Boxes of the faces in shares of the picture's sides."""
        return [
            [round(float(side / self.size[axis % 2]), 4) for axis, side in enumerate(face.box_xyxy)]
            for face in self.faces
        ]


class ExemplarCache:
    """Faces and styles of the exemplars that visitors gave last.

    One for all visitors, so that it is bounded; a photo is found by its file, which only its visitor has access to.
    """

    def __init__(self) -> None:
        self._cards: OrderedDict[Path, _Card] = OrderedDict()
        self._styles: OrderedDict[tuple[Path, int], Style] = OrderedDict()

    def show(self, inpainter: Inpainter, exemplars: Sequence[Exemplar]) -> tuple[list[Any], dict[str, Any]]:
        """What is to be shown of exemplars: the component's value, without those that do not work, and its `shown`."""
        kept, cards, problems = [], [], []
        for exemplar in exemplars:
            try:
                card = self._card(inpainter, exemplar)
            except ExeGanError as error:
                problems.append(f"{error}; it was left out")
                continue
            face = card.main_face if exemplar.face is None else min(max(exemplar.face, 0), len(card.faces) - 1)
            kept.append({"path": str(exemplar.path), "name": exemplar.name, "face": face})
            shown = {"path": str(exemplar.path), "name": exemplar.name, "picture": str(card.picture)}
            cards.append({**shown, "faces": card.shares()})
        # The browser is to notice that the same is said once more.
        return kept, {"cards": cards, "problem": " ".join(problems), "turn": secrets.token_hex(4)}

    def _card(self, inpainter: Inpainter, exemplar: Exemplar) -> _Card:
        return _recall(self._cards, exemplar.path, lambda: _make_card(inpainter, exemplar))

    def style(self, inpainter: Inpainter, exemplars: Sequence[Exemplar]) -> Style:
        """Style of one person.

        Args:
            inpainter: Encodes photos that are new.
            exemplars: Of the person; errors call them by name and never show a path of the server.

        Raises:
            InputError: One is no picture.
            NoFaceFound: One shows no face.
        """
        if len(exemplars) == 1:
            return self._style(inpainter, exemplars[0], "")
        # One after the other, so that one photo's pixels are held at a time.
        styles = [self._style(inpainter, one, str(number)) for number, one in enumerate(exemplars, 1)]
        return inpainter.make_style([replace(style, names=(str(n),)) for n, style in enumerate(styles, 1)])

    def _style(self, inpainter: Inpainter, exemplar: Exemplar, name: str) -> Style:
        card = self._card(inpainter, exemplar)
        face = card.main_face if exemplar.face is None else exemplar.face
        return _recall(
            self._styles,
            (exemplar.path, face),
            lambda: inpainter.make_style(ExemplarPhoto(_read(exemplar), name, face, card.faces)),
        )


def _recall(cache: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """What is kept under a key, or made and kept; what was not asked for longest gives way."""
    if key not in cache:
        cache[key] = make()
        if len(cache) > _MAX_CACHED:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]


def _make_card(inpainter: Inpainter, exemplar: Exemplar) -> _Card:
    photo = _read(exemplar)
    faces = inpainter.detector.detect(photo)
    if not faces:
        raise NoFaceFound(f"no face was found in {exemplar.name}")
    picture = photo.convert("RGB")
    picture.thumbnail((CARD_SIDE, CARD_SIDE))
    return _Card(save_shown(picture), photo.size, tuple(faces))


def _read(exemplar: Exemplar) -> Image.Image:
    with page_file(exemplar.path, exemplar.name):
        return read_photo(exemplar.path)
