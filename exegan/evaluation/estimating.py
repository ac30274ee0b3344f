"""From rows of numbers to the figures of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exegan.evaluation.cases import Cases
from exegan.evaluation.measuring import Cell, Measurer
from exegan.metrics.base import Evidence, Metric
from exegan.metrics.comparison import Rows

_DIGITS = 6


def estimate_all(
    measurer: Measurer, rows: Mapping[str, Mapping[str, Rows]], seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Every figure, and what could not be had.

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
            evidence = evidence_of(metric, rows[cell.name][metric.rows_key], portraits, measurer.cases)
            shortfall = metric.shortfall(evidence)
            if shortfall:
                left_out[metric.name, shortfall] = None
                continue
            figures.append(figure_of(cell, metric, evidence, seed))
    possible = {metric.name for cell in cells for metric in measurer.applicable(cell)}
    for metric in measurer.metrics:
        if metric.name not in possible:
            left_out[
                metric.name, f"there is no {' and no '.join(sorted(_missing(metric, measurer)))} to measure with"
            ] = None
    return figures, [{"metric": metric_name, "reason": reason} for metric_name, reason in left_out]


def _missing(metric: Metric, measurer: Measurer) -> set[str]:
    met: set[str] = set()
    for cell in measurer.cells()[1:]:
        for other in measurer.applicable(cell):
            met |= other.needs
    words = {"mask": "mask", "second": "second completion", "exemplar": "exemplar"}
    return {words[need] for need in metric.needs if need not in met}


def evidence_of(metric: Metric, rows: Rows, portraits: Mapping[str, Rows], cases: Cases) -> Evidence:
    """A cell's rows of a metric beside those of the true pictures and exemplars, where the metric asks for them."""
    if not metric.of_one:
        return Evidence(rows)
    known = portraits[metric.rows_key]
    return Evidence(
        rows,
        known[: len(rows)],
        None if cases.exemplars is None else known[cases.exemplars],
        None if cases.others is None else known[cases.others],
    )


def figure_of(cell: Cell, metric: Metric, evidence: Evidence, seed: int) -> dict[str, Any]:
    """One figure, JSON-ready."""
    assert cell.method is not None
    found = metric.estimate(evidence, seed)
    # Adding zero makes -0 a 0.
    numbers = {name: round(getattr(found, name), _DIGITS) + 0.0 for name in ("value", "low", "high")}
    where = {"method": cell.method.name, "bin": cell.bin_name if cell.method.uses_mask else None, "metric": metric.name}
    return {**where, **numbers, "images": found.images, "note": found.note, **metric.described()}
