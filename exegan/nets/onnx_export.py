"""`exegan onnx`: the two networks of a model folder as ONNX graphs, compared with PyTorch before anything is kept.

`style_encoder.onnx`: exemplar [batch, 3, S, S] → style [batch, num_styles, w_dim].

`generator.onnx`: image, mask, z, style → raw [batch, 3, R, R]. Optional inputs, whose stored values are used when they
are not fed: the scalars exemplar_strength and truncation_psi (both 1), and noise_0 … noise_N [1 or batch, 1, h, w] (the
model's stored noise).

The result is the ONNX folder that `exegan.nets.onnx_runtime` describes and runs. The graphs take any batch size and one
picture size.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from exegan.config import to_dict
from exegan.errors import InputError, WeightsError
from exegan.io.files import json_text, reason
from exegan.io.weights import sha256_of
from exegan.nets.checkpoint import CONFIG_FILE, ONNX_FILES, WEIGHTS_FILE, find_model, load_model, read_description
from exegan.nets.model import Model, Networks
from exegan.nets.onnx_runtime import GENERATOR_FILE, ONNX_FORMAT, STYLE_ENCODER_FILE, OnnxNetworks, import_extra

_OPSET = 18  # what the exporter itself writes in PyTorch 2.6, and every current runtime reads
_LARGEST_BATCH = 2**20  # PyTorch 2.6 refuses a batch without a limit; the graph keeps none
_TRACED_BATCH = 2  # the exporter would take 1 for a constant
TOLERANCE = 1e-3
# Batch, exemplar_strength, truncation_psi, and for how many items noise is given (0: none, the stored noise).
_CASES = ((1, 1.0, 1.0, 0), (1, 0.3, 0.7, 1), (3, 0.0, 0.0, 0), (3, 0.6, 1.0, 1), (3, 1.0, 0.5, 3))
_OWN_FILES = {CONFIG_FILE, *ONNX_FILES, *(f"{name}.data" for name in ONNX_FILES)}


def export_onnx(name_or_folder: str | Path, folder: str | Path) -> dict[str, Any]:
    """Write an ONNX folder and make sure that it computes what the model computes.

    Args:
        name_or_folder: A bundled model's name or a model folder.
        folder: Created where missing; an ONNX folder already there is replaced, anything else refused.

    Returns:
        JSON-ready report: `output`, `difference` (the largest, of each network), `bytes`, `seconds`.

    Raises:
        WeightsError: The model cannot be read, or its ONNX form differs from it; nothing was written.
        InputError: A package is missing, or the folder holds something else or cannot be written.
    """
    started = time.perf_counter()
    for package in ("onnx", "onnxscript", "onnxruntime"):
        import_extra(package)
    source, target = find_model(name_or_folder), Path(folder).absolute()
    try:
        _check_target(target, folder)
        model = load_model(source)
        nearest = next(parent for parent in target.parents if parent.is_dir())
        with tempfile.TemporaryDirectory(prefix=".exegan-onnx-", dir=nearest) as scratch:
            made = Path(scratch)
            difference = _write_checked(model, made, source)
            files = sorted(made.glob("*.onnx*"))
            size = sum(path.stat().st_size for path in files)
            _move([*files, made / CONFIG_FILE], target)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({reason(error)}); choose another folder") from error
    seconds = round(time.perf_counter() - started, 1)
    return {"output": str(folder), "difference": difference, "bytes": size, "seconds": seconds}


def _write_checked(model: Model, folder: Path, source: Path) -> dict[str, float]:
    """Write all files of an ONNX folder, and return the differences to PyTorch that it was checked for."""
    with tqdm(total=3, desc="style encoder", unit="step", disable=None) as bar:
        write_style_encoder(model, folder / STYLE_ENCODER_FILE)
        bar.set_description("generator"), bar.update()
        write_generator(model, folder / GENERATOR_FILE)
        bar.set_description("comparing with PyTorch"), bar.update()
        difference = measure_difference(model, OnnxNetworks(folder, model.config, torch.device("cpu")))
        bar.update()
    hashes = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    if not all(value <= TOLERANCE for value in difference.values()):  # so that NaN is refused as well
        raise WeightsError(
            f"the ONNX form of {source} differs from PyTorch by {max(difference.values()):.1e}, expected at most"
            f" {TOLERANCE:g}; nothing was written, try other versions of torch and onnxruntime"
        )
    description = {
        "format": ONNX_FORMAT,
        "model": to_dict(model.config),
        "sha256": hashes,
        "source_sha256": sha256_of(source / WEIGHTS_FILE),
        "training": read_description(source).get("training"),
        "difference": difference,
    }
    (folder / CONFIG_FILE).write_text(json_text(description), encoding="utf-8")
    return difference


@torch.no_grad()
def measure_difference(model: Networks, exported: Networks) -> dict[str, float]:
    """Largest absolute difference of style codes and raw pictures, over batch sizes, strengths and all ways of noise.

    Returns:
        By network; NaN where one of the two computes it.
    """
    config, random = model.config.generator, torch.Generator().manual_seed(0)
    side, encoder_side = config.resolution, model.config.style_encoder.resolution
    found: dict[str, list[float]] = {"style_encoder": [], "generator": []}
    for batch, strength, psi, noise_batch in _CASES:
        exemplar, image = (torch.rand(batch, 3, s, s, generator=random) * 2 - 1 for s in (encoder_side, side))
        mask = torch.zeros(batch, 1, side, side)
        mask[:, :, side // 4 : -side // 5, side // 3 :] = 1
        style, z = model.encode_exemplar(exemplar), torch.randn(batch, config.z_dim, generator=random)
        shapes = config.noise_shapes() if noise_batch else []
        noise = [torch.randn(noise_batch, 1, *shape, generator=random) for shape in shapes] or None
        inputs = (image, mask, z, style, strength, psi, noise)
        found["style_encoder"].append(_largest(style, exported.encode_exemplar(exemplar)))
        found["generator"].append(_largest(model.generate(*inputs), exported.generate(*inputs)))
    return {name: float(torch.tensor(values).max()) for name, values in found.items()}


def _largest(expected: Tensor, got: Tensor) -> float:
    return float((expected - got).abs().max())


def write_style_encoder(model: Model, path: Path) -> None:
    """Write the style encoder's graph, for exemplars of its own side."""
    side = model.config.style_encoder.resolution
    exemplar = torch.zeros(_TRACED_BATCH, 3, side, side)
    _trace(model.style_encoder, {"exemplar": exemplar}, ["exemplar"], "style").save(path)


def write_generator(model: Model, path: Path) -> None:
    """Write the generator's graph, mapping network and truncation included."""
    config, batch = model.config.generator, _TRACED_BATCH
    side = config.resolution
    # The stored noise lies in the state dict in the order of the layers; the comparison with PyTorch would fail.
    stored = [value for key, value in model.generator.state_dict().items() if key.endswith("noise_const")]
    defaults = {"exemplar_strength": torch.tensor(1.0), "truncation_psi": torch.tensor(1.0)}
    inputs = {
        "image": torch.zeros(batch, 3, side, side),
        "mask": torch.zeros(batch, 1, side, side),
        "z": torch.ones(batch, config.z_dim),
        "style": torch.zeros(batch, config.num_styles, config.w_dim),
        **defaults,
        "noise": [picture.expand(batch, -1, -1, -1).clone() for picture in stored],
    }
    names = [*list(inputs)[:-1], *(f"noise_{i}" for i in range(len(stored)))]
    program = _trace(_GeneratorGraph(model), inputs, names, "raw")
    _make_optional(program.model.graph, defaults | {f"noise_{i}": picture for i, picture in enumerate(stored)})
    program.save(path)


class _GeneratorGraph(nn.Module):
    """`Model.generate` with every choice an input."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        image: Tensor,
        mask: Tensor,
        z: Tensor,
        style: Tensor,
        exemplar_strength: Tensor,
        truncation_psi: Tensor,
        noise: Sequence[Tensor],
    ) -> Tensor:
        # `lerp` takes tensors for numbers; PyTorch 2.6 traces it only with all three of one shape.
        strength: Any = exemplar_strength.expand_as(style)
        psi: Any = truncation_psi.expand(z.shape[0], style.shape[2])
        return self.model.generate(image, mask, z, style, strength, psi, noise)


def _trace(module: nn.Module, inputs: dict[str, Any], names: list[str], output: str) -> Any:
    """The exporter's program of a module in evaluation mode, without traces of this machine."""
    dims = {0: torch.export.Dim("batch", max=_LARGEST_BATCH)}
    shapes = {
        name: [dims] * len(value) if isinstance(value, list) else dims if value.ndim else None
        for name, value in inputs.items()
    }
    with warnings.catch_warnings():
        # The exporter warns of its own insides: deprecated calls, and that inputs share the axis named `batch`.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            kwargs=inputs,
            dynamic_shapes=shapes,
            input_names=names,
            output_names=[output],
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    graph = program.model.graph  # type: ignore[union-attr]
    values = [value for node in graph for value in node.outputs]
    for part in (graph, *graph, *graph.inputs, *graph.initializers.values(), *values):
        part.metadata_props.clear()  # stack traces, with the paths of this machine
    return program


def _make_optional(graph: Any, defaults: dict[str, Tensor]) -> None:
    """Give inputs a stored value, by ONNX's rule that an initializer named like an input is its default."""
    ir = import_extra("onnxscript.ir")
    for value in graph.inputs:
        if value.name in defaults:
            value.const_value = ir.tensor(defaults[value.name].numpy(), name=value.name)
            graph.initializers[value.name] = value
            if value.name.startswith("noise"):
                # Stored noise is [1, 1, h, w]: its batch is an axis of its own, spread by broadcasting.
                value.shape = ir.Shape([f"{value.name}_batch", *value.shape[1:]])
    # The shapes noted inside the graph were traced with noise of the whole batch. A runtime that plans memory by them
    # would fail with one picture for all; without them it infers the shapes itself.
    outputs = set(graph.outputs)
    for node in graph:
        for value in node.outputs:
            if value not in outputs:
                value.shape = None


def _check_target(target: Path, shown: str | Path) -> None:
    """Refuse a place that is no folder, or holds anything but an ONNX folder."""
    if not next(path for path in (target, *target.parents) if path.exists()).is_dir():
        raise InputError(f"{shown} lies in a file or is one, expected a folder; choose another one")
    names = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if names and not (names <= _OWN_FILES and _is_onnx_folder(target)):
        other = min(names - _OWN_FILES, default=CONFIG_FILE)
        raise InputError(
            f"the folder {shown} holds something else ({other}), expected a new or empty folder, or an"
            " ONNX folder to replace; choose another one"
        )


def _is_onnx_folder(folder: Path) -> bool:
    try:
        read_description(folder, ONNX_FORMAT)
    except WeightsError:
        return False
    return True


def _move(files: Sequence[Path], folder: Path) -> None:
    """Put complete files in their place, the description last: a kill in between leaves hashes that do not fit."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        os.replace(path, folder / path.name)
    for name in _OWN_FILES - {path.name for path in files}:
        (folder / name).unlink(missing_ok=True)  # data beside the graph of a larger model that was here
