"""Generator: a masked face and mixed styles in, a whole face out (paper, section 3.1)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.config import GeneratorConfig
from exegan.nets.layers import ACTIVATION_GAIN, EqualConv2d, EqualLinear, activate_
from exegan.ops.image import upsample
from exegan.ops.modulate import modulated_conv2d


class Generator(nn.Module):
    """Co-modulated encoder-decoder: each layer's style is its latent beside the masked image's global code."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        style_dim = config.w_dim + config.global_dim
        self.mapping = MappingNetwork(config)
        self.encoder = ImageEncoder(config)
        self.conv4 = ModulatedConv(config.channels(4), config.channels(4), style_dim, 4)
        self.to_rgb4 = ToRGB(config.channels(4), style_dim)
        self.blocks = nn.ModuleDict(
            {
                str(r): DecoderBlock(config.channels(r // 2), config.channels(r), style_dim, r, r <= config.noise_max)
                for r in self.up_to
            }
        )

    @property
    def up_to(self) -> tuple[int, ...]:
        """Resolutions of the decoder blocks, 8 and up."""
        return self.config.resolutions[1:]

    def mix_styles(self, w: Tensor, style: Tensor, exemplar_strength: float | Tensor = 1.0) -> Tensor:
        """Put stochastic and exemplar styles together.

        Args:
            w: Stochastic style [B, w_dim], or one per layer [B, num_ws, w_dim].
            style: Exemplar style [B, num_styles, w_dim], owner of the layers from `num_coarse` up.
            exemplar_strength: 1 = the exemplar alone rules its layers, 0 = the stochastic style alone; one for all, or
                [B, 1, 1].

        Returns:
            `w_plus` [B, num_ws, w_dim].
        """
        w_plus = w[:, None].expand(-1, self.config.num_ws, -1) if w.ndim == 2 else w
        coarse, fine = w_plus[:, : self.config.num_coarse], w_plus[:, self.config.num_coarse :]
        style = style.to(fine.dtype)
        if isinstance(exemplar_strength, Tensor):
            exemplar_strength = exemplar_strength.to(fine.dtype)
        return torch.cat([coarse, torch.lerp(fine, style, exemplar_strength)], dim=1)

    def forward(self, image: Tensor, mask: Tensor, w_plus: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Generate a whole face around the known pixels.

        Args:
            image: [B, 3, R, R] in [-1, 1]; pixels in the hole are not looked at.
            mask: [B, 1, R, R], 1 = hole.
            w_plus: Mixed styles [B, num_ws, w_dim] from `mix_styles`.
            noise: One picture [B or 1, 1, h, w] a layer (`GeneratorConfig.noise_shapes`); None takes the stored noise.

        Returns:
            Raw picture [B, 3, R, R], about [-1, 1], not clamped and not composited.
        """
        features, global_code = self.encoder(image, mask)
        styles = [torch.cat([latent, global_code.to(latent.dtype)], dim=1) for latent in w_plus.unbind(dim=1)]
        noises: Sequence[Tensor | None] = [None] * len(self.config.noise_shapes()) if noise is None else noise
        x = self.conv4(features[4], styles[0], noises[0])
        rgb: Tensor = self.to_rgb4(x, styles[1])
        for k, resolution in enumerate(self.up_to):
            # A block's picture and the next block's first convolution share a latent, hence steps of 2.
            block_styles = styles[2 * k + 1 : 2 * k + 4]
            block_noise = noises[2 * k + 1 : 2 * k + 3]
            x, rgb = self.blocks[str(resolution)](x, rgb, features[resolution], block_styles, block_noise)
        return rgb


class MappingNetwork(nn.Module):
    """z [B, z_dim], normalised to unit mean square, through fully connected layers → w [B, w_dim]."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths = [config.z_dim] + [config.w_dim] * config.mapping_layers
        self.layers = nn.Sequential(
            *(
                EqualLinear(n_in, n_out, lr_mul=config.mapping_lr_mul, activate=True)
                for n_in, n_out in itertools.pairwise(widths)
            )
        )

    def forward(self, z: Tensor) -> Tensor:
        z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        w: Tensor = self.layers(z)
        return w


class ImageEncoder(nn.Module):
    """Masked image and mask → features for the decoder.

    Inputs: image [B, 3, R, R] in [-1, 1] (hole pixels are ignored), mask [B, 1, R, R] with 1 = hole.
    Returns: skip features by resolution, {4: [B, C, 4, 4], 8: ..., R: [B, C, R, R]}, and the global style code
    [B, global_dim].
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.resolutions = config.resolutions[:0:-1]
        self.global_dropout = config.global_dropout
        deepest = config.channels(4)
        self.from_image = EqualConv2d(4, config.channels(config.resolution), 1)
        self.blocks = nn.ModuleDict(
            {str(r): EncoderBlock(config.channels(r), config.channels(r // 2)) for r in self.resolutions}
        )
        self.final_conv = EqualConv2d(deepest, deepest, 3)
        self.to_global = EqualLinear(deepest * 16, config.global_dim, activate=True)
        self.from_global = EqualLinear(config.global_dim, deepest * 16, activate=True)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        x = self.from_image(torch.cat([image * (1 - mask), mask - 0.5], dim=1))
        features: dict[int, Tensor] = {}
        for resolution in self.resolutions:
            x, features[resolution] = self.blocks[str(resolution)](x)
        x = self.final_conv(x)
        global_code = F.dropout(self.to_global(x.flatten(1)), self.global_dropout, self.training)
        features[4] = x + self.from_global(global_code).view_as(x)
        return features, global_code


class EncoderBlock(nn.Module):
    """Features at one resolution: a convolution whose output is kept as the skip, then a halving convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(in_channels, in_channels, 3)
        self.down = EqualConv2d(in_channels, out_channels, 3, down=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.conv(x)
        return self.down(skip), skip


class DecoderBlock(nn.Module):
    """One resolution of the decoder: up-sampling convolution, the encoder's skip, convolution, picture."""

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, resolution: int, noisy: bool = True
    ) -> None:
        super().__init__()
        self.conv_up = ModulatedConv(in_channels, out_channels, style_dim, resolution, up=True, noisy=noisy)
        self.conv = ModulatedConv(out_channels, out_channels, style_dim, resolution, noisy=noisy)
        self.to_rgb = ToRGB(out_channels, style_dim)

    def forward(
        self, x: Tensor, rgb: Tensor, skip: Tensor, styles: Sequence[Tensor], noise: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        x = self.conv_up(x, styles[0], noise[0]) + skip
        x = self.conv(x, styles[1], noise[1])
        return x, upsample(rgb) + self.to_rgb(x, styles[2])


class ModulatedConv(nn.Module):
    """Modulated 3×3 convolution, then noise, bias and activation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        style_dim: Width of the style vector (latent and global code together).
        resolution: Side of the output in pixels, for the stored noise.
        up: Double the size.
        noisy: Learn how strong the noise is; else it stays at 0.
    """

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, resolution: int, up: bool = False, noisy: bool = True
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(1), requires_grad=noisy)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(1, 1, resolution, resolution))
        self.up = up

    noise_const: Tensor

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        scale = self.affine(style) / math.sqrt(self.weight[0].numel())
        x = modulated_conv2d(x, self.weight, scale, up=self.up, gain=ACTIVATION_GAIN)
        noise = self.noise_const if noise is None else noise
        # In place and apart: their sum would be a picture of its own.
        x += (noise * (self.noise_strength * ACTIVATION_GAIN)).to(x.dtype)
        x += (self.bias * ACTIVATION_GAIN)[:, None, None].to(x.dtype)
        return activate_(x)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to a picture, without demodulation."""

    def __init__(self, in_channels: int, style_dim: int) -> None:
        super().__init__()
        self.affine = EqualLinear(style_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(3, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale = self.affine(style) / math.sqrt(self.weight[0].numel())
        return modulated_conv2d(x, self.weight, scale, demodulate=False) + self.bias[:, None, None]
