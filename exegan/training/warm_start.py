"""Starting a run from another run's weights, of the same or another resolution."""

from __future__ import annotations

import logging
from pathlib import Path

from torch import Tensor, nn

from exegan.errors import WeightsError
from exegan.nets.checkpoint import DISCRIMINATOR_FILE, WEIGHTS_FILE, find_model
from exegan.weights import read_checkpoint, read_safetensors

_log = logging.getLogger(__name__)


def copy_fitting_weights(module: nn.Module, path: str) -> set[str]:
    """Copy every entry of a checkpoint or model folder whose name and shape occur in `module`.

    Blocks are named by their resolution and style heads by their layer, so that a larger model finds all blocks of a
    smaller one.

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
    fitting = {key: value for key, value in found.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(f"no weight of {path} fits this model; warm_start needs a model of the same family")
    module.load_state_dict(fitting, strict=False)
    _log.info("warm start: %d of %d entries taken from %s", len(fitting), len(own), path)
    return set(fitting)


def _read_model(folder: str) -> dict[str, Tensor]:
    path = find_model(folder)
    found = {f"model.{key}": value for key, value in read_safetensors(path / WEIGHTS_FILE).items()}
    if (path / DISCRIMINATOR_FILE).is_file():
        discriminator = read_safetensors(path / DISCRIMINATOR_FILE)
        found |= {f"discriminator.{key}": value for key, value in discriminator.items()}
    return found


def _read_run(checkpoint: str) -> dict[str, Tensor]:
    state = dict(read_checkpoint(checkpoint).get("state_dict", {}))
    prefix = "model_ema."
    return state | {f"model.{key[len(prefix) :]}": state[key] for key in state if key.startswith(prefix)}
