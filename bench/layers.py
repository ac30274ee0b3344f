"""Work and time of single layers. Work is counted from the layers' definitions, whatever tricks compute them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from exegan.nets.generator import ModulatedConv, ToRGB
from exegan.nets.layers import EqualConv2d, EqualLinear

_LAYERS = (ModulatedConv, ToRGB, EqualConv2d, EqualLinear, nn.Conv2d, nn.Linear)


@dataclass
class LayerCost:
    """Work and time of one layer.

    Args:
        name: Its path in the network.
        output: Its output's shape without the batch.
        gflop: Multiplications and additions of its convolution or matrix product for one sample; filters are left out.
        seconds: The shortest time it took.
    """

    name: str
    output: tuple[int, ...]
    gflop: float
    seconds: float


def measure_layers(network: nn.Module, call: Callable[[], Any], repeats: int = 1) -> list[LayerCost]:
    """Cost of every layer of `network` that `call` runs at batch 1, in order. On a CPU, where calls do not overlap."""
    costs: dict[str, LayerCost] = {}
    started: dict[str, float] = {}
    hooks = []
    for name, layer in network.named_modules():
        if not isinstance(layer, _LAYERS):
            continue

        def before(_layer: nn.Module, _inputs: Any, name: str = name) -> None:
            started[name] = time.perf_counter()

        def after(layer: nn.Module, inputs: Any, output: Tensor, name: str = name) -> None:
            seconds = time.perf_counter() - started[name]
            cost = costs.setdefault(
                name, LayerCost(name, tuple(output.shape[1:]), _gflop(layer, inputs[0], output), seconds)
            )
            cost.seconds = min(cost.seconds, seconds)

        hooks += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    try:
        for _ in range(repeats):
            call()
    finally:
        for hook in hooks:
            hook.remove()
    return list(costs.values())


def total_gflop(costs: list[LayerCost]) -> float:
    """Work of all layers together."""
    return sum(cost.gflop for cost in costs)


def _gflop(layer: nn.Module, x: Tensor, output: Tensor) -> float:
    """Two times the multiplications: each weight acts once on every position of the smaller of input and output."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    positions = 1 if weight.ndim == 2 else min(x.shape[2:].numel(), output.shape[2:].numel())
    return 2 * weight.numel() * positions / 1e9
