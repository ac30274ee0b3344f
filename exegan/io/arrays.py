"""Conversion between 8-bit pictures, masks and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import MaskError
from exegan.io.decode import decoded, read_bytes
from exegan.io.depth import upright, upright_rgb

if TYPE_CHECKING:
    from torch import Tensor

Picture = Image.Image | NDArray[np.uint8]


def to_tensor(pictures: Picture | Sequence[Picture]) -> Tensor:
    """8-bit RGB pictures (PIL, or [H, W, 3] arrays) of one size → float32 [B, 3, H, W] in [-1, 1]."""
    import torch  # seconds, which those do without who only read and write files

    if isinstance(pictures, (Image.Image, np.ndarray)):
        pictures = [pictures]
    batch = torch.from_numpy(np.stack([np.array(picture) for picture in pictures]))
    return batch.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(batch: Tensor) -> NDArray[np.uint8]:
    """Float [B, 3, H, W], clamped to [-1, 1] → uint8 [B, H, W, 3]; the only place that clamps."""
    import torch

    scaled = ((batch.detach().float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    array: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
    return array


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask file, white = hole (see `mask_from_image`).

    Raises:
        InputError: As for `read_photo`.
    """
    with decoded(read_bytes(path), str(path)) as image:
        return mask_from_image(image)


def mask_from_image(image: Image.Image) -> NDArray[np.bool_]:
    """Mask of a picture: bool [H, W], True = hole.

    White (luminance 128 and up) is hole. Where the picture has varying transparency, as strokes painted on an empty
    layer have, what is opaque (alpha 128 and up) is hole instead.
    """
    image = upright(image)
    if "A" in image.getbands() or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() != alpha.max():
            return alpha >= 128
    return np.asarray(upright_rgb(image).convert("L")) >= 128


def check_mask(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> None:
    """Make sure a mask belongs to a photo of that size and has a hole.

    Raises:
        MaskError: It has another size, or nothing is painted.
    """
    if mask.shape != size_hw:
        got = "x".join(str(side) for side in mask.shape[::-1])
        raise MaskError(f"the mask is {got}, expected the photo's {size_hw[1]}x{size_hw[0]}; make it the same size")
    if not mask.any():
        raise MaskError("the mask has no hole, expected white where the photo is to be completed; paint one")
