"""Weights of a training run's checkpoint: a model folder of them, or the start of another run."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from exegan.config import ModelConfig, from_dict
from exegan.errors import ConfigError, WeightsError
from exegan.io.weights import is_plain_tensor, load_into, read_checkpoint, read_safetensors, sha256_of_state
from exegan.nets.checkpoint import DISCRIMINATOR_FILE, WEIGHTS_FILE, expect_place_for_model, find_model, save_model
from exegan.nets.model import Model


def export_run(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    half: bool = False,
    discriminator: bool = False,
    overwrite: bool = False,
) -> Model:
    """Write the averaged generator and style encoder of a training checkpoint as a model folder.

    Args:
        checkpoint: A `.ckpt` of a run.
        folder: Model folder to write.
        half: Store weights as float16, half the size.
        discriminator: Keep both too, that of pictures and that on frozen features where there is one, so that another
            run can start from the folder (`model.warm_start`).
        overwrite: Replace a model that is there.

    Returns:
        The networks written.

    Raises:
        WeightsError: The checkpoint is unreadable or none of a training run.
        InputError: The folder holds other things, or a model and not `overwrite`.
    """
    expect_place_for_model(Path(folder), overwrite)
    content = read_run(checkpoint)
    try:
        options, state = content["hyper_parameters"], content["state_dict"]
        config = from_dict(ModelConfig, options["model"], where="model")
        facts = training_facts(int(state["images_seen"]), options["losses"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, ConfigError) as error:
        raise WeightsError(
            f"{checkpoint} is no checkpoint of a training run ({error}); give a .ckpt from RUN/checkpoints, "
            "or use 'exegan import' for the original's files"
        ) from error
    model = Model(config)
    load_into(model, _under(state, "model_ema."), str(checkpoint))
    model.eval().update_mean_w()
    discriminator_weights = _under(state, "discriminator.") | {
        key: state[key] for key in state if key.startswith("projected.")
    }
    if discriminator and not all(map(is_plain_tensor, discriminator_weights.values())):
        raise WeightsError(f"the discriminator in {checkpoint} is damaged; give another checkpoint, or leave it out")
    save_model(model, folder, facts, half, discriminator_weights if discriminator else None)
    return model


def frozen_file(sha256: str) -> str:
    """Name of the file beside a run's checkpoints with what they share and leave out: the frozen parts of the model."""
    return f"frozen-{sha256[:16]}.safetensors"


def read_run(checkpoint: str | Path) -> dict[str, Any]:
    """Content of a run's checkpoint, as `read_checkpoint` gives it, with the frozen parts of the model in their places.

    Raises:
        WeightsError: The checkpoint or the file with its frozen parts is missing or damaged.
    """
    content = read_checkpoint(checkpoint)
    sha256, state = content.get("frozen_sha256"), content.get("state_dict")
    if not isinstance(sha256, str) or not isinstance(state, dict):
        return content
    file = Path(checkpoint).expanduser().parent / Path(frozen_file(sha256)).name
    if not file.is_file():
        raise WeightsError(
            f"{checkpoint} needs {file.name} beside it, the frozen networks of its run; copy it there, too"
        )
    frozen = read_safetensors(file)
    if sha256_of_state(frozen) != sha256:
        raise WeightsError(f"{file} is not what {checkpoint} was saved with (sha256 differs); copy it again")
    restored = {f"{place}.{key}": value for place in ("model", "model_ema") for key, value in frozen.items()}
    return {**content, "state_dict": {**state, **restored}}


def _under(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def training_facts(images: int, losses: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about its training that a model folder states.

    Args:
        images: Images seen.
        losses: The `LossConfig` as plain values.
    """
    settings = dict(losses)
    for net in ("perceptual_net", "identity_net", "projected_net"):
        if settings.get(net) is not None:
            # A weight file without its folder, which means nothing elsewhere.
            weights = settings[net]["weights"]
            settings[net] = {**settings[net], "weights": weights and Path(weights).name}
    return {"kimg": images / 1000, "losses": settings}


_log = logging.getLogger(__name__)


def copy_fitting_weights(module: nn.Module, path: str) -> set[str]:
    """Copy every entry of a checkpoint or model folder whose name occurs in `module` and that fits it.

    Blocks are named by their resolution and style heads by their layer, so that a larger model finds all blocks of a
    smaller one. A convolution with more channels takes the narrower one's as its first, and those go on computing what
    they did (Chen et al. 2016, Net2Net): they begin deaf to the new ones, which begin at random.

    Args:
        module: The training system.
        path: A Lightning `.ckpt`, whose averaged weights are taken where there are any, as they are the better start;
            or a model folder or bundled model, whose discriminator is there only if it was imported or exported with
            one.

    Returns:
        Names of the entries copied.

    Raises:
        WeightsError: The file is unreadable, or nothing in it fits.
    """
    is_run = Path(path).suffix == ".ckpt" or Path(path).is_file()
    found = _read_run(path) if is_run else _read_model(path)
    own = module.state_dict()
    known = ((key, value) for key, value in found.items() if key in own)
    fitting = {key: widened for key, value in known if (widened := _widen(key, value, own[key])) is not None}
    if not fitting:
        raise WeightsError(f"no weight of {path} fits this model; warm_start needs a model of the same family")
    module.load_state_dict(fitting, strict=False)
    _log.info("warm start: %d of %d entries taken from %s", len(fitting), len(own), path)
    return set(fitting)


def _widen(name: str, found: Tensor, own: Tensor) -> Tensor | None:
    """`found` in the shape of `own`, or None where that is no wider version of it.

    Outputs (the first dimension) may grow in any layer, inputs (the second) in convolutions only: those of linear
    layers are codes put side by side, whose places would shift.
    """
    if found.shape == own.shape:
        return found
    growing = {1: 1, 2: 1, 4: 2}.get(found.ndim, 0)
    if found.ndim != own.ndim or not name.endswith(("weight", "bias")):
        return None
    if found.shape[growing:] != own.shape[growing:] or any(a > b for a, b in zip(found.shape, own.shape, strict=True)):
        return None
    widened = own.clone()
    if found.ndim == 1:
        widened[: len(found)] = found
        return widened
    outputs, inputs = found.shape[:2]
    widened[:outputs] = 0
    # Equalised layers divide by the root of their number of inputs.
    widened[:outputs, :inputs] = found * math.sqrt(own.shape[1] / inputs)
    return widened


def _read_model(folder: str) -> dict[str, Tensor]:
    path = find_model(folder)
    found = {f"model.{key}": value for key, value in read_safetensors(path / WEIGHTS_FILE).items()}
    if (path / DISCRIMINATOR_FILE).is_file():
        weights = read_safetensors(path / DISCRIMINATOR_FILE)
        found |= {key if key.startswith("projected.") else f"discriminator.{key}": weights[key] for key in weights}
    return found


def _read_run(checkpoint: str) -> dict[str, Tensor]:
    state = read_run(checkpoint).get("state_dict")
    if not isinstance(state, dict):
        raise WeightsError(f"{checkpoint} holds no state_dict, expected a checkpoint of a training run")
    state = {key: value for key, value in state.items() if is_plain_tensor(value)}
    prefix = "model_ema."
    return state | {f"model.{key[len(prefix) :]}": state[key] for key in state if key.startswith(prefix)}
