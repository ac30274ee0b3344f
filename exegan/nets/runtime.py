"""Running a model's networks: number format, memory layout and compilation, none of which the networks know about."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from exegan.config import ModelConfig
from exegan.errors import ConfigError
from exegan.nets.model import Model

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")

_CPU_FEATURES = 2**23


class TorchNetworks:
    """A model run by PyTorch (`exegan.nets.model.Networks`); weights, inputs and outputs are float32.

    Args:
        model: In evaluation mode, on its device. Its weights' memory layout is changed with `channels_last`.
        precision: What convolutions and linear layers compute in; `docs/results.md` has the errors.
        channels_last: Keep pictures as [B, H, W, C] in memory, which convolutions of CPUs and of GPUs in half
            precision prefer; None means where it is faster.
        compile_networks: Compile with `torch.compile` on the first call of each batch size: minutes, then faster.

    Raises:
        ConfigError: The precision is unknown.
    """

    def __init__(
        self,
        model: Model,
        precision: Precision | str = "float32",
        channels_last: bool | None = None,
        compile_networks: bool = False,
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"the precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
        self.model, self.precision = model, precision
        self.device = model.mean_w.device
        if channels_last is None:
            channels_last = self.device.type == "cpu" or precision != "float32"
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        model.to(memory_format=self.layout)
        self._faces_at_once = _faces_at_once(self.config) if self.device.type == "cpu" else sys.maxsize
        self._encode: Callable[..., Tensor] = model.encode_exemplar
        self._generate: Callable[..., Tensor] = model.generate
        if compile_networks:
            self._encode, self._generate = torch.compile(model.encode_exemplar), torch.compile(model.generate)

    @property
    def config(self) -> ModelConfig:
        """What the networks are."""
        return self.model.config

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplars, as `Networks` says."""
        return self._run(self._encode, exemplar.contiguous(memory_format=self.layout))

    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        z: Tensor,
        style: Tensor,
        exemplar_strength: float | Tensor = 1.0,
        truncation_psi: float = 1.0,
        noise: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Whole faces around the known pixels, as `Networks` says."""
        image = image.contiguous(memory_format=self.layout)
        raws = []
        for start in range(0, len(image), self._faces_at_once):
            part = slice(start, start + self._faces_at_once)
            part_noise = (
                None if noise is None else [picture if len(picture) == 1 else picture[part] for picture in noise]
            )
            inputs = image[part], mask[part], z[part], style[part]
            strength = exemplar_strength[part] if isinstance(exemplar_strength, Tensor) else exemplar_strength
            raws.append(self._run(self._generate, *inputs, strength, truncation_psi, part_noise))
        return torch.cat(raws) if len(raws) > 1 else raws[0]

    @torch.no_grad()
    def _run(self, network: Callable[..., Tensor], *inputs: object) -> Tensor:
        dtype = getattr(torch, self.precision)
        try:
            with torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32):
                return network(*inputs).float()
        except TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"torch.compile does not work here ({reason}); run without compiling") from error


def _faces_at_once(config: ModelConfig) -> int:
    """Faces in one pass on a CPU: as many as keep the largest features near its cache; more only wait for memory."""
    generator = config.generator
    features = generator.channels(generator.resolution) * generator.resolution**2
    return max(1, _CPU_FEATURES // features)
