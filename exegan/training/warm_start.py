"""Starting a run from another run's weights, of the same or another resolution."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from torch import Tensor, nn

from exegan.errors import WeightsError
from exegan.nets.checkpoint import DISCRIMINATOR_FILE, WEIGHTS_FILE, find_model
from exegan.nets.export import read_run
from exegan.weights import is_plain_tensor, read_safetensors

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
        judges = read_safetensors(path / DISCRIMINATOR_FILE)
        found |= {key if key.startswith("projected.") else f"discriminator.{key}": judges[key] for key in judges}
    return found


def _read_run(checkpoint: str) -> dict[str, Tensor]:
    state = read_run(checkpoint).get("state_dict")
    if not isinstance(state, dict):
        raise WeightsError(f"{checkpoint} holds no state_dict, expected a checkpoint of a training run")
    state = {key: value for key, value in state.items() if is_plain_tensor(value)}
    prefix = "model_ema."
    return state | {f"model.{key[len(prefix) :]}": state[key] for key in state if key.startswith(prefix)}
