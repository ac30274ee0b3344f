"""The two entry points of evaluation: a model on faces with frozen masks, or two folders of pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exegan.errors import InputError
from exegan.evaluation.cases import FaceCases, check_pairs
from exegan.evaluation.measuring import PAIRS, write_output
from exegan.evaluation.methods import ExternalResults, FolderCases, ModelMethod, Pictures, Truth, choose_baselines
from exegan.evaluation.report import Choices, evaluate_cases
from exegan.inpainter import Inpainter, Options
from exegan.inpainter.loading import describe_model


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
