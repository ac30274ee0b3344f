"""Adapters for the backbones of other packages: LPIPS (`lpips`) and FaceNet (`facenet-pytorch`).

Both are imported only when built: they are slow to import, and LPIPS is needed for training alone.
"""

from __future__ import annotations

import importlib
import warnings
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from exegan.errors import ConfigError
from exegan.nets.frozen.base import FrozenModule, recognition_crop, unit_embedding, unit_normalise
from exegan.ops.resample import resize
from exegan.weights import downloading, load_into, read_state_dict

_TORCHVISION_WEIGHTS = {
    "alex": "AlexNet_Weights.IMAGENET1K_V1",
    "vgg": "VGG16_Weights.IMAGENET1K_V1",
    "squeeze": "SqueezeNet1_1_Weights.IMAGENET1K_V1",
}
# The name under which facenet-pytorch keeps its `vggface2` weights; it offers no way to ask for it.
FACENET_FILE = "20180402-114759-vggface2.pt"
_FACENET_SIDE = 160


class LPIPSFeatures(FrozenModule):
    """Features on which the perceptual distance is LPIPS 0.1 itself.

    LPIPS weighs squared differences of unit-normalised features by non-negative heads; the square roots of these heads
    are multiplied into the features here.

    Args:
        lpips: An `lpips.LPIPS` with heads; its backbone, input scaling and heads are taken over.
    """

    def __init__(self, lpips: Any) -> None:
        super().__init__()
        self.scaling = lpips.scaling_layer
        self.backbone = lpips.net
        self.num_levels = len(lpips.lins)
        for level, head in enumerate(lpips.lins):
            # The heads were clamped to be non-negative in their training.
            weight = head.model[-1].weight.detach().clamp(min=0).sqrt()
            self.register_buffer(f"head{level}", weight, persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1], at least 32 px a side → five (alex, vgg) or seven feature maps."""
        features = self.backbone(self.scaling(image))
        heads = (self.get_buffer(f"head{level}") for level in range(self.num_levels))
        return [unit_normalise(feature) * head for feature, head in zip(features, heads, strict=True)]


class FaceNetEmbedding(FrozenModule):
    """FaceNet's embedding of an aligned face picture.

    Args:
        network: A `facenet_pytorch.InceptionResnetV1` without classifier.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> list[Tensor]:
        """FFHQ-aligned image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 512] of length 1 of its face."""
        # The package standardises pixels as (p - 127.5) / 128.
        x = resize(recognition_crop(image) * (127.5 / 128), _FACENET_SIDE)
        return [unit_embedding(self.network(x))]


def make_lpips(net: str, weights: str | None) -> LPIPSFeatures:
    """LPIPS 0.1 on `net` (alex, vgg, squeeze).

    Args:
        net: LPIPS's name of the backbone.
        weights: Local state dict of torchvision's network; None downloads it into torch.hub's cache.

    Raises:
        ConfigError: `lpips` is not installed.
        WeightsError: The download is impossible, or the file does not fit.
    """
    package = _require("lpips", "the extra `train`: pip install 'exegan[train]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's, about how lpips calls it
        if weights is None:
            with downloading(f"torchvision's backbone of lpips-{net}", _lpips_remedy(net)):
                return LPIPSFeatures(package.LPIPS(net=net, verbose=False))
        model = package.LPIPS(net=net, verbose=False, pnet_rand=True)
    state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("classifier.")}
    load_into(_torchvision_view(model.net), state, weights)
    return LPIPSFeatures(model)


def make_facenet(weights: str | None) -> FaceNetEmbedding:
    """FaceNet (InceptionResnetV1) trained on VGGFace2.

    Args:
        weights: Local state dict, with or without the classifier `logits`; None downloads it into torch's cache.

    Raises:
        ConfigError: `facenet-pytorch` is not installed.
        WeightsError: The download is impossible, or the file does not fit.
    """
    # 2.5.3 because later ones refuse today's torch and numpy.
    package = _require("facenet_pytorch", "it: pip install facenet-pytorch==2.5.3")
    if weights is None:
        folder = Path(package.models.inception_resnet_v1.get_torch_home()) / "checkpoints"
        with downloading("the recognition weights of facenet", _remedy(folder / FACENET_FILE, "mobilefacenet")):
            return FaceNetEmbedding(package.InceptionResnetV1(pretrained="vggface2"))
    network = package.InceptionResnetV1()
    state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("logits.")}
    load_into(network, state, weights)
    return FaceNetEmbedding(network)


def _require(package: str, install: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(f"the package {package} cannot be imported ({error}); install {install}") from error


def _torchvision_view(backbone: nn.Module) -> nn.Module:
    """The layers LPIPS cut into slices, as torchvision names them (`features.0.weight`); the weights are shared."""
    layers = OrderedDict(child for part in backbone.children() for child in part.named_children())
    view = nn.Module()
    view.features = nn.Sequential(layers)
    return view


def _lpips_remedy(net: str) -> str:
    models = importlib.import_module("torchvision.models")
    filename = models.get_weight(_TORCHVISION_WEIGHTS[net]).url.rpartition("/")[2]
    return _remedy(Path(torch.hub.get_dir()) / "checkpoints" / filename, "vgg19 or squeezenet")


def _remedy(cached: Path, others: str) -> str:
    return (
        f"put the file at {cached}, or name a local copy as the net's `weights`, "
        f"or choose {others} with a local file in the YAML"
    )
