"""The original's identity network: ArcFace on torchvision's ResNet-101, from its published `Arcface.pth`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor
from torchvision.models import resnet101

from exegan.nets.frozen.base import FrozenModule, unit_embedding
from exegan.weights import load_into, read_state_dict

_SIDE, _WIDTH = 112, 256


class ArcFaceEmbedding(FrozenModule):
    """Embedding of a whole aligned picture, computed as the original does: plain bilinear resize, no normalisation.

    Other recognition networks are given the face alone (`recognition_crop`); the original shows this one everything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = resnet101(weights=None, num_classes=_WIDTH)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 256] of length 1."""
        resized = F.interpolate(image, (_SIDE, _SIDE), mode="bilinear", align_corners=False)
        return [unit_embedding(self.backbone(resized))]


def make_arcface(weights: str) -> ArcFaceEmbedding:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = ArcFaceEmbedding()
    load_into(net.backbone, read_state_dict(weights), weights)
    return net
