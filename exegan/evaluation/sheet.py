"""A picture of the median and the worst case of every bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan.evaluation.cases import Pixels
from exegan.evaluation.measuring import Cell, Measurer
from exegan.metrics.base import Evidence
from exegan.metrics.comparison import Rows
from exegan.metrics.resampling import PerPicture

_SIDE, _GAP, _LINE = 160, 4, 14


def make_sheet(measurer: Measurer, rows: Mapping[str, Mapping[str, Rows]], method_name: str) -> Image.Image:
    """Two rows of pictures a bin, RGB: truth, masked image, exemplar, then every method.

    Args:
        measurer: What was measured.
        rows: What `Measurer.measure` returned.
        method_name: The method whose cases are ordered, by the first perceptual distance, or L1 without one.
    """
    strips = []
    for cell in measurer.cells()[1:]:
        if cell.method is None or cell.method.name != method_name:
            continue
        metric = _ordering(measurer, cell)
        values = metric.values(Evidence(rows[cell.name][metric.rows_key]))
        ordered = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")
        for word, number in (("median", int(ordered[len(ordered) // 2])), ("worst", int(ordered[-1]))):
            title = f"{word} of {cell.bin_name}: {measurer.cases.stems[number]}, {metric.name} {values[number]:.3f}"
            strips.append((title, _pictures(measurer, cell.bin_name, number)))
    return _drawn(strips)


def _ordering(measurer: Measurer, cell: Cell) -> PerPicture:
    found = [metric for metric in measurer.applicable(cell) if isinstance(metric, PerPicture)]
    perceptual = (metric for metric in found if metric.rows_key.startswith("perceptual"))
    return next(perceptual, next(metric for metric in found if metric.name == "L1"))


def _pictures(measurer: Measurer, bin_name: str, number: int) -> dict[str, Pixels]:
    cases = measurer.cases
    truth, mask = cases.portrait(number), cases.mask(bin_name, number)
    shown = {"truth": truth}
    if mask is not None:
        shown["masked image"] = masked(truth, mask)
    if cases.exemplars is not None:
        shown["exemplar"] = cases.portrait(int(cases.exemplars[number]))
    methods = (method for method in measurer.methods if method.uses_mask)
    return shown | {method.name: measurer.pictures(Cell(bin_name, method), [number])[0] for method in methods}


def masked(truth: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """A picture [H, W, 3] with its hole [H, W] in white."""
    return np.where(mask[..., None], np.uint8(255), truth)


def _drawn(strips: Sequence[tuple[str, dict[str, Pixels]]]) -> Image.Image:
    """Titles above rows of pictures, names under them."""
    columns = max(len(pictures) for _, pictures in strips)
    row = _LINE + _SIDE + _LINE + _GAP
    sheet = Image.new("RGB", (columns * (_SIDE + _GAP) + _GAP, len(strips) * row + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (title, pictures) in enumerate(strips):
        top = place * row + _GAP
        draw.text((_GAP, top), title.encode("ascii", "replace").decode(), fill="black")
        for column, (name, pixels) in enumerate(pictures.items()):
            left = _GAP + column * (_SIDE + _GAP)
            picture = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            sheet.paste(picture, (left, top + _LINE))
            draw.text((left, top + _LINE + _SIDE), name, fill="black")
    return sheet
