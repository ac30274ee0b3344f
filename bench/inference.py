"""How fast a model completes faces, as ratios to the machine's own multiplication rate measured in the same run.

    python bench/inference.py paper-256                 the original's architecture with random weights
    python bench/inference.py default --precision bfloat16
    python bench/inference.py MODEL_DIR --device cuda --batch 1 8 32 --json figures.json

The floor of a network is its GFLOP divided by the machine's SGEMM rate in GFLOP/s.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from layers import measure_layers, total_gflop
from measure import describe_machine, sgemm, time_calls
from render import render
from textbook import textbook_operations
from torch import Tensor, nn

from exegan.config import GeneratorConfig, ModelConfig
from exegan.errors import ExeGanError
from exegan.inpainter import choose_device
from exegan.nets.checkpoint import load_model
from exegan.nets.model import PRECISIONS, Model, TorchNetworks
from exegan.training.hardware import peak_memory_mib, reset_peak_memory


def make_model(name: str, device: torch.device) -> Model:
    """A bundled model or model folder, or `paper-256`, `paper-512`, `paper-1024` with random weights."""
    architecture = re.fullmatch(r"paper-(\d+)", name)
    if not architecture:
        return load_model(name, device)
    model = Model(ModelConfig(generator=GeneratorConfig(resolution=int(architecture[1]))))
    model.update_mean_w()
    return model.eval().requires_grad_(False).to(device)


def make_inputs(model: Model, batch: int, device: torch.device) -> dict[str, Tensor]:
    """Random faces with a hole in the middle, the same for the same batch."""
    config, generator = model.config, torch.Generator().manual_seed(0)
    side = config.generator.resolution
    mask = torch.zeros(batch, 1, side, side)
    mask[:, :, side // 4 : -side // 4, side // 4 : -side // 4] = 1
    image = torch.rand(batch, 3, side, side, generator=generator) * 2 - 1
    exemplar = torch.rand(batch, 3, *(config.style_encoder.resolution,) * 2, generator=generator) * 2 - 1
    z = torch.randn(batch, config.generator.z_dim, generator=generator)
    inputs = {"image": image, "mask": mask, "exemplar": exemplar, "z": z}
    return {key: value.to(device) for key, value in inputs.items()}


def make_calls(networks: TorchNetworks, inputs: dict[str, Tensor]) -> dict[str, Callable[[], Tensor]]:
    """The two things a completion consists of."""
    style = networks.encode_exemplar(inputs["exemplar"])
    return {
        "style encoder": lambda: networks.encode_exemplar(inputs["exemplar"]),
        "generator": lambda: networks.generate(inputs["image"], inputs["mask"], inputs["z"], style),
    }


def measure_batch(
    networks: TorchNetworks, batch: int, options: argparse.Namespace, gflop: dict[str, float]
) -> list[dict[str, Any]]:
    """Seconds, ratio to the floor and peak memory of both networks at one batch size."""
    device = networks.device
    calls: dict[str, Callable[[], Any]] = dict(make_calls(networks, make_inputs(networks.model, batch, device)))
    peaks = {}
    for name, call in calls.items():
        reset_peak_memory(device)
        call()
        peaks[name] = peak_memory_mib(device)
    multiply, work = sgemm(device)
    seconds = time_calls({**calls, "sgemm": multiply}, device, options.repeats)
    rate = work / min(seconds["sgemm"])
    return [
        {
            "network": name,
            "batch": batch,
            "seconds": min(seconds[name]),
            "median_seconds": statistics.median(seconds[name]),
            "faces_per_second": batch / min(seconds[name]),
            "sgemm_gflop_per_second": rate,
            "x_floor": min(seconds[name]) / (batch * gflop[name] / rate),
            "peak_memory_mib": peaks[name],
        }
        for name in calls
    ]


def compare_with_textbook(model: Model, options: argparse.Namespace) -> dict[str, float]:
    """Time of the generator on textbook operations over ours, batch 1, and how far the pictures differ."""
    device = model.mean_w.device
    fast = make_calls(TorchNetworks(model), make_inputs(model, 1, device))["generator"]

    def slow() -> Tensor:
        with textbook_operations():
            return fast()

    seconds = time_calls({"fast": fast, "slow": slow}, device, options.repeats)
    plain = slow()
    return {
        "textbook_seconds": min(seconds["slow"]),
        "textbook_over_ours": min(seconds["slow"]) / min(seconds["fast"]),
        "largest_difference": (plain - fast()).abs().max().item() / plain.std().item(),
    }


def compare_precisions(model: Model) -> dict[str, dict[str, float]]:
    """Difference of the generator's picture from float32's, in units of the picture's standard deviation."""
    inputs = make_inputs(model, 1, model.mean_w.device)
    pictures = {
        precision: make_calls(TorchNetworks(model, precision), inputs)["generator"]() for precision in PRECISIONS
    }
    exact = pictures["float32"]
    differences = {name: (picture - exact).abs() / exact.std() for name, picture in pictures.items()}
    return {name: {"mean": d.mean().item(), "largest": d.max().item()} for name, d in differences.items()}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, JSON-ready."""
    device = choose_device(options.device)
    model = make_model(options.model, device)
    report: dict[str, Any] = {
        "model": options.model,
        "precision": options.precision,
        "device": str(device),
        "compiled": options.compile,
        "machine": describe_machine(device),
        "style_heads": model.config.generator.num_styles,
    }
    parts: dict[str, nn.Module] = {"style encoder": model.style_encoder, "generator": model.generator}
    calls = make_calls(TorchNetworks(model), make_inputs(model, 1, device))
    costs = {name: measure_layers(part, calls[name], options.repeats) for name, part in parts.items()}
    gflop = {name: total_gflop(cost) for name, cost in costs.items()}
    report["networks"] = {
        name: {"parameters": sum(p.numel() for p in part.parameters()), "gflop": gflop[name]}
        for name, part in parts.items()
    }
    report["textbook"] = compare_with_textbook(model, options)
    report["precision_error"] = compare_precisions(model)
    networks = TorchNetworks(model, options.precision, options.channels_last, options.compile)
    report["speed"] = []
    for batch in options.batch or ([1, 8, 32] if device.type == "cuda" else [1, 8]):
        print(f"batch {batch} ...", file=sys.stderr)
        report["speed"] += measure_batch(networks, batch, options, gflop)
    if device.type == "cpu":  # elsewhere calls overlap, and a layer's time is not its own
        report["layers"] = {name: [vars(cost) for cost in cost] for name, cost in costs.items()}
    return report


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="paper-256", help="paper-256|512|1024, 'default' or a model folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, nargs="+", help="batch sizes (1 8, on CUDA 1 8 32)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--channels-last", action=argparse.BooleanOptionalAction, help="memory layout (the faster one)")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print Markdown, optionally write JSON."""
    options = parse(arguments)
    report = measure(options)
    print(render(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except ExeGanError as error:
        sys.exit(f"inference: {error}")
