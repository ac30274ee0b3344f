"""The two doors: a model on faces with frozen masks, or two folders of pictures."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from exegan import __version__
from exegan.errors import InputError
from exegan.evaluation.cases import Cases, FaceCases
from exegan.evaluation.completing import ModelMethod
from exegan.evaluation.estimating import estimate_all
from exegan.evaluation.folders import FolderCases, Pictures
from exegan.evaluation.mask_set import IRREGULAR
from exegan.evaluation.measuring import Measurer
from exegan.evaluation.methods import BASELINES, Given, Method, Truth
from exegan.evaluation.pairing import check_pairs
from exegan.evaluation.sheet import make_sheet
from exegan.evaluation.store import RESULTS, SHEET, TABLE, Store, write_text
from exegan.evaluation.tables import make_markdown
from exegan.images import save_photo
from exegan.inpainter import Inpainter
from exegan.metrics.networks import make_networks
from exegan.metrics.registry import make_metrics
from exegan.nets.checkpoint import find_model, read_description

FORMAT = 1
_PACKAGES = ("torch", "numpy", "scikit-image", "scikit-learn", "torchmetrics", "opencv-python-headless")


@dataclass(frozen=True)
class Choices:
    """What both doors share.

    Args:
        networks: Local weight file of each metric network by name, None for its download; empty takes the defaults.
        images: The first so many faces by name; None takes all.
        bins: Bins of the mask set.
        seed: Of pairing, random numbers and resampling.
    """

    networks: Mapping[str, str | None] = field(default_factory=dict)
    images: int | None = None
    bins: Sequence[str] = tuple(IRREGULAR)
    seed: int = 0


def evaluate_model(
    model: str, data: str, masks: Path, output: Path, choices: Choices, device: str = "auto"
) -> dict[str, Any]:
    """Complete faces with a model and with baselines, and measure them all.

    Args:
        model: `default` or a model folder.
        data: Folder, zip or parquet of aligned faces, as `exegan.data.sources.open_source` takes it.
        masks: Folder that `write_mask_set` wrote; its size is the size at which pictures are compared.
        output: Folder for `results.json`, `results.md`, `sheet.png` and what is needed to go on; one that the same
            evaluation began is gone on with.
        choices: See there.
        device: Where the model runs.

    Returns:
        Content of `results.json`.

    Raises:
        InputError: Faces, masks or output folder cannot be used.
        WeightsError: The model or a network cannot be loaded.
        ConfigError: A network is unknown.
        Interrupted: By Ctrl-C; the same call goes on.
    """
    began = time.perf_counter()
    description = read_description(find_model(model))
    cases = FaceCases(data, masks, choices.images, choices.bins, choices.seed)
    inpainter = Inpainter.from_pretrained(model, device)
    own = [ModelMethod(inpainter, exemplar, choices.seed) for exemplar in ("frozen", "random", "self")]
    facts = {"sha256": description.get("sha256"), "resolution": inpainter.resolution}
    facts["trained_on"] = trained_on(description)
    return _evaluate(cases, [Truth(), *BASELINES, *own], own[0].name, facts, output, choices, began)


def evaluate_folders(
    completed: Path,
    truth: Path,
    output: Path,
    choices: Choices,
    *,
    masks: Path | None = None,
    exemplars: Path | None = None,
) -> dict[str, Any]:
    """Measure pictures that any program completed.

    Args:
        completed: Folder or zip of them.
        truth: The true pictures; paired by relative path without extension.
        output: As for `evaluate_model`.
        choices: See there; with masks, `bins` is the one bin whose masks these pictures were completed with.
        masks: Mask set, given out to names as `evaluate_model` does; None leaves out what needs holes.
        exemplars: Exemplars of the same names; None leaves out what needs them.

    Returns:
        Content of `results.json`.

    Raises:
        InputError: Pictures do not pair or differ in size, or a folder cannot be used.
        WeightsError, ConfigError, Interrupted: As for `evaluate_model`.
    """
    began = time.perf_counter()
    if choices.images is not None:
        raise InputError(f"got --images {choices.images} with two folders, which are compared as a whole; leave it out")
    pictures = Pictures(completed)
    cases = FolderCases(truth, exemplars, masks, choices.bins, choices.seed)
    check_pairs(cases.stems, pictures.stems, str(completed))
    check_pairs(pictures.stems, cases.stems, str(truth))
    for number, stem in enumerate(cases.stems):
        height, width = cases.portrait(number).shape[:2]
        pictures.read(stem, (height, width))
    given = Given(pictures, "completed")
    baselines = BASELINES if masks is not None else ()
    return _evaluate(cases, [Truth(), *baselines, given], given.name, None, output, choices, began)


def trained_on(description: Mapping[str, Any]) -> list[str]:
    """Names of the frozen networks in the losses that a model's `config.json` tells of."""
    losses = description.get("training", {}).get("losses", {})
    terms = ("perceptual", "identity")
    return [losses[f"{term}_net"]["name"] for term in terms if losses.get(term) and losses.get(f"{term}_net")]


def _evaluate(
    cases: Cases,
    methods: Sequence[Method],
    shown: str,
    model: Mapping[str, Any] | None,
    output: Path,
    choices: Choices,
    began: float,
) -> dict[str, Any]:
    facts = cases.facts()
    networks, missing = make_networks(choices.networks, str(facts["size"]), (model or {}).get("trained_on", ()))
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
        "networks": {network.name: network.described() for network in networks},
        "versions": _versions(),
    }
    finished = _finished(output, head)
    if finished:
        return finished
    measurer = Measurer(cases, methods, metrics, store)
    rows = measurer.measure()
    figures, left_out = estimate_all(measurer, rows, choices.seed)
    results = {**head, "figures": figures, "left_out": [*without, *left_out]}
    seconds = {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(time.process_time(), 1)}
    results["times"] = {**seconds, "date": time.strftime("%Y-%m-%d")}
    save_photo(make_sheet(measurer, rows, shown), output / SHEET)
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
