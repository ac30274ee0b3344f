"""All metrics by name, and which of them the networks at hand allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from exegan.errors import ConfigError
from exegan.metrics.base import Metric
from exegan.metrics.distributions import PIDS, UIDS, Frechet, Kernel
from exegan.metrics.networks import MetricNetwork, Role, roles_of, with_role
from exegan.metrics.pixels import L1, PSNR, SSIM, HoleL1, HolePSNR, KnownPixelError, SeamStep
from exegan.metrics.similarity import Diversity, ExemplarEffect, ExemplarPreferred, Identity, Perceptual

PIXEL_METRICS: dict[str, Callable[[], Metric]] = {
    "known-pixel error": KnownPixelError,
    "L1": L1,
    "L1 in the hole": HoleL1,
    "PSNR": PSNR,
    "PSNR in the hole": HolePSNR,
    "SSIM": SSIM,
    "SSIM in the hole": lambda: SSIM(in_hole=True),
    "seam": SeamStep,
}
# By what they need of a network.
NETWORK_METRICS: dict[str, tuple[Role, Callable[[MetricNetwork], Metric]]] = {
    "perceptual distance": ("maps", Perceptual),
    "perceptual distance in the hole": ("maps", lambda network: Perceptual(network, in_hole=True)),
    "diversity": ("maps", Diversity),
    "identity to truth": ("embedding", lambda network: Identity(network, "truth")),
    "identity to exemplar": ("embedding", lambda network: Identity(network, "exemplar")),
    "exemplar effect": ("embedding", ExemplarEffect),
    "exemplar preferred": ("embedding", ExemplarPreferred),
    "Fréchet distance": ("features", Frechet),
    "kernel distance": ("features", Kernel),
    "P-IDS": ("features", PIDS),
    "U-IDS": ("features", UIDS),
}


def make_metrics(
    networks: Sequence[MetricNetwork], missing: Mapping[str, str]
) -> tuple[list[Metric], list[dict[str, str]]]:
    """Every metric that the networks at hand allow.

    Args:
        networks: Those at hand.
        missing: Reason for each default network that is not.

    Returns:
        The metrics, and for those left out `metric` and `reason`.
    """
    metrics: list[Metric] = []
    left_out: list[dict[str, str]] = []
    for name, make in PIXEL_METRICS.items():
        _add(metrics, left_out, name, make)
    for name, (role, make_on) in NETWORK_METRICS.items():
        fitting = with_role(networks, role)
        if not fitting:
            reasons = "; ".join(f"{net}: {reason}" for net, reason in missing.items() if role in roles_of(net))
            reason = f"no network for it ({reasons or 'name one with --net'})"
            left_out.append({"metric": name, "reason": reason})
        for network in fitting:
            _add(metrics, left_out, f"{name} ({network.label})", partial(make_on, network))
    return metrics, left_out


def _add(metrics: list[Metric], left_out: list[dict[str, str]], name: str, make: Callable[[], Metric]) -> None:
    try:
        metrics.append(make())
    except ConfigError as error:  # a package of the extra is missing
        left_out.append({"metric": name, "reason": str(error)})
