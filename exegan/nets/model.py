"""The networks that complete a face, together: what a model folder holds, and how it is run on a device."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from exegan.config import ModelConfig
from exegan.errors import ConfigError
from exegan.nets.generator import Generator
from exegan.nets.style_encoder import make_style_encoder

_MEAN_W_SAMPLES = 4096


class Networks(Protocol):
    """The networks as the pipeline uses them, whatever runs them: `Model` is one."""

    @property
    def config(self) -> ModelConfig:
        """What the networks are."""
        ...

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Aligned exemplar faces [B, 3, H, W] in [-1, 1] → style codes [B, num_styles, w_dim]."""
        ...

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
        """Whole faces around the known pixels.

        Args:
            image: [B, 3, R, R] in [-1, 1]; pixels in the hole are not looked at.
            mask: [B, 1, R, R], 1 = hole.
            z: Random latents [B, z_dim].
            style: Style codes [B, num_styles, w_dim] of the exemplars.
            exemplar_strength: 1 = the exemplar alone rules its layers, 0 = the stochastic style alone; one for all, or
                one for each [B].
            truncation_psi: 1 = none; towards 0, w moves to its mean.
            noise: One picture [B or 1, 1, h, w] a layer (`GeneratorConfig.noise_shapes`); None takes the stored noise.

        Returns:
            Raw pictures [B, 3, R, R], about [-1, 1], not clamped and not composited.
        """
        ...


class Model(nn.Module):
    """Generator, style encoder and the mean of w, built from one configuration.

    `mean_w` [w_dim] is where truncation leads to; `update_mean_w` computes it after training.
    """

    mean_w: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(config.generator)
        self.style_encoder = make_style_encoder(config)
        self.register_buffer("mean_w", torch.zeros(config.generator.w_dim))

    @torch.no_grad()
    def update_mean_w(self) -> None:
        """Set `mean_w` to the mean over 4,096 z of a fixed seed."""
        z = torch.randn(_MEAN_W_SAMPLES, self.config.generator.z_dim, generator=torch.Generator().manual_seed(0))
        self.mean_w.copy_(self.generator.mapping(z.to(self.mean_w.device)).mean(dim=0))

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplars, see `Networks`."""
        style: Tensor = self.style_encoder(exemplar)
        return style

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
        """Whole faces around the known pixels, see `Networks`."""
        w = self.generator.mapping(z).float()  # autocast hands out its own format
        w = torch.lerp(self.mean_w.expand_as(w), w, truncation_psi)
        if isinstance(exemplar_strength, Tensor) and exemplar_strength.ndim == 1:
            exemplar_strength = exemplar_strength[:, None, None]
        w_plus = self.generator.mix_styles(w, style, exemplar_strength)
        raw: Tensor = self.generator(image, mask, w_plus, noise)
        return raw


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
        """Style codes of aligned exemplars, see `Networks`."""
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
        """Whole faces around the known pixels, see `Networks`."""
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
        except Exception as error:
            if not _is_of_compiler(error):
                raise
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"torch.compile does not work here ({reason}); run without compiling") from error


def _is_of_compiler(error: Exception) -> bool:
    """Whether torch.compile raised it; who does not compile is spared the seconds of importing the compiler."""
    compiler = sys.modules.get("torch._dynamo.exc")
    return compiler is not None and isinstance(error, compiler.TorchDynamoException)


def _faces_at_once(config: ModelConfig) -> int:
    """Faces in one pass on a CPU: as many as keep the largest features near its cache; more only wait for memory."""
    generator = config.generator
    features = generator.channels(generator.resolution) * generator.resolution**2
    return max(1, _CPU_FEATURES // features)
