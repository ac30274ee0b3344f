"""Model folders: `model.safetensors` + `config.json` (+ a model card), written and read without executing code.

`config.json` holds `format` (a number), `model` (the `ModelConfig`), `sha256` of the weights and `training`
(facts about it).
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from exegan.config import ModelConfig, from_dict, to_dict
from exegan.errors import ConfigError, InputError, WeightsError
from exegan.io.files import json_text, reason, replacing, short_repr
from exegan.io.weights import load_into, read_safetensors, sha256_of
from exegan.nets.model import Model

FORMAT = 1
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
DISCRIMINATOR_FILE = "discriminator.safetensors"  # only where training can be resumed from the folder
ONNX_FILES = ("style_encoder.onnx", "generator.onnx")  # in the other kind of folder (`exegan.nets.onnx_runtime`)
_BUNDLED = Path(__file__).resolve().parents[1] / "models"


def save_model(
    model: Model,
    folder: str | Path,
    training: Mapping[str, Any],
    half: bool = False,
    discriminator: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write a model folder; its files are written beside their places, then renamed.

    Args:
        model: The networks.
        folder: Created where missing; the files in it are replaced.
        training: JSON-ready facts about the training, kept in `config.json`.
        half: Store floating-point weights as float16, half the size.
        discriminator: Its weights, and under `projected.` those on frozen features, so that training can be
            resumed from the folder; without, a former model's are removed.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    states = {WEIGHTS_FILE: model.state_dict(), DISCRIMINATOR_FILE: discriminator}
    kept = {folder / name: state for name, state in states.items() if state is not None}
    # All files are complete before the first gets its name; the description, which has the hash, gets it last.
    with replacing(folder / CONFIG_FILE, (folder / CONFIG_FILE).with_suffix(".tmp")) as new_config:
        with contextlib.ExitStack() as stack:
            written = {path: stack.enter_context(replacing(path, path.with_suffix(".tmp"))) for path in kept}
            for path, new in written.items():
                save_file(_storable(kept[path], half), new)
            description = {
                "format": FORMAT,
                "model": to_dict(model.config),
                "sha256": sha256_of(written[folder / WEIGHTS_FILE]),
                "training": dict(training),
            }
            new_config.write_text(json_text(description), encoding="utf-8")
            for new in written.values():
                shutil.copymode(new_config, new)  # safetensors makes its files readable by their owner alone
        if discriminator is None:
            (folder / DISCRIMINATOR_FILE).unlink(missing_ok=True)
    return folder


def _storable(state: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    kept = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    return {key: value.half() if half and value.is_floating_point() else value for key, value in kept.items()}


def expect_place_for_model(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds other things, and one that holds a model unless it may be replaced.

    Raises:
        InputError: Which of them it is.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, expected a folder for the model; give another name")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(f"{folder} holds something other than a model; give a new folder, so that nothing is lost")
    if not overwrite:
        raise InputError(f"{folder} holds a model already; give a new folder, or --overwrite to replace it")


def missing_files(folder: str | Path, names: Sequence[str]) -> list[str]:
    """Which files a model folder lacks.

    Raises:
        WeightsError: The name is too long for the system, or the folder may not be read.
    """
    try:
        return [name for name in names if not (Path(folder) / name).is_file()]
    except (OSError, ValueError) as error:
        wrong = f"the model {short_repr(str(folder))} cannot be looked for ({reason(error)})"
        raise WeightsError(f"{wrong}; give a model folder, or 'default'") from error


def find_model(name_or_folder: str | Path) -> Path:
    """Folder of a model: one bundled with the package by name (`default`), or a path.

    Raises:
        WeightsError: Neither a bundled name nor a folder that holds a model.
    """
    bundled, folder = _BUNDLED / name_or_folder, Path(name_or_folder)
    folder = folder if missing_files(bundled, [CONFIG_FILE]) else bundled
    missing = missing_files(folder, [CONFIG_FILE, WEIGHTS_FILE])
    if missing and any((folder / name).is_file() for name in ONNX_FILES):
        raise WeightsError(
            f"the model {str(name_or_folder)!r} is one for ONNX Runtime, expected one for PyTorch;"
            " use the backend onnx (--backend onnx), or give the model folder it was made from"
        )
    if missing:
        what = f"has no {' and no '.join(missing)}" if folder.is_dir() else "is not a folder"
        raise WeightsError(
            f"the model {short_repr(str(name_or_folder))} {what}; give a model folder, or 'default' for the bundled one"
        )
    return folder


def load_model(name_or_folder: str | Path, device: torch.device | str = "cpu") -> Model:
    """Read a model folder and check it.

    Args:
        name_or_folder: As for `find_model`.
        device: Where the networks go.

    Returns:
        The networks in float32, evaluation mode, without gradients.

    Raises:
        WeightsError: The folder is incomplete, damaged, or its weights do not fit its configuration.
    """
    folder = find_model(name_or_folder)
    description = read_description(folder)
    config = model_config(description, folder)
    weights = folder / WEIGHTS_FILE
    if description.get("sha256") not in (None, sha256_of(weights)):
        raise WeightsError(
            f"{weights} is not the file that {CONFIG_FILE} describes (sha256 differs); copy the folder again"
        )
    model = Model(config)
    load_into(model, read_safetensors(weights), str(weights))
    return model.float().eval().requires_grad_(False).to(device)


def read_description(folder: Path, expected: int | str = FORMAT) -> dict[str, Any]:
    """Content of a model folder's `config.json`.

    Args:
        folder: The folder.
        expected: The `format` it must have.

    Raises:
        WeightsError: It is not JSON, or of a format this version does not know.
    """
    path = folder / CONFIG_FILE
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be read as JSON ({error}); copy the model folder again") from error
    found = description.get("format") if isinstance(description, dict) else None
    if found != expected:
        raise WeightsError(
            f"{path} has format {short_repr(found)}, expected {expected!r}; use the exegan version that wrote it"
        )
    return dict(description)


def model_config(description: Mapping[str, Any], folder: Path) -> ModelConfig:
    """The networks that a `config.json` describes.

    Raises:
        WeightsError: Its `model` section is missing or describes none.
    """
    try:
        return from_dict(ModelConfig, description.get("model"), where="model")
    except ConfigError as error:
        raise WeightsError(f"{folder / CONFIG_FILE} does not describe a model: {error}") from error
