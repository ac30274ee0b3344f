"""Starting a run from another run's weights, of the same or another resolution."""

from __future__ import annotations

import logging

from torch import nn

from exegan.errors import WeightsError
from exegan.weights import read_checkpoint

_log = logging.getLogger(__name__)


def copy_fitting_weights(module: nn.Module, checkpoint: str) -> int:
    """Copy every entry of a Lightning checkpoint whose name and shape occur in `module`.

    Blocks are named by their resolution and style heads by their layer, so that a larger model finds all blocks of a
    smaller one. The averaged weights are taken where there are any, as they are the better start.

    Args:
        module: The training system.
        checkpoint: Path of a `.ckpt` file.

    Returns:
        Number of entries copied.

    Raises:
        WeightsError: The file is unreadable, or nothing in it fits.
    """
    found = dict(read_checkpoint(checkpoint).get("state_dict", {}))
    found |= {key.replace("model_ema.", "model.", 1): value for key, value in found.items() if "model_ema." in key}
    own = module.state_dict()
    fitting = {key: value for key, value in found.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(f"no weight of {checkpoint} fits this model; warm_start needs a run of the same family")
    module.load_state_dict(fitting, strict=False)
    _log.info("warm start: %d of %d entries taken from %s", len(fitting), len(own), checkpoint)
    return len(fitting)
