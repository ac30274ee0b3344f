"""The original's networks as `tests/nets/golden` knows them: weights made from their names, inputs and outputs."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"
# The names of each network's weights are hashed behind this.
PREFIXES = {"generator": "", "discriminator": "d.", "psp_encoder": "psp."}


def golden_arrays() -> dict[str, np.ndarray]:
    """Inputs and outputs of the original's networks, filled with seed 1."""
    with np.load(GOLDEN / "original-256.npz") as arrays:
        return dict(arrays)


def original_shapes(network: str, resolution: int = 256) -> dict[str, list[int]]:
    """Shapes of the weights of one of `PREFIXES` by the names they have in the original's files."""
    shapes: dict[str, dict[str, list[int]]] = json.loads((GOLDEN / f"original-{resolution}-keys.json").read_text())
    return shapes[network]


def original_weights(network: str, resolution: int = 256, seed: int = 1) -> dict[str, Tensor]:
    """State dict of one of the original's networks, each weight drawn from a generator that its name seeds.

    Filter kernels, which are constants that are not read, are zeros.
    """
    return {
        name: torch.zeros(shape) if name.endswith(".kernel") else _weight(PREFIXES[network] + name, shape, seed)
        for name, shape in original_shapes(network, resolution).items()
    }


def _weight(name: str, shape: list[int], seed: int) -> Tensor:
    """Normal numbers, moved and scaled to what a weight of this name is in a network that keeps its signal's size."""
    normal = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(f"{seed}:{name}".encode())))
    owner, _, kind = name.rpartition(".")
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.long)
    if kind == "running_var":
        return 1 + 0.1 * normal.abs()
    scale = 1.0
    if kind in ("running_mean", "bias") or name.endswith("noise.weight"):
        scale = 0.1
    elif owner.startswith("style."):
        scale = 100.0  # the mapping's layers multiply by 0.01
    elif normal.ndim == 1:
        return 1 + 0.1 * normal  # factors of normalisations and slopes
    elif name.startswith("psp.") and normal.ndim == 4:
        scale = 1 / math.sqrt(normal[0].numel())  # the only convolutions that do not scale themselves
    return scale * normal
