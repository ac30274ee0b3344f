"""Curves of a training run: `python scripts/plot_run.py runs/lite256 -o curves.png`.

All starts of the run are drawn as one; thin lines are the logged values, thick ones their running mean.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

Curve = list[tuple[float, float]]

PANELS = {
    "adversarial": ("adversarial", "discriminator", "projected", "projected_discriminator"),
    "discriminator's opinion": ("real_logit", "fake_logit"),
    "guided by truth and exemplar": ("perceptual", "reconstruction", "identity", "attribute"),
    "spread of style codes": ("style_std",),
}


def read_curves(run_dir: Path) -> dict[str, Curve]:
    """Every logged figure as (kimg, value), of all starts of a run; a later start replaces what it did again."""
    points: dict[str, dict[float, float]] = defaultdict(dict)
    tables = sorted(run_dir.glob("metrics/version_*/metrics.csv"), key=lambda path: path.stat().st_mtime)
    for table in tables:
        with table.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and "/" in name:
                        points[name][float(row["step"]) / 1000] = float(value)
    return {name: sorted(values.items()) for name, values in points.items()}


def running_mean(values: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Mean over a window of a share of the curve, narrower at its ends."""
    reach = int(len(values) * share / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(values))
    mean: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return mean


def plot(curves: dict[str, Curve], path: Path) -> None:
    """Draw the losses, and a panel for each figure of held-out faces."""
    panels = {title: [f"train/{name}" for name in names] for title, names in PANELS.items()}
    panels |= {name: [name] for name in sorted(curves) if name.startswith("val/")}
    panels = {title: [name for name in names if name in curves] for title, names in panels.items()}
    panels = {title: names for title, names in panels.items() if names}
    columns = 3
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 3.2 * rows), squeeze=False, layout="constrained")
    for axis, (title, names) in zip(axes.flat, panels.items(), strict=False):
        for name in names:
            kimg, values = np.array(curves[name]).T
            (line,) = axis.plot(kimg, values, alpha=0.25, linewidth=0.8)
            axis.plot(kimg, running_mean(values), color=line.get_color(), label=name.partition("/")[2])
        axis.set_title(title)
        axis.set_xlabel("kimg")
        axis.grid(alpha=0.3)
        axis.legend()
    for axis in list(axes.flat)[len(panels) :]:
        axis.remove()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path, help="folder of a run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="picture to write")
    options = parser.parse_args()
    curves = read_curves(options.run_dir)
    if not curves:
        parser.error(f"{options.run_dir} has no metrics/version_*/metrics.csv with figures; give the folder of a run")
    plot(curves, options.output)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
