"""Transforms of a batch of pictures as small matrices, one per sample: colour, geometry, cutout.

Colour is a matrix rather than `kornia.enhance`, which clamps and goes through HSV: gradients end there, and completed
pictures reach a little beyond [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from kornia.geometry.conversions import axis_angle_to_rotation_matrix
from kornia.geometry.transform import warp_affine
from torch import Tensor


@dataclass(frozen=True)
class Transform:
    """One transform per sample, linear in the picture; calling it applies it.

    Args:
        color: [B, 4, 4], homogeneous RGB in [-1, 1] → RGB; None leaves all colours.
        affine: [B, 3, 3], homogeneous points (x right, y down, in pixels from the picture's centre) → where they go;
            None leaves every pixel in its place.
        cutout: [B, 2], row and column, perhaps outside, of the first pixel of a square of half a side that turns
            mid-grey; None cuts nothing.
    """

    color: Tensor | None = None
    affine: Tensor | None = None
    cutout: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Transform [B, 3, H, W] in about [-1, 1], mirrored beyond its rim; samples left alone are bit-equal."""
        # Half precision cannot tell neighbouring pixels' coordinates apart.
        with torch.autocast(images.device.type, enabled=False):
            x = images if images.dtype == torch.float64 else images.float()
            if self.color is not None:
                x = _where_changed(_recolor, x, self.color)
            if self.affine is not None:
                x = _where_changed(_warp, x, self.affine)
            if self.cutout is not None:
                x = x * ~_square(self.cutout.to(x.device), x.shape[2], x.shape[3])
            return x.to(images.dtype)


def chain(*matrices: Tensor) -> Tensor:
    """One matrix that does what the given ones do in turn."""
    done = matrices[0]
    for matrix in matrices[1:]:
        done = matrix @ done
    return done


def translate(shift: Tensor) -> Tensor:
    """Move by [B, 2] (x, y) pixels → [B, 3, 3]."""
    matrix = torch.eye(3).repeat(len(shift), 1, 1)
    matrix[:, :2, 2] = shift
    return matrix


def scale(x: Tensor, y: Tensor) -> Tensor:
    """Scale by factors [B] about the centre → [B, 3, 3]; -1 mirrors."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], dim=1))


def rotate(angle: Tensor) -> Tensor:
    """Turn clockwise by [B] radians about the centre → [B, 3, 3]."""
    return _rotate_about([0.0, 0.0, 1.0], angle)


def brighten(amount: Tensor) -> Tensor:
    """Add [B] to all channels → [B, 4, 4]."""
    matrix = torch.eye(4).repeat(len(amount), 1, 1)
    matrix[:, :3, 3] = amount[:, None]
    return matrix


def balance(gains: Tensor) -> Tensor:
    """Scale the light of each channel by [B, 3]; black stays black → [B, 4, 4]."""
    matrix = _homogeneous(torch.diag_embed(gains))
    matrix[:, :3, 3] = gains - 1
    return matrix


def contrast(factor: Tensor) -> Tensor:
    """Scale by [B] about mid-grey → [B, 4, 4]."""
    return _homogeneous(factor[:, None, None] * torch.eye(3))


def saturate(factor: Tensor) -> Tensor:
    """Scale the distance from grey of equal brightness (mean of R, G, B) by [B] → [B, 4, 4]."""
    return _homogeneous(torch.eye(3) + (factor[:, None, None] - 1) * (torch.eye(3) - _TO_GREY))


def turn_hue(angle: Tensor) -> Tensor:
    """Turn colours by [B] radians about the axis of greys → [B, 4, 4]; 2π / 3 takes red to green."""
    return _homogeneous(_rotate_about([3**-0.5] * 3, angle))


def flip_brightness(share: Tensor) -> Tensor:
    """Negate brightness and keep hue and saturation where `share` [B] is 1, nothing where it is 0 → [B, 4, 4]."""
    return _homogeneous(torch.eye(3) - 2 * share[:, None, None] * _TO_GREY)


_TO_GREY = torch.full((3, 3), 1 / 3)


def _rotate_about(axis: list[float], angle: Tensor) -> Tensor:
    turn: Tensor = axis_angle_to_rotation_matrix(angle[:, None] * torch.tensor(axis))
    return turn


def _homogeneous(matrix: Tensor) -> Tensor:
    extended = torch.eye(4).repeat(len(matrix), 1, 1)
    extended[:, :3, :3] = matrix
    return extended


def _where_changed(operation: Callable[[Tensor, Tensor], Tensor], x: Tensor, matrices: Tensor) -> Tensor:
    """Apply an operation to the samples whose matrix is not the identity."""
    changed = (matrices != torch.eye(matrices.shape[1])).flatten(1).any(dim=1).nonzero()[:, 0]
    if len(changed) == 0:
        return x
    here = changed.to(x.device)
    return x.index_copy(0, here, operation(x[here], matrices[changed].to(x)))


def _recolor(x: Tensor, color: Tensor) -> Tensor:
    return torch.einsum("bij,bjhw->bihw", color[:, :3, :3], x) + color[:, :3, 3, None, None]


def _warp(x: Tensor, affine: Tensor) -> Tensor:
    # kornia counts from the centre of the first pixel. Bilinear would blur what the discriminator judges by.
    height, width = x.shape[2:]
    middle = torch.tensor([[(width - 1) / 2, (height - 1) / 2]])
    matrix = chain(translate(-middle).to(x), affine, translate(middle).to(x))
    warped: Tensor = warp_affine(
        x, matrix[:, :2], (height, width), mode="bicubic", padding_mode="reflection", align_corners=True
    )
    return warped


def _square(corner: Tensor, height: int, width: int) -> Tensor:
    """Bool [B, 1, H, W], True in the square of half a side that begins at `corner` [B, 2] (row, column)."""
    row = torch.arange(height, device=corner.device) - corner[:, :1]
    column = torch.arange(width, device=corner.device) - corner[:, 1:]
    inside_rows = (row >= 0) & (row < height // 2)
    inside_columns = (column >= 0) & (column < width // 2)
    return inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
