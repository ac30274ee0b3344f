"""How good a completion is: identity under a recognition network, the seam, and both together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exegan.config import FrozenNetConfig
from exegan.errors import InputError
from exegan.faces.face import Face
from exegan.images import to_tensor
from exegan.inpainter.stages import align_face
from exegan.nets.features import FROZEN_NETS, FrozenNet, make_frozen_net

# Recognition networks look at 112 or 160 pixels; each resizes by itself.
_SIDE = 160


class Recognizer:
    """A recognition network that embeds the aligned faces of photos.

    Args:
        net: The network.
        device: Where it is.
    """

    def __init__(self, net: FrozenNet, device: torch.device) -> None:
        self._net, self._device = net, device

    @torch.no_grad()
    def embed(self, views: Sequence[tuple[NDArray[np.uint8], Face | None]]) -> Tensor:
        """Embeddings [B, D] of length 1, on the CPU, of faces in photos (uint8 RGB [H, W, 3]); None = all of it."""
        crops = [photo if face is None else align_face(photo, face, _SIDE) for photo, face in views]
        return torch.cat([self._net(to_tensor(crop).to(self._device))[0].cpu() for crop in crops])


def make_recognizer(name_and_file: str, device: torch.device) -> Recognizer:
    """A recognition network written as `mobilefacenet=/path/file`, or a name alone where its library downloads it.

    Raises:
        InputError: The name is unknown.
        WeightsError: The weights are missing or damaged.
        ConfigError: The package behind it is not installed.
    """
    name, _, weights = name_and_file.partition("=")
    fitting = [known for known, entry in FROZEN_NETS.items() if entry.kind == "recognition"]
    if name not in fitting:
        raise InputError(f"the recognition network {name!r} is unknown; use {', '.join(fitting)}, written as NAME=FILE")
    net = make_frozen_net(FrozenNetConfig(name, weights or None), "recognition").to(device)
    return Recognizer(net, device)


def similarity(embedding: Tensor, others: Sequence[Tensor | None]) -> float | None:
    """Mean cosine of an embedding [D] to those of all exemplars, each [N, D]; None where one is not known."""
    known = [other for other in others if other is not None]
    if not known or len(known) < len(others):
        return None
    return float((torch.cat(known) @ embedding).mean())


def score(identity: float | None, seam: float) -> float:
    """One number to pick the best of several completions by; higher is better.

    Args:
        identity: Similarity to the exemplar, a cosine; None counts nothing, so that the seam alone decides.
        seam: Seam score, 1 = as smooth as the photo.

    Returns:
        identity + 1 / max(1, seam): both parts are at most 1.
    """
    return (0.0 if identity is None else identity) + 1 / max(1.0, seam)
