"""Images a second of training, where a step's time goes, peak memory, and whether the data keeps up.

    python bench/train_step.py tiny64 -- --data.path=FACES
    python bench/train_step.py lite256 --json figures.json -- --data.path=FACES --data.batch_size=8
    python bench/train_step.py tiny64 --variant trainer.precision=bf16-mixed -- --data.path=FACES

What follows `--` goes to every run. Each variant is a dry run (`exegan train fit --dry-run`) with one setting changed;
all are measured in turn, twice, and the ratio is to the configuration as it is, from the better turn of each.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import torch
from measure import describe_machine

from exegan.training.cli import dry_run
from exegan.training.dry_run import DryRunReport

_TURNS = 2


def measure(config: str, variants: list[str], common: list[str]) -> dict[str, DryRunReport]:
    """The faster of two reports for the configuration as it is and for each variant."""
    settings = {"as configured": [], **{variant: [f"--{variant}"] for variant in variants}}
    best: dict[str, DryRunReport] = {}
    for _ in range(_TURNS):
        for name, changed in settings.items():
            report = dry_run(["--config", config, *common, *changed])
            if name not in best or report.images_per_second > best[name].images_per_second:
                best[name] = report
    return best


def render(reports: dict[str, DryRunReport]) -> str:
    """Markdown: a row for each setting, a column for each part of a step in milliseconds an image."""
    base = next(iter(reports.values()))
    parts = sorted({part for report in reports.values() for part in report.phases})
    headings = ["images/s", "ratio", *(f"{part}, ms/image" for part in parts), "peak MiB", "data alone / training"]
    lines = [
        f"| | {' | '.join(headings)} |",
        "|---|" + "---|" * len(headings),
    ]
    for name, report in reports.items():
        batch = report.images_per_second * sum(report.phases.values())
        cells = [f"{1000 * report.phases.get(part, 0.0) / batch:.1f}" for part in parts]
        pace = f"{report.images_per_second:.2f} | {report.images_per_second / base.images_per_second:.2f}"
        lines.append(f"| {name} | {pace} | {' | '.join(cells)} | {report.memory_mib:.0f} | {report.read_ratio:.1f} |")
    return "\n".join(lines)


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="a configuration of training")
    parser.add_argument("--variant", action="append", default=[], help="setting=value to compare with; may be repeated")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    words = sys.argv[1:] if args is None else args
    split = words.index("--") if "--" in words else len(words)
    options, common = parser.parse_args(words[:split]), words[split + 1 :]
    reports = measure(options.config, options.variant, common)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    facts: dict[str, Any] = {"machine": describe_machine(device), "config": options.config, "common": common}
    print(json.dumps(facts), render(reports), sep="\n\n")
    if options.json:
        figures = {name: dataclasses.asdict(report) for name, report in reports.items()}
        options.json.write_text(json.dumps({**facts, "runs": figures}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
