"""Photos of the same face, as far as one picture can give them: other light, pose, expression, camera and file.

A face that is its own exemplar teaches to copy its colours and its pose from the exemplar, where those of the known
pixels are wanted. Changed, the exemplar says what a face looks like and no longer under which light or where; changed
more (`another_photo`), it stands for another photo of the same person. `as_photographed` gives clean training pictures
what people's photos have: noise, compression, bad light, an alignment that is a few pixels off.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from PIL import Image
from torch import Tensor

from exegan.io import to_tensor, to_uint8
from exegan.masks.random import face_part
from exegan.masks.regions import LANDMARKS, OUTLINE, WORN
from exegan.ops.image import resize
from exegan.ops.transform import Transform, balance, brighten, chain, contrast, rotate, saturate, scale, translate

_GAIN, _BRIGHTNESS, _CONTRAST, _SATURATION = 0.04, 0.08, 0.12, 0.2
_TURN, _ZOOM, _SHIFT = math.radians(6), 0.06, 0.03

# Of a photo: exponent of brightness, slope of light over half a side, and how far an alignment is off.
_GAMMA, _SLOPE = 0.25, 0.15
_OFF_TURN, _OFF_ZOOM, _OFF_SHIFT = math.radians(3.5), 0.025, 0.011
_MOST_OFF_TURN, _MOST_OFF_SHIFT = math.radians(8), 6 / 256

# Of another photo of a person: turns of the head, in shares of the side for each unit of depth, and single features.
_YAW, _PITCH, _EXPRESSION = 0.15, 0.1, 0.005
_GRID = 33


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


def as_photographed(face: Tensor, rng: np.random.Generator) -> Tensor:
    """Give a clean face [3, R, R] in [-1, 1] the faults of people's photos; the result is in [-1, 1] too.

    Light: gamma (deviation of its logarithm 0.25), a slope across the picture, a colour cast, contrast. Alignment: up
    to 8 degrees and 6 pixels (at 256 px) off. File: in part of the photos blur, fewer pixels, noise, JPEG, no colours.
    A quarter of the faces stay as they are.

    Args:
        face: The face.
        rng: Source of all randomness.
    """
    chances, normal = rng.random(8), torch.from_numpy(rng.normal(size=14)).float()
    if chances[0] < 0.25:
        return face
    side = face.shape[-1]
    turn = (_OFF_TURN * normal[0:1]).clamp(-_MOST_OFF_TURN, _MOST_OFF_TURN)
    shift = (_OFF_SHIFT * normal[None, 1:3]).clamp(-_MOST_OFF_SHIFT, _MOST_OFF_SHIFT) * side
    zoom = torch.exp(_OFF_ZOOM * normal[3:4])
    affine = chain(scale(zoom, zoom), rotate(turn), translate(shift)) if chances[1] < 0.5 else None
    colour = chain(
        balance(torch.exp(_GAIN * normal[None, 4:7])),
        contrast(torch.exp(_CONTRAST * normal[7:8])),
        saturate(torch.zeros(1) if chances[2] < 0.04 else torch.exp(_SATURATION * normal[8:9])),
    )
    photo = _lit(Transform(colour, affine)(face[None])[0], normal[9:12])
    if chances[3] < 0.25:
        sigma = 0.3 + 1.2 * float(rng.random()) ** 2
        photo = gaussian_blur2d(photo[None], (7, 7), (sigma * side / 256,) * 2)[0]
    if chances[4] < 0.15:
        photo = resize(resize(photo[None], round(side * rng.uniform(0.4, 0.9))), side, "bicubic")[0]
    if chances[5] < 0.35:
        grain = rng.normal(size=photo.shape) if chances[6] < 0.5 else rng.normal(size=(1, side, side))
        photo = photo + float(0.06 * rng.random()) * torch.from_numpy(grain).float()
    photo = photo.clamp(-1, 1)
    return _compressed(photo, int(rng.integers(40, 96))) if chances[7] < 0.4 else photo


def another_photo(face: Tensor, rng: np.random.Generator, mirror: bool) -> Tensor:
    """A face [3, R, R] in [-1, 1] as if from another photo of that person; the result is in [-1, 1] too.

    The head turns a little and features move (a thin-plate spline through the mean landmarks), then all that `jitter`
    does, then other light; now and then glasses or a mask are drawn over it.

    Args:
        face: The face.
        rng: Source of all randomness.
        mirror: Flip half of the faces left-right.
    """
    photo = _turned_head(face, rng)
    if rng.random() < 0.15:
        photo = _covered(photo, rng)
    photo = jitter(photo, rng, mirror)
    return _lit(photo, 1.3 * torch.from_numpy(rng.normal(size=3)).float()).clamp(-1, 1)


def _lit(photo: Tensor, normal: Tensor) -> Tensor:
    """Other light: gamma by the first of three normal numbers, a slope along x and y by the others."""
    steps = torch.linspace(-1, 1, photo.shape[-1])
    slope = 1 + _SLOPE * (normal[1] * steps[None, :] + normal[2] * steps[:, None])
    light = (photo.clamp(-1, 1) + 1) / 2
    return 2 * (light.pow(float(torch.exp(_GAMMA * normal[0]))) * slope) - 1


def _compressed(photo: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(to_uint8(photo[None])[0]).save(file, "JPEG", quality=quality)
    return to_tensor(Image.open(file))[0]


def _turned_head(face: Tensor, rng: np.random.Generator) -> Tensor:
    """Warp a face as if the head turned: points move sideways and down by their depth, the picture's rim stays."""
    from scipy.interpolate import RBFInterpolator  # slow to import, for those who train

    yaw, pitch = rng.normal(size=2).clip(-2, 2) * (_YAW, _PITCH)
    points = np.concatenate([LANDMARKS, OUTLINE])
    moved = points[:, :2] + points[:, 2:] * (yaw, pitch) + rng.normal(0, _EXPRESSION, size=(len(points), 2))
    rim = np.array([(x, y) for x in (0, 0.5, 1) for y in (0, 0.5, 1) if (x, y) != (0.5, 0.5)])
    # From where a pixel of the result comes, on a coarse grid; the spline is smooth.
    spline = RBFInterpolator(
        np.concatenate([moved, rim]), np.concatenate([points[:, :2], rim]), kernel="thin_plate_spline", smoothing=1e-4
    )
    steps = np.linspace(0, 1, _GRID)
    origin = torch.from_numpy(spline(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))).float()
    coarse = origin.view(1, _GRID, _GRID, 2).permute(0, 3, 1, 2) * 2 - 1
    grid = F.interpolate(coarse, face.shape[1:], mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
    return F.grid_sample(face[None], grid, mode="bicubic", padding_mode="reflection", align_corners=True)[0]


def _covered(photo: Tensor, rng: np.random.Generator) -> Tensor:
    """Glasses or a face mask of one colour drawn over a face."""
    cover = torch.from_numpy(face_part(rng, photo.shape[-1], str(rng.choice(WORN)))).float()
    opacity = rng.uniform(0.6, 1.0)
    colour = torch.from_numpy(rng.uniform(-1, 0.9) + rng.normal(0, 0.1, size=3)).float()[:, None, None]
    return torch.lerp(photo, colour.expand_as(photo), opacity * cover)
