"""Frozen networks for losses and metrics, by name; `exegan.nets.frozen` has their protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from exegan.config import FrozenNetConfig
from exegan.errors import ConfigError, WeightsError
from exegan.nets.backbones import make_efficientnet, make_lpips, make_squeezenet, make_vgg19
from exegan.nets.frozen import FrozenModule
from exegan.nets.recognition import make_arcface, make_facenet, make_mobilefacenet

Kind = Literal["perceptual", "recognition"]


@dataclass(frozen=True)
class FrozenNetEntry:
    """How one name of the registry is built.

    Args:
        kind: What the net is for.
        make: Builds it from a local weight file; None asks its library to download.
        needs_file: There is nothing to download, a local file must be given.
    """

    kind: Kind
    make: Callable[[str | None], FrozenModule]
    needs_file: bool = False


def _local(kind: Kind, make: Callable[[str], FrozenModule]) -> FrozenNetEntry:
    # `make_frozen_net` has refused None before it comes here.
    return FrozenNetEntry(kind, lambda weights: make(str(weights)), needs_file=True)


FROZEN_NETS: dict[str, FrozenNetEntry] = {
    "lpips-alex": FrozenNetEntry("perceptual", partial(make_lpips, "alex")),
    "lpips-vgg": FrozenNetEntry("perceptual", partial(make_lpips, "vgg")),
    "lpips-squeeze": FrozenNetEntry("perceptual", partial(make_lpips, "squeeze")),
    "efficientnet-lite0": FrozenNetEntry("perceptual", make_efficientnet),
    "vgg19": _local("perceptual", make_vgg19),
    "squeezenet": _local("perceptual", make_squeezenet),
    "facenet": FrozenNetEntry("recognition", make_facenet),
    "arcface-resnet101": _local("recognition", make_arcface),
    "mobilefacenet": _local("recognition", make_mobilefacenet),
}


def make_frozen_net(config: FrozenNetConfig, kind: Kind) -> FrozenModule:
    """Build a frozen network: no weight requires a gradient, and it stays in eval mode under any parent.

    The global random state is left as it was, so a seeded run does not depend on which nets its losses use.

    Args:
        config: Name and weight file.
        kind: What the caller needs it for.

    Returns:
        A `FrozenNet` on the CPU.

    Raises:
        ConfigError: The name is unknown or of the other kind, or the package behind it is not installed.
        WeightsError: The weights are missing, damaged, of another network or cannot be downloaded.
    """
    entry = FROZEN_NETS.get(config.name)
    if entry is None:
        raise ConfigError(f"unknown frozen net {config.name!r}, expected one of {', '.join(FROZEN_NETS)}")
    if entry.kind != kind:
        fitting = ", ".join(name for name, other in FROZEN_NETS.items() if other.kind == kind)
        raise ConfigError(f"frozen net {config.name!r} is a {entry.kind} net, expected a {kind} net: {fitting}")
    if entry.needs_file and not config.weights:
        raise WeightsError(
            f"frozen net {config.name!r} got no weight file and has none to download; "
            "set its `weights` to a local file or choose another net"
        )
    with torch.random.fork_rng(devices=[]):
        net: FrozenModule = entry.make(config.weights)
    return net.freeze()
