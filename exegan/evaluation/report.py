"""The report of an evaluation: tables in Markdown, the contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan.evaluation.cases import WHOLE, Pixels
from exegan.evaluation.estimates import MIN_GROUP_IMAGES
from exegan.evaluation.measuring import Cell, Measurer
from exegan.metrics.base import Measurements, PerImageMetric, Rows

_ARROWS = {"lower": "↓", "higher": "↑", "zero": "→0"}


def make_markdown(results: Mapping[str, Any]) -> str:
    """Tables and everything needed to read them.

    A row holds one metric through one network only, since figures through different ones cannot be compared.

    Args:
        results: Content of `results.json`.
    """
    figures = results["figures"]
    bins = list(dict.fromkeys(figure["bin"] for figure in figures if figure["bin"] is not None)) or [None]
    parts = [_head(results)]
    for name in bins:
        title = "### All pictures" if name in (None, WHOLE) else f"### Holes: {name}"
        parts.append(f"{title}\n\n{_table([f for f in figures if f['bin'] in (name, None)])}")
        groups = [figure for figure in results["groups"] if figure["bin"] == name]
        if groups:
            parts.append(f"By group, {groups[0]['method']}:\n\n{_group_table(groups)}")
    parts.append(_foot(results))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Mapping[str, Any]) -> str:
    plan, masks = results["plan"], results["plan"]["cases"]["masks"]
    lines = [
        f"{plan['cases']['images']} pictures of `{plan['cases']['data']}` compared at {plan['cases']['size']} px"
        f" (sha256 {plan['cases']['data_sha256'][:16]}),",
        f"masks `{masks['name']}` ({_hashes(masks['sha256'])})," if masks else "masks not known,",
        f"pairing seed {plan['cases']['pairing_seed']}; value and 95 % interval.",
    ]
    return "\n".join(lines)


def _hashes(by_bin: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: sha256 {digest[:16]}" for name, digest in by_bin.items())


def _table(figures: Sequence[Mapping[str, Any]]) -> str:
    methods = list(dict.fromkeys(figure["method"] for figure in figures))
    metrics = list(dict.fromkeys(figure["metric"] for figure in figures))
    by_place = {(figure["metric"], figure["method"]): figure for figure in figures}
    rows = [["metric", *methods], ["---", *("--:" for _ in methods)]]
    for metric in metrics:
        found = [by_place.get((metric, method)) for method in methods]
        rows.append([_title(next(filter(None, found))), *map(_entry, found)])
    return _lines(rows)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _group_table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Values alone; the intervals would make the table too wide and are in `results.json`."""
    sizes: dict[str, int] = {}
    for figure in figures:
        sizes[figure["group"]] = max(figure["images"], sizes.get(figure["group"], 0))
    starred = {figure["group"] for figure in figures if not figure["reliable"]}
    by_place = {(figure["metric"], figure["group"]): figure for figure in figures}
    rows = [["metric", *(f"{name}{'*' * (name in starred)} (n={size})" for name, size in sizes.items())]]
    rows.append(["---", *("--:" for _ in sizes)])
    for metric in dict.fromkeys(figure["metric"] for figure in figures):
        found = [by_place.get((metric, group)) for group in sizes]
        rows.append([_title(next(filter(None, found))), *(_entry(each and {**each, **_point(each)}) for each in found)])
    return _lines(rows)


def _point(figure: Mapping[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(("low", "high"), figure["value"])


def _title(figure: Mapping[str, Any]) -> str:
    return f"{figure['metric']}{' †' if figure['trained_on'] else ''} {_ARROWS[figure['better']]}"


def _entry(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "–"
    numbers = [float(figure[name]) for name in ("value", "low", "high")]
    decimals = _decimals(max(map(abs, numbers)))
    value, low, high = (f"{number:.{decimals}f}" for number in numbers)
    return value if low == high == value else f"{value} [{low}, {high}]"


def _decimals(largest: float) -> int:
    """As many for a value as for its interval: three for what is about 1."""
    return next(
        (decimals for least, decimals in ((10, 1), (0.1, 3), (0.01, 4)) if largest >= least), 5 if largest else 3
    )


def _foot(results: Mapping[str, Any]) -> str:
    lines = [f"- {name}: {note}." for name, note in _notes(results["figures"])]
    reasons = dict.fromkeys(entry["reason"] for entry in results["left_out"])
    for reason in reasons:
        metrics = (entry["metric"] for entry in results["left_out"] if entry["reason"] == reason)
        lines.append(f"- Left out: {', '.join(metrics)}: {reason}.")
    if any(figure["trained_on"] for figure in results["figures"]):
        lines.append("- † measured through a network that the model was trained on.")
    if not all(figure["reliable"] for figure in results["groups"]):
        lines.append(f"- * fewer than {MIN_GROUP_IMAGES} images: not reliable.")
    for name, facts in results["networks"].items():
        lines.append(f"- Network {name}: {facts['origin']}, sha256 {facts['sha256'][:16]}.")
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return "\n".join([*lines, f"- {versions}."])


def _notes(figures: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((figure["metric"], figure["note"]) for figure in figures if figure["note"]))


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
        values = metric.values(Measurements(rows[cell.name][metric.rows_key]))
        ordered = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")
        for word, number in (("median", int(ordered[len(ordered) // 2])), ("worst", int(ordered[-1]))):
            title = f"{word} of {cell.bin_name}: {measurer.cases.stems[number]}, {metric.name} {values[number]:.3f}"
            strips.append((title, _pictures(measurer, cell.bin_name, number)))
    return _drawn(strips)


def _ordering(measurer: Measurer, cell: Cell) -> PerImageMetric:
    found = [metric for metric in measurer.applicable(cell) if isinstance(metric, PerImageMetric)]
    perceptual = (metric for metric in found if metric.rows_key.startswith("perceptual"))
    return next(perceptual, next(metric for metric in found if metric.name == "L1"))


def _pictures(measurer: Measurer, bin_name: str, number: int) -> dict[str, Pixels]:
    cases = measurer.cases
    truth, mask = cases.portrait(number), cases.mask(bin_name, number)
    pictures = {"truth": truth}
    if mask is not None:
        pictures["masked image"] = masked(truth, mask)
    if cases.exemplars is not None:
        pictures["exemplar"] = cases.portrait(int(cases.exemplars[number]))
    methods = (method for method in measurer.methods if method.uses_mask)
    return pictures | {method.name: measurer.pictures(Cell(bin_name, method), [number])[0] for method in methods}


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
