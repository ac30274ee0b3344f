"""Figures with intervals from what was measured, over all cases and by group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError
from exegan.evaluation.cases import Cases
from exegan.evaluation.measuring import Cell, Measurer
from exegan.metrics.base import Measurements, Metric, PerImageMetric, Rows

_DIGITS = 6
MIN_GROUP_IMAGES = 30
"""Images below which a group's figures are marked as unreliable."""
Members = Mapping[str, NDArray[np.int64]]


def estimate_all(
    measurer: Measurer, rows: Mapping[str, Mapping[str, Rows]], seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Every figure, and what could not be estimated.

    Args:
        measurer: What was measured.
        rows: What `Measurer.measure` returned.
        seed: Of the resampling.

    Returns:
        Figures (`method`, `bin`, `metric`, `value`, `low`, `high`, `images`, `note` and the metric's facts), and for
        each metric left out `metric` and `reason`.
    """
    portraits_cell, *cells = measurer.cells()
    portraits = rows[portraits_cell.name]
    figures: list[dict[str, Any]] = []
    left_out: dict[tuple[str, str], None] = {}
    for cell in cells:
        for metric in measurer.applicable(cell):
            measurements = measurements_of(metric, rows[cell.name][metric.rows_key], portraits, measurer.cases)
            shortfall = metric.shortfall(measurements)
            if shortfall:
                left_out[metric.name, shortfall] = None
                continue
            figures.append(figure_of(cell, metric, measurements, seed))
    possible = {metric.name for cell in cells for metric in measurer.applicable(cell)}
    for metric in measurer.metrics:
        if metric.name not in possible:
            left_out[
                metric.name, f"there is no {' and no '.join(sorted(_missing(metric, measurer)))} to measure with"
            ] = None
    return figures, [{"metric": metric_name, "reason": reason} for metric_name, reason in left_out]


def figure_of(cell: Cell, metric: Metric, measurements: Measurements, seed: int) -> dict[str, Any]:
    """One figure, JSON-ready."""
    assert cell.method is not None
    found = metric.estimate(measurements, seed)
    # Adding zero makes -0 a 0.
    numbers = {name: round(getattr(found, name), _DIGITS) + 0.0 for name in ("value", "low", "high")}
    where = {"method": cell.method.name, "bin": cell.bin_name if cell.method.uses_mask else None, "metric": metric.name}
    return {**where, **numbers, "images": found.images, "note": found.note, **metric.describe()}


def measurements_of(metric: Metric, rows: Rows, portraits: Mapping[str, Rows], cases: Cases) -> Measurements:
    """A cell's rows of a metric beside those of the true pictures and exemplars, where the metric asks for them."""
    if not metric.single_image:
        return Measurements(rows)
    known = portraits[metric.rows_key]
    return Measurements(
        rows,
        known[: len(rows)],
        None if cases.exemplars is None else known[cases.exemplars],
        None if cases.others is None else known[cases.others],
    )


def _missing(metric: Metric, measurer: Measurer) -> set[str]:
    met: set[str] = set()
    for cell in measurer.cells()[1:]:
        for other in measurer.applicable(cell):
            met |= other.needs
    words = {"mask": "mask", "second": "second completion", "exemplar": "exemplar"}
    return {words[need] for need in metric.needs if need not in met}


def estimate_groups(
    measurer: Measurer, rows: Mapping[str, Mapping[str, Rows]], members: Members, method: str, seed: int
) -> list[dict[str, Any]]:
    """Figures of the metrics that have a value for each picture.

    Those of whole sets (Fréchet and kernel distances, IDS) are left out: they depend on the number of pictures, so
    that groups of different size could not be compared.

    Args:
        measurer: What was measured.
        rows: What `Measurer.measure` returned.
        members: Pictures of each group.
        method: Whose completions.
        seed: Of the resampling.

    Returns:
        Figures as those of `estimate_all`, with the `group` and whether there are enough images to be `reliable`.
    """
    portraits_cell, *cells = measurer.cells()
    figures = []
    for cell in cells:
        if cell.method is None or cell.method.name != method:
            continue
        for metric in measurer.applicable(cell):
            measurements = measurements_of(
                metric, rows[cell.name][metric.rows_key], rows[portraits_cell.name], measurer.cases
            )
            for label, numbers in members.items() if isinstance(metric, PerImageMetric) else ():
                part = _part(measurements, numbers)
                if metric.shortfall(part) is None:
                    figure = figure_of(cell, metric, part, seed)
                    figures.append({"group": label, "reliable": figure["images"] >= MIN_GROUP_IMAGES, **figure})
    return figures


def group_by_name(pattern: str, stems: Sequence[str]) -> Members:
    """Numbers of the pictures of each group, the largest group first.

    Args:
        pattern: Regular expression that is searched for in a name without extension; what its parentheses capture,
            joined by a space, is the group. Names without a match are together in the group `no match`.
        stems: Names.

    Raises:
        InputError: The pattern cannot be read, captures nothing, or is found in no name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"group pattern {pattern!r} is no regular expression ({error}); see docs/evaluation.md"
        ) from None
    if not compiled.groups:
        raise InputError(f"group pattern {pattern!r} captures nothing; put what names the group in parentheses")
    members: dict[str, list[int]] = {}
    for number, stem in enumerate(stems):
        found = compiled.search(stem)
        label = " ".join(filter(None, found.groups())) if found else ""
        members.setdefault(label or "no match", []).append(number)
    if list(members) == ["no match"]:
        raise InputError(f"group pattern {pattern!r} is found in none of the names, such as {stems[0]!r}")
    ordered = sorted(members.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return {label: np.array(numbers) for label, numbers in ordered}


def _part(measurements: Measurements, numbers: NDArray[np.int64]) -> Measurements:
    truth, exemplar, other = (
        None if rows is None else rows[numbers]
        for rows in (measurements.truth, measurements.exemplar, measurements.other)
    )
    return Measurements(measurements.rows[numbers], truth, exemplar, other)
