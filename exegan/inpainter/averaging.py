"""Several photos of one person: their styles averaged, and those that stand out named."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.errors import InputError
from exegan.inpainter.styles import Style, joined_identities

# Measured, see docs/exemplars.md.
_FAR = 1.5
_SOMEBODY_ELSE = 0.4


def average_styles(styles: Sequence[Style]) -> Style:
    """The mean of the styles of several photos of one person; of one style, itself.

    Raises:
        InputError: There is none, or they are of several models.
    """
    if not styles:
        raise InputError("there is no exemplar; give at least one photo of a face")
    first = styles[0]
    if len(styles) == 1:
        return first
    for style in styles[1:]:
        first.mixed(style, 0)  # refuses styles of two models
    codes = torch.stack([style.codes for style in styles])
    names = tuple(" and ".join(style.names) or f"number {number}" for number, style in enumerate(styles))
    identity = joined_identities(styles)
    distances = _relative_distances(codes) if len(styles) > 2 else ()
    if identity is None or len(identity) != len(styles):
        remarks = _remarks_on_styles(names, distances)
    else:
        remarks = _remarks_on_persons(names, identity)
    return Style(codes.mean(dim=0), first.model_sha256, names, distances, identity, tuple(remarks))


def _relative_distances(codes: Tensor) -> tuple[float, ...]:
    """Distance of each of [N, L, D] to the mean of the others, over the median of these distances."""
    others = (codes.sum(dim=0) - codes) / (len(codes) - 1)
    distances = torch.linalg.vector_norm((codes - others).flatten(1), dim=1)
    # Copies of one photo are no distance apart, up to rounding.
    usual = distances.median().clamp(min=1e-6 * float(codes.norm()) + 1e-12)
    return tuple(float(distance) for distance in distances / usual)


def _remarks_on_styles(names: Sequence[str], distances: Sequence[float]) -> list[str]:
    return [
        f"the style of the exemplar {name} is far from that of the others ({distance:.1f}x the usual distance);"
        " leave it out if it shows somebody else"
        for name, distance in zip(names, distances, strict=False)
        if distance > _FAR
    ]


def _remarks_on_persons(names: Sequence[str], identity: Tensor) -> list[str]:
    """By the cosine of each embedding [N, D] to the mean of the others."""
    others = F.normalize(identity.sum(dim=0) - identity, dim=1)
    cosines = (identity * others).sum(dim=1).tolist()
    return [
        f"the exemplar {name} looks like somebody else (identity similarity {cosine:.2f} to the others);"
        " leave it out if it is"
        for name, cosine in zip(names, cosines, strict=True)
        if cosine < _SOMEBODY_ELSE
    ]
