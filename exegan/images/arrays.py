"""8-bit RGB pictures and tensors; the only place that converts between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Picture = Image.Image | NDArray[np.uint8]


def to_tensor(pictures: Picture | Sequence[Picture]) -> Tensor:
    """8-bit RGB pictures (PIL, or [H, W, 3] arrays) of one size → float32 [B, 3, H, W] in [-1, 1]."""
    if isinstance(pictures, (Image.Image, np.ndarray)):
        pictures = [pictures]
    batch = torch.from_numpy(np.stack([np.array(picture) for picture in pictures]))
    return batch.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(batch: Tensor) -> NDArray[np.uint8]:
    """Float [B, 3, H, W], clamped to [-1, 1] → uint8 [B, H, W, 3]; the only place that clamps."""
    scaled = ((batch.detach().float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    array: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
    return array
