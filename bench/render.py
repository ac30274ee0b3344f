"""A benchmark's figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LEAST_SHARE = 0.01  # of a network's time; the many small layers below it are one line


def render(report: dict[str, Any]) -> str:
    """What `inference.measure` returns, to read and to paste into docs/results.md."""
    compiled = ", compiled" if report["compiled"] else ""
    lines = [f"# {report['model']}, {report['precision']}, {report['device']}{compiled}", ""]
    lines += [", ".join(f"{name} {value}" for name, value in report["machine"].items()), ""]
    for name, facts in report["networks"].items():
        lines.append(f"- {name}: {facts['parameters'] / 1e6:.1f} million parameters, {facts['gflop']:.1f} GFLOP a face")
    lines.append(f"- style heads computed: {report['style_heads']}, those of the exemplar's layers")
    lines += _comparisons(report)
    lines += ["", *_speed(report["speed"])]
    rate = report["speed"][0]["sgemm_gflop_per_second"]
    for name, costs in report.get("layers", {}).items():
        lines += ["", f"## Layers of the {name} at batch 1, float32", "", *_layers(costs, rate)]
    return "\n".join(lines)


def _comparisons(report: dict[str, Any]) -> list[str]:
    textbook = report["textbook"]
    lines = [
        f"- generator on textbook operations: {textbook['textbook_seconds']:.3f} s, "
        f"{textbook['textbook_over_ours']:.2f} x ours (largest difference of the pictures: "
        f"{textbook['largest_difference']:.1e} standard deviations)"
    ]
    for name, error in report["precision_error"].items():
        if name != "float32":
            differs = f"mean {error['mean']:.1e}, largest {error['largest']:.1e} standard deviations"
            lines.append(f"- {name} against float32: {differs}")
    return lines


def _speed(rows: Sequence[dict[str, Any]]) -> list[str]:
    header = ["network", "batch", "seconds", "median", "faces/s", "SGEMM GFLOP/s", "x floor", "peak MiB"]
    return _table(
        header,
        [
            [
                row["network"],
                str(row["batch"]),
                f"{row['seconds']:.4f}",
                f"{row['median_seconds']:.4f}",
                f"{row['faces_per_second']:.2f}",
                f"{row['sgemm_gflop_per_second']:.0f}",
                f"{row['x_floor']:.2f}",
                f"{row['peak_memory_mib']:.0f}",
            ]
            for row in rows
        ],
    )


def _layers(costs: Sequence[dict[str, Any]], rate: float) -> list[str]:
    total = sum(cost["seconds"] for cost in costs)
    shown = [cost for cost in costs if cost["seconds"] >= _LEAST_SHARE * total]
    rows = []
    for cost in shown:
        speed = cost["gflop"] / cost["seconds"]
        size = "x".join(map(str, cost["output"]))
        milliseconds = f"{1000 * cost['seconds']:.1f}"
        rows.append([cost["name"], size, f"{cost['gflop']:.2f}", milliseconds, f"{speed:.0f}", f"{rate / speed:.2f}"])
    rest = total - sum(cost["seconds"] for cost in shown)
    rows.append(["all others", "", "", f"{1000 * rest:.1f}", "", ""])
    return _table(["layer", "output", "GFLOP", "ms", "GFLOP/s", "x floor"], rows)


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] + ["--:"] * (len(header) - 1), *rows)]
