"""The networks as ONNX graph files, through PyTorch's exporter.

`style_encoder.onnx`: exemplar [batch, 3, S, S] → style [batch, num_styles, w_dim].

`generator.onnx`: image, mask, z, style → raw [batch, 3, R, R]. Optional inputs, whose stored values are used when they
are not fed: the scalars exemplar_strength and truncation_psi (both 1), and noise_0 … noise_N [1 or batch, 1, h, w] (the
model's stored noise).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from exegan.nets.model import Model
from exegan.nets.onnx_session import import_extra

_OPSET = 18  # what the exporter itself writes in PyTorch 2.6, and every current runtime reads
_LARGEST_BATCH = 2**20  # PyTorch 2.6 refuses a batch without a limit; the graph keeps none
_TRACED_BATCH = 2  # the exporter would take 1 for a constant


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


def write_style_encoder(model: Model, path: Path) -> None:
    """Write the style encoder's graph, for exemplars of its own side."""
    side = model.config.style_encoder.resolution
    exemplar = torch.zeros(_TRACED_BATCH, 3, side, side)
    _trace(model.style_encoder, {"exemplar": exemplar}, ["exemplar"], "style").save(path)


def write_generator(model: Model, path: Path) -> None:
    """Write the generator's graph, mapping network and truncation included."""
    config, batch = model.config.generator, _TRACED_BATCH
    side = config.resolution
    # The stored noise lies in the state dict in the order of the layers; the comparison with PyTorch would tell.
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
    # would stumble over one picture for all; without them it infers the shapes itself.
    outputs = set(graph.outputs)
    for node in graph:
        for value in node.outputs:
            if value not in outputs:
                value.shape = None
