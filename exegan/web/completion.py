"""Complete a visitor's photo: one or several samples, each a file of full resolution and reduced copies to display."""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from exegan.errors import InputError
from exegan.inpainter import Inpainted, Inpainter, Options
from exegan.io import open_photo
from exegan.web.exemplars import MAX_EXEMPLARS, Exemplar, ExemplarCache
from exegan.web.file_access import check_page_file, make_folder
from exegan.web.hole import HoleParts, make_hole
from exegan.web.photo import OpenedPhoto, reduce

MAX_SAMPLES = 8
MAX_SEED = 2**32 - 1
FORMATS = {"As the photo": "", "PNG (lossless)": ".png", "JPEG": ".jpg", "WebP (lossless)": ".webp"}
LOSSLESS = (".png", ".webp", ".tif", ".tiff", ".bmp")  # as they are written here
THUMBNAIL_SIDE = 160


@dataclass(frozen=True)
class CompletionRequest:
    """How the hole is to be completed.

    Args:
        exemplars: Photos of one person.
        second_exemplar: Photo of another, whose style the finer layers take.
        mix_at: First of these layers, 0 to the number of the exemplar's layers.
        exemplar_strength: 0 to 1.
        truncation_psi: 0 to 2.
        seed: Of the first sample; the following have the following ones.
        samples: How many.
        suffix: Of the files; empty for the photo's own.
    """

    exemplars: Sequence[Exemplar]
    second_exemplar: Exemplar | None = None
    mix_at: int = 0
    exemplar_strength: float = 1.0
    truncation_psi: float = 1.0
    seed: int = 0
    samples: int = 1
    suffix: str = ""


@dataclass(frozen=True, eq=False)
class Sample:
    """One completion. It holds no pixels: visitors' samples would fill the memory.

    Args:
        path: Its file, at full resolution and with the photo's metadata.
        lossless: The same without loss, to go on from; often `path` itself.
        original_preview: File of a reduced copy of the photo it was made of.
        preview: File of a reduced copy of itself.
        thumbnail: File of a small picture of its completed face.
        seed: It was made with.
        score: `Inpainted.score`.
        message: Time, size, seed and notes, in sentences.
        key: Its name on the page.
    """

    path: Path
    lossless: Path
    original_preview: Path
    preview: Path
    thumbnail: Path
    seed: int
    score: float
    message: str
    key: str = field(default_factory=lambda: secrets.token_hex(8))


def default_variety(samples: int) -> float:
    """Truncation ψ at which several samples differ to the eye: 1 for one, by a quarter more with each doubling."""
    return 1 + 0.25 * round(math.log2(samples), 2)


def complete(
    inpainter: Inpainter,
    photo: OpenedPhoto,
    parts: HoleParts,
    request: CompletionRequest,
    cache: ExemplarCache,
    started: float | None = None,
) -> Iterator[Sample]:
    """Complete the photo; each sample is yielded as soon as it is made.

    Args:
        inpainter: Completes it.
        photo: The photo.
        parts: Of the hole.
        request: How the hole is to be completed.
        cache: Of earlier exemplars.
        started: Since when the visitor has been waiting, by `time.monotonic`; None = now.

    Raises:
        ExeGanError: Something is missing or does not match, in one sentence.
    """
    started = time.monotonic() if started is None else started
    if not request.exemplars:
        raise InputError("there is no exemplar yet; drop a photo of a face into step 2")
    if len(request.exemplars) > MAX_EXEMPLARS:
        raise InputError(
            f"there are {len(request.exemplars)} exemplars, expected at most {MAX_EXEMPLARS}; leave some out"
        )
    if not 1 <= request.samples <= MAX_SAMPLES:
        raise InputError(f"samples is {request.samples}, expected 1 to {MAX_SAMPLES}")
    if not 0 <= request.seed <= MAX_SEED:
        raise InputError(f"the seed is {request.seed}, expected 0 to {MAX_SEED}; roll the dice for another")
    for path in (photo.path, photo.preview_path):
        check_page_file(path, "the photo")
    hole = make_hole(photo, parts)
    style = cache.style(inpainter, request.exemplars)
    if request.second_exemplar is not None:
        style = style.mixed(cache.style(inpainter, [request.second_exemplar]), request.mix_at)
    plan = inpainter.plan(open_photo(photo.path), hole, style, face=parts.faces_to_complete, faces=photo.faces)
    options = Options(request.exemplar_strength, request.truncation_psi)
    for result in inpainter.sample(plan, request.samples, request.seed, options):
        yield _save(photo, result, request.suffix or photo.path.suffix.lower() or ".png", started)


def _save(photo: OpenedPhoto, result: Inpainted, suffix: str, started: float) -> Sample:
    folder = make_folder()
    path = folder / f"completed-{result.seed}{suffix}"
    notes = result.save(path)
    lossless = path
    if suffix not in LOSSLESS:
        lossless = folder / f"lossless-{result.seed}.png"
        result.save(lossless)
    preview, thumbnail = photo.save_preview(reduce(result.image)), photo.save_preview(_close_up(result))
    message = _message(result, notes, time.monotonic() - started)
    return Sample(
        path, lossless, photo.preview_path, preview, thumbnail, seed=result.seed, score=result.score, message=message
    )


def _close_up(result: Inpainted) -> Image.Image:
    """The first of the completed faces, with a little around it."""
    left, top, right, bottom = result.faces[0].face.box_xyxy
    rim, (width, height) = 0.15 * (bottom - top), result.image.size
    face = result.image.convert("RGB").crop(
        (max(0, left - rim), max(0, top - rim), min(width, right + rim), min(height, bottom + rim))
    )
    face.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return face


def _message(result: Inpainted, notes: Sequence[str], seconds: float) -> str:
    size = f"{result.image.width}×{result.image.height} pixels"
    sentences = [f"done in {seconds:.1f} s, {size}, seed {result.seed}", *result.notes(), *notes]
    return " ".join(as_sentence(sentence) for sentence in sentences)


def as_sentence(text: str) -> str:
    """A text of the library for people: with a capital and a full stop, and its faces counted from 1."""
    numbered = re.sub(r"\b(faces? )(\d+)((?: and \d+)*)", _count_from_one, text.rstrip("."))
    return f"{numbered[:1].upper()}{numbered[1:]}."


def _count_from_one(found: re.Match[str]) -> str:
    return re.sub(r"\d+", lambda number: str(int(number[0]) + 1), found[0])


def show_samples(samples: Sequence[Sample], *, is_cleared: bool = False) -> Mapping[str, Any]:
    """What the component of the results shows (`static/results.js`), JSON-ready.

    Args:
        samples: Of the tab, the newest first.
        is_cleared: None of them is of the photo that the page shows now.
    """
    results = [
        {
            "key": sample.key,
            "before": str(sample.original_preview),
            "after": str(sample.preview),
            "thumbnail": str(sample.thumbnail),
            "caption": f"{sample.seed} · {sample.score:.3f}",
            "alt": f"Completed with seed {sample.seed}, score {sample.score:.3f}",
            "facts": sample.message,
            "file": str(sample.path),
            "name": sample.path.name,
        }
        for sample in samples
    ]
    return {"results": results, "cleared": is_cleared}
