"""Completions of a visitor's photo, one after the other, each a file of full resolution and a picture to look at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from completing import MOST_EXEMPLARS
from hole import LARGE_PICTURES, HoleParts, hole_of_photo
from pictures import OpenedPhoto, check_kept, new_place, reduced
from PIL import Image

from exegan.errors import ExeGanError, InputError
from exegan.inpainter import ExemplarPhoto, Inpainted, Inpainter, Options, Style
from exegan.io import open_photo, read_photo

FORMATS = {"PNG (nothing lost)": ".png", "As the photo": "", "JPEG": ".jpg", "WebP (nothing lost)": ".webp"}
_KEPT_STYLES = 256  # some 10 MiB


@dataclass(frozen=True)
class Wishes:
    """How the hole is to be completed.

    Args:
        exemplars: Photos of one person.
        second: Photo of another, whose looks the finer layers take.
        mix_at: First layer of these, 0 to the number of the exemplar's layers.
        strength: Of the exemplar, 0 to 1.
        variety: Truncation psi, 0 to 1.
        seed: Of the first sample; the next have the next ones.
        samples: How many.
        suffix: Of the files; empty for the photo's own.
    """

    exemplars: Sequence[Path]
    second: Path | None = None
    mix_at: int = 0
    strength: float = 1.0
    variety: float = 1.0
    seed: int = 0
    samples: int = 1
    suffix: str = ".png"


@dataclass(frozen=True, eq=False)
class Sample:
    """One completion.

    Args:
        path: Its file, every pixel and the photo's metadata.
        before: File of a reduced copy of the photo it was made of.
        shown: File of a reduced copy: a visitor's samples would fill the memory.
        seed: It was made with.
        message: What there is to say about it.
    """

    path: Path
    before: Path
    shown: Path
    seed: int
    message: str


class StyleCache:
    """Styles of the photos that visitors gave last, so that each is looked at once.

    One for all visitors, as it is bounded; who names a photo's file has been given it.
    """

    def __init__(self) -> None:
        self._styles: OrderedDict[Path, Style] = OrderedDict()

    def style(self, inpainter: Inpainter, photos: Sequence[Path], called: str) -> Style:
        """Style of one person.

        Args:
            inpainter: Encodes photos that are new.
            photos: Of the person.
            called: What errors call them, since their paths are the server's.

        Raises:
            InputError: One is no picture or shows several faces.
            NoFaceFound: One shows no face.
        """
        if len(photos) == 1:
            return self._style(inpainter, photos[0], called, "")
        numbers = [str(number) for number in range(1, len(photos) + 1)]
        # One after the other, so that one photo's pixels are held at a time.
        styles = [
            self._style(inpainter, path, f"{called} {number}", number)
            for path, number in zip(photos, numbers, strict=True)
        ]
        return inpainter.make_style(
            [replace(style, names=(number,)) for style, number in zip(styles, numbers, strict=True)]
        )

    def _style(self, inpainter: Inpainter, path: Path, called: str, name: str) -> Style:
        if path not in self._styles:
            self._styles[path] = inpainter.make_style(ExemplarPhoto(_read_exemplar(path, called), name))
            if len(self._styles) > _KEPT_STYLES:
                self._styles.popitem(last=False)
        self._styles.move_to_end(path)
        return self._styles[path]


def _read_exemplar(path: Path, called: str) -> Image.Image:
    check_kept(path, called)
    try:
        return read_photo(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), called)) from error


def complete(
    inpainter: Inpainter, photo: OpenedPhoto, parts: HoleParts, wishes: Wishes, styles: StyleCache
) -> Iterator[Sample]:
    """Complete the photo as often as wished; each completion is there as soon as it is made.

    Args:
        inpainter: Does the work.
        photo: The photo.
        parts: Where.
        wishes: How.
        styles: Of earlier exemplars.

    Raises:
        ExeGanError: Something is missing or does not fit, in one sentence.
    """
    if not wishes.exemplars:
        raise InputError("There is no exemplar yet; drop a photo of a face to take the looks from into step 2.")
    if len(wishes.exemplars) > MOST_EXEMPLARS:
        raise InputError(
            f"there are {len(wishes.exemplars)} exemplars, expected at most {MOST_EXEMPLARS}; leave some out"
        )
    check_kept(photo.path, "the photo")
    before = photo.preview_file
    hole = hole_of_photo(photo, parts)
    style = _one_face_each(styles, inpainter, wishes.exemplars, "the exemplar")
    if wishes.second is not None:
        style = style.mixed(_one_face_each(styles, inpainter, [wishes.second], "the second exemplar"), wishes.mix_at)
    opened = open_photo(photo.path)
    plan = inpainter.plan(opened, hole, style, face=parts.faces_to_complete, faces=photo.faces)
    options = Options(wishes.strength, wishes.variety)
    for result in inpainter.sample(plan, wishes.samples, wishes.seed, options):
        path = new_place() / f"completed-{result.seed}{wishes.suffix or photo.path.suffix.lower() or '.png'}"
        notes = result.save(path)
        yield Sample(path, before, photo.file_of(reduced(result.image)), result.seed, _message(result, notes))


def _one_face_each(styles: StyleCache, inpainter: Inpainter, photos: Sequence[Path], called: str) -> Style:
    try:
        return styles.style(inpainter, photos, called)
    except ExeGanError as error:
        # "PHOTO#0" is how the command line says which; here it is the photo that has to be cropped.
        told = str(error).split("; say which one is meant", maxsplit=1)
        raise type(error)(told[0] if len(told) == 1 else f"{told[0]}; crop it to the one that is meant") from error


def save_mask(photo: OpenedPhoto, parts: HoleParts) -> Path:
    """Write the hole as a mask of the photo's size, white = hole; errors as for `hole_of_photo`."""
    with LARGE_PICTURES:
        hole = hole_of_photo(photo, parts)
        path = new_place() / "mask.png"
        Image.fromarray(hole.astype(np.uint8) * 255).save(path)
    return path


def _message(result: Inpainted, notes: Sequence[str]) -> str:
    size = f"{result.image.width}×{result.image.height} pixels"
    sentences = [f"done in {sum(result.seconds.values()):.1f} s, {size}, seed {result.seed}"]
    sentences += [*result.notes(), *notes]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)
