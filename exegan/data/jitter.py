"""Another photo of the same face, as far as one picture can give it: other light and colours, turned, moved, mirrored.

A face that is its own exemplar teaches to copy its colours and its pose from the exemplar, where those of the known
pixels are wanted. Jittered, the exemplar says what a face looks like and no longer under which light or where.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from exegan.ops.transform import Transform, balance, brighten, chain, contrast, rotate, saturate, scale, translate

_GAIN, _BRIGHTNESS, _CONTRAST, _SATURATION = 0.04, 0.08, 0.12, 0.2
_TURN, _ZOOM, _SHIFT = math.radians(6), 0.06, 0.03


def jitter(face: Tensor, rng: np.random.Generator, mirror: bool) -> Tensor:
    """Change a face [3, R, R] in [-1, 1] at random; the result is in [-1, 1] too.

    Standard deviations: gain of each channel 4 %, brightness 0.08 (of a range of 2), contrast 12 %, saturation 20 %;
    turn 6 degrees, zoom 6 %, shift 3 % of the side.

    Args:
        face: The face.
        rng: Source of all randomness.
        mirror: Flip half of the faces left-right.
    """
    side = face.shape[-1]
    normal = torch.from_numpy(rng.normal(size=10)).float()
    flip = 1.0 - 2.0 * (mirror and rng.random() < 0.5)
    colour = chain(
        balance(torch.exp(_GAIN * normal[None, :3])),
        brighten(_BRIGHTNESS * normal[3:4]),
        contrast(torch.exp(_CONTRAST * normal[4:5])),
        saturate(torch.exp(_SATURATION * normal[5:6])),
    )
    zoom = torch.exp(_ZOOM * normal[6:7])
    affine = chain(scale(flip * zoom, zoom), rotate(_TURN * normal[7:8]), translate(_SHIFT * side * normal[None, 8:10]))
    return Transform(colour, affine)(face[None])[0].clamp(-1, 1)
