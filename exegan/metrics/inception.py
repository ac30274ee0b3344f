"""The Inception network that FID and KID are defined on, through torch-fidelity."""

from __future__ import annotations

import io

import torch
from torch import Tensor

from exegan.errors import WeightsError
from exegan.metrics.base import require
from exegan.nets.frozen.base import FrozenModule
from exegan.weights import downloading, read_state_dict

_DIM = "2048"


class InceptionFeatures(FrozenModule):
    """InceptionV3 of 2015 as converted for FID, its 2048 pooled features.

    Args:
        state: Its state dict.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        # torch-fidelity unpickles its weight file without safety, so it is given a file made here of plain tensors.
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        package = require("torch_fidelity.feature_extractor_inceptionv3")
        self.network = package.FeatureExtractorInceptionV3("inception", [_DIM], feature_extractor_weights_path=file)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1] → one vector [B, 2048]; resized inside, as TensorFlow 1 did."""
        levels = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return [self.network(levels)[0]]


def make_inception(weights: str | None) -> InceptionFeatures:
    """The network.

    Args:
        weights: Local state dict; None downloads torch-fidelity's, whose file name holds its hash, into torch's cache.

    Raises:
        ConfigError: torch-fidelity is not installed.
        WeightsError: The download is impossible, or the file does not fit.
    """
    package = require("torch_fidelity.feature_extractor_inceptionv3")
    if weights is not None:
        state = read_state_dict(weights)
    else:
        url = package.URL_INCEPTION_V3
        remedy = f"put {url.rpartition('/')[2]} at {torch.hub.get_dir()}/checkpoints, or supply a local file"
        with downloading("the Inception weights of torch-fidelity", remedy):
            state = torch.hub.load_state_dict_from_url(
                url, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    return _fitted(state, weights or "the download").freeze()


def _fitted(state: dict[str, Tensor], source: str) -> InceptionFeatures:
    try:
        with torch.random.fork_rng(devices=[]):
            return InceptionFeatures(state)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise WeightsError(f"{source} does not fit Inception ({first}); is it the file of another network?") from error
