"""Feature networks of metrics: which there are, what each is good for, and the hash of the weights that were used."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from exegan.config import FrozenNetConfig
from exegan.errors import ConfigError, WeightsError
from exegan.io.weights import downloading, read_state_dict, sha256_of, sha256_of_state
from exegan.metrics.base import Features, require
from exegan.nets.backbones import SqueezeNetFeatures
from exegan.nets.features import FROZEN_NETS, make_frozen_net
from exegan.nets.frozen import FrozenModule

_DIM = "2048"
Role = Literal["maps", "embedding", "features"]
# What is taken for each role where no network is named: those that published figures are made with.
DEFAULTS = ("inception", "lpips-alex", "facenet")
NAMES = ("inception", *FROZEN_NETS)
# How a network resizes the picture before its first layer; the others take it as it is.
_RESIZED = {
    "inception": "299 TF1-bilinear",
    "facenet": "face crop>160 aa-bilinear",
    "mobilefacenet": "face crop>112 aa-bilinear",
    "arcface-resnet101": "112 bilinear",
}
# Networks with the same backbone, by the words their names begin with: trained on one is trained on all of them.
_BACKBONES = {"lpips-vgg": "vgg", "vgg19": "vgg", "lpips-squeeze": "squeeze", "squeezenet": "squeeze"}


@dataclass(frozen=True)
class MetricNetwork:
    """A frozen network for pictures [B, 3, H, W] in [-1, 1].

    Args:
        name: One of `NAMES`.
        module: The network.
        size: What side pictures come in, in pixels.
        sha256: Of the local file, or of the tensors that the library downloaded.
        origin: Name of the local file, or `downloaded`.
        trained_on: Part of the evaluated model's training.
        device: Where it is.
    """

    name: str
    module: FrozenModule
    size: str
    sha256: str
    origin: str
    trained_on: bool = False
    device: torch.device | str = "cpu"

    @property
    def label(self) -> str:
        """Name and what pictures go in: `squeezenet, 256`; part of a metric's name."""
        resized = _RESIZED.get(self.name)
        return f"{self.name}, {self.size}" + (f">{resized}" if resized else "")

    @property
    def key(self) -> str:
        """Distinguishes results of different weights."""
        return f"{self.name} {self.sha256[:16]} {self.size}"

    @property
    def roles(self) -> frozenset[Role]:
        """See `roles_of`."""
        return roles_of(self.name)

    def extract(self, image: Tensor) -> Features:
        """Feature maps whose squared differences make a perceptual distance, and vectors: embeddings or pooled maps.

        The pictures may be on any device; the features are on the network's, as maps are many times a picture's size.
        """
        # Colours of a pixel side by side, the layout of `make_networks`: twice as fast on CPUs.
        image = image.to(self.device).contiguous(memory_format=torch.channels_last)
        if isinstance(self.module, SqueezeNetFeatures):
            found = self.module.activations(image)
            return Features(self.module.levels(found), found["fire9"].mean(dim=(2, 3)))
        out: list[Tensor] = self.module(image)
        return Features(maps=out) if "maps" in self.roles else Features(vectors=out[0])

    def describe(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"sha256": self.sha256, "origin": self.origin, "trained_on": self.trained_on}


def make_networks(
    requested: Mapping[str, str | None] | None,
    size: str,
    trained_on: Collection[str] = (),
    device: torch.device | str = "cpu",
) -> tuple[list[MetricNetwork], dict[str, str]]:
    """Load what can be loaded.

    Args:
        requested: Local weight file of each name, or None for the download of its library; None takes
            `DEFAULTS`.
        size: Side of the pictures, for names of metrics.
        trained_on: Names of the networks in the model's training.
        device: Where they go.

    Returns:
        The networks, and for each default one that is unavailable here the reason.

    Raises:
        ConfigError: A name is unknown, or the package behind a requested network is missing.
        WeightsError: A requested network's weights are missing, damaged or cannot be downloaded.
    """
    networks, missing = [], {}
    backbones = {_backbone(name) for name in trained_on}
    for name in DEFAULTS if requested is None else requested:
        try:
            module, sha256, origin = _load(name, requested[name] if requested else None)
        except (ConfigError, WeightsError) as error:
            if requested is not None:
                raise
            missing[name] = str(error)
            continue
        module = module.to(device).to(memory_format=torch.channels_last)
        networks.append(MetricNetwork(name, module, size, sha256, origin, _backbone(name) in backbones, device))
    return networks, missing


def _load(name: str, weights: str | None) -> tuple[FrozenModule, str, str]:
    if name not in NAMES:
        raise ConfigError(f"unknown metric network {name!r}, expected one of {', '.join(NAMES)}")
    if name == "inception":
        module: FrozenModule = make_inception(weights)
    else:
        module = make_frozen_net(FrozenNetConfig(name, weights), FROZEN_NETS[name].kind)
    if weights:
        return module, sha256_of(weights), Path(weights).name
    return module, sha256_of_state(module.state_dict()), "downloaded"


def _backbone(name: str) -> str:
    return _BACKBONES.get(name, name)


def roles_of(name: str) -> frozenset[Role]:
    """`maps` for perceptual distances, `embedding` of a face, `features` for distances of sets."""
    if name == "inception":
        return frozenset({"features"})
    if FROZEN_NETS[name].kind == "recognition":
        return frozenset({"embedding", "features"})
    # Only SqueezeNet's deepest maps describe a picture's content; VGG19 is cut off early, LPIPS' maps are reweighted.
    return frozenset({"maps", "features"} if name == "squeezenet" else {"maps"})


def with_role(networks: Iterable[MetricNetwork], role: Role) -> list[MetricNetwork]:
    """Those that have a role."""
    return [network for network in networks if role in network.roles]


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
