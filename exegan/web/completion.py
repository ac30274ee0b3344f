"""Complete a visitor's photo: one or several samples, each a file of full resolution and a reduced copy to display."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from exegan.errors import ExeGanError, InputError
from exegan.inpainter import ExemplarPhoto, Inpainted, Inpainter, Options, Style
from exegan.io import open_photo, read_photo
from exegan.web.file_access import check_page_file, make_folder, page_file
from exegan.web.hole import HoleParts, make_hole
from exegan.web.photo import OpenedPhoto, reduce

MAX_EXEMPLARS = MAX_SAMPLES = 8
FORMATS = {"PNG (lossless)": ".png", "As the photo": "", "JPEG": ".jpg", "WebP (lossless)": ".webp"}
_MAX_CACHED_STYLES = 256  # some 10 MiB


@dataclass(frozen=True)
class CompletionRequest:
    """How the hole is to be completed.

    Args:
        exemplars: Photos of one person.
        second_exemplar: Photo of another, whose style the finer layers take.
        mix_at: First of these layers, 0 to the number of the exemplar's layers.
        exemplar_strength: 0 to 1.
        truncation_psi: 0 to 1.
        seed: Of the first sample; the following have the following ones.
        samples: How many.
        suffix: Of the files; empty for the photo's own.
    """

    exemplars: Sequence[Path]
    second_exemplar: Path | None = None
    mix_at: int = 0
    exemplar_strength: float = 1.0
    truncation_psi: float = 1.0
    seed: int = 0
    samples: int = 1
    suffix: str = ".png"


@dataclass(frozen=True, eq=False)
class Sample:
    """One completion. It holds no pixels: visitors' samples would fill the memory.

    Args:
        path: Its file, at full resolution and with the photo's metadata.
        original_preview: File of a reduced copy of the photo it was made of.
        preview: File of a reduced copy of itself.
        seed: It was made with.
        message: Time, size, seed and notes, in sentences.
    """

    path: Path
    original_preview: Path
    preview: Path
    seed: int
    message: str


class StyleCache:
    """Styles of the exemplar photos that visitors gave last, so that each is encoded once.

    One for all visitors, so that it is bounded; a photo is found by its file, which only its visitor has access to.
    """

    def __init__(self) -> None:
        self._styles: OrderedDict[Path, Style] = OrderedDict()

    def style(self, inpainter: Inpainter, photos: Sequence[Path], label: str) -> Style:
        """Style of one person.

        Args:
            inpainter: Encodes photos that are new.
            photos: Of the person.
            label: Their name in errors, which never show a path of the server.

        Raises:
            InputError: One is no picture or shows several faces.
            NoFaceFound: One shows no face.
        """
        if len(photos) == 1:
            return self._style(inpainter, photos[0], label, "")
        numbers = [str(number) for number in range(1, len(photos) + 1)]
        # One after the other, so that one photo's pixels are held at a time.
        styles = [
            self._style(inpainter, path, f"{label} {number}", number)
            for path, number in zip(photos, numbers, strict=True)
        ]
        return inpainter.make_style(
            [replace(style, names=(number,)) for style, number in zip(styles, numbers, strict=True)]
        )

    def _style(self, inpainter: Inpainter, path: Path, label: str, name: str) -> Style:
        if path not in self._styles:
            self._styles[path] = inpainter.make_style(ExemplarPhoto(_read_exemplar(path, label), name))
            if len(self._styles) > _MAX_CACHED_STYLES:
                self._styles.popitem(last=False)
        self._styles.move_to_end(path)
        return self._styles[path]


def _read_exemplar(path: Path, label: str) -> Image.Image:
    with page_file(path, label):
        return read_photo(path)


def complete(
    inpainter: Inpainter, photo: OpenedPhoto, parts: HoleParts, request: CompletionRequest, styles: StyleCache
) -> Iterator[Sample]:
    """Complete the photo; each sample is yielded as soon as it is made.

    Args:
        inpainter: Completes it.
        photo: The photo.
        parts: Of the hole.
        request: How the hole is to be completed.
        styles: Of earlier exemplars.

    Raises:
        ExeGanError: Something is missing or does not match, in one sentence.
    """
    if not request.exemplars:
        raise InputError("There is no exemplar yet; drop a photo of a face into step 2.")
    if len(request.exemplars) > MAX_EXEMPLARS:
        raise InputError(
            f"there are {len(request.exemplars)} exemplars, expected at most {MAX_EXEMPLARS}; leave some out"
        )
    check_page_file(photo.path, "the photo")
    original_preview = photo.preview_copy
    hole = make_hole(photo, parts)
    style = _encode(styles, inpainter, request.exemplars, "the exemplar")
    if request.second_exemplar is not None:
        style = style.mixed(
            _encode(styles, inpainter, [request.second_exemplar], "the second exemplar"), request.mix_at
        )
    opened = open_photo(photo.path)
    plan = inpainter.plan(opened, hole, style, face=parts.faces_to_complete, faces=photo.faces)
    options = Options(request.exemplar_strength, request.truncation_psi)
    for result in inpainter.sample(plan, request.samples, request.seed, options):
        path = make_folder() / f"completed-{result.seed}{request.suffix or photo.path.suffix.lower() or '.png'}"
        notes = result.save(path)
        preview = photo.save_preview(reduce(result.image))
        yield Sample(path, original_preview, preview, result.seed, _message(result, notes))


def _encode(styles: StyleCache, inpainter: Inpainter, photos: Sequence[Path], label: str) -> Style:
    try:
        return styles.style(inpainter, photos, label)
    except ExeGanError as error:
        # "PHOTO#0" is how the command line says which; here it is the photo that has to be cropped.
        problem, several, _ = str(error).partition("; say which one is meant")
        raise type(error)(f"{problem}; crop it to the one that is meant" if several else problem) from error


def _message(result: Inpainted, notes: Sequence[str]) -> str:
    size = f"{result.image.width}×{result.image.height} pixels"
    sentences = [f"done in {sum(result.seconds.values()):.1f} s, {size}, seed {result.seed}"]
    sentences += [*result.notes(), *notes]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)
