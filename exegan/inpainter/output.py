"""What is made of several completions of one photo: their files, a report, and contact sheets to look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from exegan.errors import InputError
from exegan.faces.align import crop_box
from exegan.inpainter.plan import Plan
from exegan.inpainter.result import Inpainted
from exegan.io.signing import Signing

_MARGIN = 8
_TEXT_SIZE = 18
_CAPTION = _TEXT_SIZE + 10


def make_sheet(
    pictures: Sequence[Image.Image], labels: Sequence[str], *, cell: int = 256, columns: int | None = None
) -> Image.Image:
    """Pictures side by side, row after row, black text on white.

    Args:
        pictures: Any size and mode; each is fitted into its cell.
        labels: One for each; cut with an ellipsis where the cell is too narrow.
        cell: Side of a cell in pixels.
        columns: Cells in a row; None makes the sheet about square.

    Returns:
        RGB.

    Raises:
        InputError: There is no picture, or not one label for each.
    """
    if not pictures or len(pictures) != len(labels):
        raise InputError(f"a sheet got {len(pictures)} pictures and {len(labels)} labels, expected as many of each")
    columns = min(len(pictures), columns or math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    width, height = cell + _MARGIN, cell + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (columns * width + _MARGIN, rows * height + _MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_SIZE)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left, top = _MARGIN + number % columns * width, _MARGIN + number // columns * height
        fitted = _fit(picture, cell)
        sheet.paste(fitted, (left + (cell - fitted.width) // 2, top + (cell - fitted.height) // 2))
        text = _shorten(label, cell, font)
        draw.text((left + cell / 2, top + cell + _CAPTION / 2), text, fill="black", font=font, anchor="mm")
    return sheet


def _fit(picture: Image.Image, cell: int) -> Image.Image:
    scale = cell / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _shorten(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def write_samples(
    results: Iterable[Inpainted],
    paths: Sequence[str | Path],
    quality: int | None = None,
    signing: Signing | None = None,
) -> list[str]:
    """Save several completions of one photo as they come; arguments, errors and (once each) notes as for `save`."""
    notes: dict[str, None] = {}
    for result, path in zip(results, paths, strict=True):
        notes |= dict.fromkeys(result.save(path, quality=quality, signing=signing))
    return list(notes)


def report_samples(
    reports: Sequence[dict[str, Any]], outputs: Sequence[str], best: int | None = None, file_notes: Sequence[str] = ()
) -> dict[str, Any]:
    """JSON-ready facts of all completions of one photo; `samples` lists them, however many there are.

    What one completion, or the best one, was made into is at the top as well.

    Args:
        reports: `Inpainted.report` of each.
        outputs: What their files are called: all, or the best one's alone.
        best: Its number, if one was picked.
        file_notes: What the files could not keep.
    """
    files = outputs if best is None else [outputs[0] if number == best else None for number in range(len(reports))]
    samples = [{"output": name, **report} for name, report in zip(files, reports, strict=True)]
    shown = samples[best or 0] if best is not None or len(samples) == 1 else {}
    return {**shown, "picked": best, "samples": samples, "file_notes": list(file_notes)}


class ContactSheet:
    """The hole and completions of one photo, close up; only the faces' surroundings are held.

    Args:
        plan: Of the photo.
        cell: Side of a picture in pixels.
    """

    def __init__(self, plan: Plan, *, cell: int = 256) -> None:
        faces = sorted({part.index: part.face for part in plan.parts}.items())
        size_hw = plan.photo.shape[0], plan.photo.shape[1]
        self._boxes = {index: crop_box(face.crop_affine(1), 1, size_hw, margin=0) for index, face in faces}
        self._cell = cell
        self._rows: dict[int, list[tuple[Image.Image, str]]] = {index: [] for index, _ in faces}
        self._add(_with_hole(plan), "hole")

    def add(self, result: Inpainted, label: str = "") -> None:
        """One more completion; its label is seed and score (`Inpainted.score`) where none is given."""
        self._add(result.image, label or f"seed {result.seed}, score {result.score:.3f}")

    def _add(self, picture: Image.Image, label: str) -> None:
        for index, box in self._boxes.items():
            part = picture.crop(box)
            part.thumbnail((self._cell, self._cell))
            self._rows[index].append((part, label))

    def picture(self) -> Image.Image:
        """RGB: one face in a grid; of several faces each in a row of its own."""
        several = len(self._rows) > 1
        cells, labels = [], []
        for index, row in self._rows.items():
            cells += [part for part, _ in row]
            labels += [f"face {index}, {label}" if several else label for _, label in row]
        return make_sheet(cells, labels, cell=self._cell, columns=len(cells) // len(self._rows) if several else None)


def sweep_sheet(plan: Plan, results: Iterable[Inpainted], *, cell: int = 256) -> Image.Image:
    """The hole and what `Inpainter.sweep` made, labelled with the layer; RGB."""
    sheet, last = ContactSheet(plan, cell=cell), len(plan.parts[0].style.codes)
    for layer, result in enumerate(results):
        ends = {0: " (all B)", last: " (all A)"}
        sheet.add(result, f"mix at {layer}{ends.get(layer, '')}")
    return sheet.picture()


def _with_hole(plan: Plan) -> Image.Image:
    picture = plan.photo.copy()
    for hole in plan.holes.values():
        picture[hole] = 255
    return Image.fromarray(picture)
