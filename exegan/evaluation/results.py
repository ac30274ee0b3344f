"""One evaluation from cases and methods to `results.json`, table and picture sheet."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from exegan import __version__
from exegan.errors import Interrupted
from exegan.evaluation.cases import Cases
from exegan.evaluation.estimating import estimate_all
from exegan.evaluation.groups import estimate_groups, group_by_name
from exegan.evaluation.mask_set import IRREGULAR
from exegan.evaluation.measuring import Measurer
from exegan.evaluation.methods import DEFAULT_BASELINES, Method
from exegan.evaluation.sheet import make_sheet
from exegan.evaluation.store import RESULTS, SHEET, TABLE, Store, write_text
from exegan.evaluation.tables import make_markdown
from exegan.images import save_photo
from exegan.inpainter import choose_device
from exegan.metrics.networks import make_networks
from exegan.metrics.registry import make_metrics

FORMAT = 2
_PACKAGES = ("torch", "numpy", "scikit-image", "scikit-learn", "torchmetrics", "opencv-python-headless")


@dataclass(frozen=True)
class Choices:
    """What both entry points share.

    Args:
        networks: Local weight file of each metric network by name, None for its download; None takes the defaults.
        images: The first so many faces by name; None takes all.
        bins: Bins of the mask set.
        seed: Of pairing, random numbers and resampling.
        group: Pattern that finds a picture's group in its name, as for `group_by_name`; None for no groups.
        baselines: Names of `exegan.evaluation.methods.BASELINES`; without masks there are none.
        raw: What the model draws is put into the hole as it is, not pasted as `exegan inpaint` does.
        exemplar_strength: As in `exegan.inpainter.Options`.
        truncation_psi: As there.
        backend: `torch` or `onnx`.
        device: Where the model and the metrics' networks run: `auto`, `cpu`, `cuda` or `mps`.
    """

    networks: Mapping[str, str | None] | None = None
    images: int | None = None
    bins: Sequence[str] = tuple(IRREGULAR)
    seed: int = 0
    group: str | None = None
    baselines: Sequence[str] = DEFAULT_BASELINES
    raw: bool = False
    exemplar_strength: float = 1.0
    truncation_psi: float = 1.0
    backend: str = "torch"
    device: str = "auto"


def evaluate_cases(
    cases: Cases,
    methods: Sequence[Method],
    shown: str,
    model: Mapping[str, Any] | None,
    output: Path,
    choices: Choices,
    began: float,
) -> dict[str, Any]:
    """Measure methods on cases and write everything; where the same was finished before, read it.

    Args:
        cases: What is completed.
        methods: How, in the order of the table.
        shown: Name of the method whose median and worst cases are shown.
        model: JSON-ready facts of the model; None for pictures of another program.
        output: Folder for the results.
        choices: See there.
        began: When the evaluation began, by `time.perf_counter`.

    Returns:
        Content of `results.json`.
    """
    members = group_by_name(choices.group, cases.stems) if choices.group is not None else {}
    facts = cases.facts()
    trained_on, device = (model or {}).get("trained_on", ()), choose_device(choices.device)
    networks, missing = make_networks(choices.networks, str(facts["size"]), trained_on, device)
    metrics, without = make_metrics(networks, missing)
    plan = {
        "exegan": __version__,
        "model": model,
        "cases": facts,
        "methods": {method.name: method.facts() for method in methods},
        "seed": choices.seed,
    }
    store = Store(output, plan)
    head = {
        "format": FORMAT,
        "plan": plan,
        "group": choices.group,
        "networks": {network.name: network.described() for network in networks},
        "versions": _versions(),
    }
    finished = _finished(output, head)
    if finished:
        return finished
    measurer = Measurer(cases, methods, metrics, store)
    rows = measurer.measure()
    try:
        figures, left_out = estimate_all(measurer, rows, choices.seed)
        groups = estimate_groups(measurer, rows, members, shown, choices.seed)
        sheet = make_sheet(measurer, rows, shown)
    except KeyboardInterrupt:
        kept = f"all pictures are measured in {output}"
        raise Interrupted(f"interrupted; {kept}, the same command ends the work") from None
    results = {**head, "figures": figures, "left_out": [*without, *left_out], "groups": groups}
    seconds = {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(time.process_time(), 1)}
    results["times"] = {**seconds, "date": time.strftime("%Y-%m-%d")}
    save_photo(sheet, output / SHEET)
    write_text(output / TABLE, make_markdown(results))
    write_text(output / RESULTS, json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    return results


def _finished(output: Path, head: Mapping[str, Any]) -> dict[str, Any] | None:
    """Results of the very same evaluation, where it was finished before."""
    try:
        results = json.loads((output / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(results, dict) and all(results.get(key) == json.loads(json.dumps(head[key])) for key in head)
    return results if same else None


def _versions() -> dict[str, str]:
    versions = {"exegan": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
