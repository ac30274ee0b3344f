"""`exegan evaluate`: a model on faces with frozen masks, or two folders of pictures, measured and reported."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from exegan._version import __version__
from exegan.errors import InputError, Interrupted
from exegan.evaluation.cases import Cases, FaceCases, FolderCases, Pictures, check_pairs
from exegan.evaluation.estimates import estimate_all, estimate_groups, group_by_name
from exegan.evaluation.mask_set import IRREGULAR
from exegan.evaluation.measuring import PAIRS, RESULTS, SHEET, TABLE, Measurer, Store, write_output
from exegan.evaluation.methods import (
    DEFAULT_BASELINES,
    ExternalResults,
    Method,
    ModelMethod,
    Truth,
    choose_baselines,
)
from exegan.evaluation.report import make_markdown, make_sheet
from exegan.inpainter import Inpainter, Options, choose_device
from exegan.inpainter.loading import describe_model
from exegan.io import save_photo
from exegan.io.files import json_text
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


def evaluate_model(model: str, data: str, masks: Path, output: Path, choices: Choices) -> dict[str, Any]:
    """Complete faces with a model and with baselines, and measure them all.

    Args:
        model: `default`, a model folder, or for the backend onnx an ONNX folder.
        data: Folder, zip or parquet of aligned faces, as `exegan.data.folder_zip.open_source` takes it.
        masks: Folder that `write_mask_set` wrote; its size is the size at which pictures are compared.
        output: Folder for `results.json`, `results.md`, `sheet.png`, `pairs.csv` and what resuming needs; one that
            the same evaluation began is resumed.
        choices: See `Choices`.

    Returns:
        Content of `results.json`.

    Raises:
        InputError: Faces, masks or output folder cannot be used, or a baseline is unknown.
        WeightsError: The model or a network cannot be loaded.
        ConfigError: A network is unknown.
        Interrupted: By Ctrl-C; the same call resumes.
    """
    began = time.perf_counter()
    baselines = choose_baselines(choices.baselines)
    options = Options(choices.exemplar_strength, choices.truncation_psi, blend=not choices.raw)
    description = describe_model(model, choices.backend)
    cases = FaceCases(data, masks, choices.images, choices.bins, choices.seed)
    inpainter = Inpainter.from_pretrained(model, choices.device, backend=choices.backend)
    own = [ModelMethod(inpainter, exemplar, choices.seed, options) for exemplar in ("frozen", "random", "self")]
    facts = {
        "sha256": inpainter.model_sha256,
        "backend": choices.backend,
        "resolution": inpainter.resolution,
        "trained_on": trained_on(description),
    }
    results = evaluate_cases(cases, [Truth(), *baselines, *own], own[0].name, facts, output, choices, began)
    write_output(output / PAIRS, cases.pairs())
    return results


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
        choices: See `Choices`; with masks, `bins` is the one bin whose masks these pictures were completed with.
        masks: Mask set, assigned to names as in `evaluate_model`; None leaves out what needs holes.
        exemplars: Exemplars of the same names; None leaves out what needs them.

    Returns:
        Content of `results.json`.

    Raises:
        InputError: Pictures do not pair or differ in size, or a folder cannot be used.
        WeightsError, ConfigError, Interrupted: As for `evaluate_model`.
    """
    began = time.perf_counter()
    baselines = choose_baselines(choices.baselines)
    if choices.images is not None:
        raise InputError(f"got --images {choices.images} with two folders, which are compared as a whole; leave it out")
    pictures = Pictures(completed)
    cases = FolderCases(truth, exemplars, masks, choices.bins, choices.seed)
    check_pairs(cases.stems, pictures.stems, str(completed))
    check_pairs(pictures.stems, cases.stems, str(truth))
    for number, stem in enumerate(cases.stems):
        height, width = cases.portrait(number).shape[:2]
        pictures.read(stem, (height, width))
    external = ExternalResults(pictures, "completed")
    return evaluate_cases(
        cases, [Truth(), *(baselines if masks else ()), external], external.name, None, output, choices, began
    )


def trained_on(description: Mapping[str, Any]) -> list[str]:
    """Names of the frozen networks in the losses that a model's `config.json` names."""
    losses = (description.get("training") or {}).get("losses") or {}
    terms = ("perceptual", "identity", "projected")
    return [losses[f"{term}_net"]["name"] for term in terms if losses.get(term) and losses.get(f"{term}_net")]


def evaluate_cases(
    cases: Cases,
    methods: Sequence[Method],
    sheet_method: str,
    model: Mapping[str, Any] | None,
    output: Path,
    choices: Choices,
    began: float,
) -> dict[str, Any]:
    """Measure methods on cases and write everything; where the same was finished before, read it.

    Args:
        cases: What is completed.
        methods: How, in the order of the table.
        sheet_method: Name of the method whose median and worst cases are shown.
        model: JSON-ready facts of the model; None for pictures of another program.
        output: Folder for the results.
        choices: See `Choices`.
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
        "networks": {network.name: network.describe() for network in networks},
        "versions": _versions(),
    }
    finished = _finished(output, head)
    if finished:
        return finished
    measurer = Measurer(cases, methods, metrics, store)
    rows = measurer.measure()
    try:
        figures, left_out = estimate_all(measurer, rows, choices.seed)
        groups = estimate_groups(measurer, rows, members, sheet_method, choices.seed)
        sheet = make_sheet(measurer, rows, sheet_method)
    except KeyboardInterrupt:
        kept = f"all pictures are measured in {output}"
        raise Interrupted(f"interrupted; {kept}, the same command ends the work") from None
    results = {**head, "figures": figures, "left_out": [*without, *left_out], "groups": groups}
    seconds = {"seconds": round(time.perf_counter() - began, 1), "cpu_seconds": round(time.process_time(), 1)}
    results["times"] = {**seconds, "date": time.strftime("%Y-%m-%d")}
    save_photo(sheet, output / SHEET)
    write_output(output / TABLE, make_markdown(results))
    write_output(output / RESULTS, json_text(results, ascii_only=False))
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
