"""Batches of aligned faces through the networks, and what a person may ask of a completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from exegan.errors import InputError
from exegan.nets.model import Networks
from exegan.ops.image import composite

NoiseMode = Literal["const", "random", "none"]

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Options:
    """How faces are completed.

    Args:
        exemplar_strength: 1 = the exemplar rules its layers, 0 = the stochastic style alone.
        truncation_psi: 1 = none; towards 0, w moves to its mean (less variety), beyond 1 away from it.
        noise_mode: Per-layer noise: `const` the stored, `random` drawn from the seed, `none` without.
        blend: Carry light and colour from the hole's rim into what was drawn; False pastes it as it is.

    Raises:
        InputError: A value is out of its range.
    """

    exemplar_strength: float = 1.0
    truncation_psi: float = 1.0
    noise_mode: NoiseMode = "const"
    blend: bool = True

    def __post_init__(self) -> None:
        _check_range("exemplar_strength", self.exemplar_strength, 1, "0 = the random style alone, 1 = the exemplar")
        _check_range("truncation_psi", self.truncation_psi, 2, "1 = as trained, less = less variety")
        if self.noise_mode not in ("const", "random", "none"):
            raise InputError(f"noise_mode is {self.noise_mode!r}, expected 'const', 'random' or 'none'")


def _check_range(name: str, value: float, highest: float, meaning: str) -> None:
    if not 0 <= value <= highest:  # so that NaN is refused as well
        raise InputError(f"{name} is {value}, expected 0 to {highest} ({meaning})")


DEFAULTS = Options()


def sample_seeds(seed: int, count: int) -> list[int]:
    """Seeds of `count` completions: `seed`, `seed` + 1 and so on, so that each can be made again alone.

    Raises:
        InputError: None is asked for, or a seed is out of range.
    """
    if count < 1:
        raise InputError(f"samples is {count}, expected at least 1")
    return check_seeds(range(seed, seed + count))


def check_seeds(seeds: Sequence[int]) -> list[int]:
    """The seeds as a list.

    Raises:
        InputError: One is out of range.
    """
    for seed in seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise InputError(f"the seed {seed} is out of range, expected 0 to {LARGEST_SEED}")
    return list(seeds)


class TensorInpainter:
    """Networks on a device, ready to complete aligned faces. Holds no state between calls.

    Args:
        model: The networks, ready to run.
        device: Where they are.
    """

    def __init__(self, model: Networks, device: torch.device) -> None:
        self.model, self.device = model, device

    @property
    def resolution(self) -> int:
        """Side of the aligned faces that `complete` takes, in pixels."""
        return self.model.config.generator.resolution

    @torch.no_grad()
    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplar faces, a value to keep and use again.

        Args:
            exemplar: [B, 3, H, W] in [-1, 1], any size.

        Returns:
            [B, num_styles, w_dim], on the model's device.
        """
        return self.model.encode_exemplar(exemplar.to(self.device))

    def complete(
        self,
        image: Tensor,
        mask: Tensor,
        exemplar: Tensor,
        *,
        z: Tensor | None = None,
        seed: int | Sequence[int] = 0,
        exemplar_strength: float | Sequence[float] = 1.0,
        truncation_psi: float = 1.0,
        noise_mode: NoiseMode = "const",
    ) -> Tensor:
        """Complete aligned faces.

        Args:
            image: [B, 3, R, R] in [-1, 1], R = `resolution`; pixels in the hole are not looked at.
            mask: [B, 1, R, R], 1 = hole.
            exemplar: Aligned faces [B or 1, 3, H, W] in [-1, 1], or styles [B or 1, num_styles, w_dim].
            z: Random latents [B, z_dim]; None draws them from `seed`.
            seed: One seed for all items, or one for each.
            exemplar_strength: As in `Options`; one for all items, or one for each.
            truncation_psi: As in `Options`.
            noise_mode: As in `Options`.

        Returns:
            [B, 3, R, R]: generated inside the hole and not clamped, `image` bit for bit outside. On the model's device.

        Raises:
            InputError: Shapes, seeds or options do not fit.
        """
        strengths = exemplar_strength if isinstance(exemplar_strength, Sequence) else [exemplar_strength] * len(image)
        options = Options(truncation_psi=truncation_psi, noise_mode=noise_mode)
        raw = self.generate(image, mask, exemplar, z=z, seed=seed, options=options, strengths=strengths)
        return composite(raw, image.to(self.device), mask.to(self.device))

    @torch.no_grad()
    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        exemplar: Tensor,
        *,
        z: Tensor | None = None,
        seed: int | Sequence[int] = 0,
        options: Options = DEFAULTS,
        strengths: Sequence[float] | None = None,
    ) -> Tensor:
        """`complete` before compositing, in one network call: whole generated faces [B, 3, R, R], not clamped.

        `strengths` are the exemplar strengths of the items, in place of the one in `options`.
        """
        image, mask = image.to(self.device), mask.to(self.device)
        config, batch = self.model.config.generator, len(image)
        _expect("image", image, batch, 3, config.resolution, config.resolution)
        _expect("mask", mask, batch, 1, config.resolution, config.resolution)
        style = exemplar.to(self.device) if exemplar.ndim == 3 else self._encode_checked(exemplar)
        _expect("exemplar style", style, batch if len(style) != 1 else 1, config.num_styles, config.w_dim)
        drawn_z, noise = self._draw(batch, seed, options.noise_mode)
        z = drawn_z if z is None else z.to(self.device)
        _expect("z", z, batch, config.z_dim)
        style = style.expand(batch, -1, -1)
        # A tensor for one strength, too: mixing by a number rounds otherwise, and compiled networks would keep it.
        strength = self._strengths(batch, options, strengths)
        return self.model.generate(image, mask, z, style, strength, options.truncation_psi, noise)

    def _strengths(self, batch: int, options: Options, strengths: Sequence[float] | None) -> Tensor:
        each = [options.exemplar_strength] * batch if strengths is None else list(strengths)
        if len(each) != batch:
            raise InputError(
                f"got {len(each)} exemplar strengths for {batch} images, expected one or one for each image"
            )
        for strength in set(each):
            replace(options, exemplar_strength=strength)  # which checks it
        return torch.tensor(each, dtype=torch.float32, device=self.device)

    def _encode_checked(self, exemplar: Tensor) -> Tensor:
        _expect("exemplar", exemplar, len(exemplar), 3, *exemplar.shape[2:4])
        return self.encode_exemplar(exemplar)

    def _draw(self, batch: int, seed: int | Sequence[int], noise_mode: NoiseMode) -> tuple[Tensor, list[Tensor] | None]:
        """z and noise of every item from its own seed, drawn on the CPU: the same on every device and in any batch."""
        seeds = check_seeds([seed] * batch if isinstance(seed, int) else seed)
        if len(seeds) != batch:
            raise InputError(f"got {len(seeds)} seeds for {batch} images, expected one seed or one for each image")
        generators = [torch.Generator().manual_seed(int(s)) for s in seeds]

        def draw(*shape: int) -> Tensor:
            return torch.stack([torch.randn(shape, generator=g) for g in generators]).to(self.device)

        z = draw(self.model.config.generator.z_dim)
        shapes = self.model.config.generator.noise_shapes()
        if noise_mode == "const":
            return z, None
        if noise_mode == "random":
            return z, [draw(1, *shape) for shape in shapes]
        return z, [torch.zeros(1, 1, *shape, device=self.device) for shape in shapes]


def _expect(name: str, tensor: Tensor, *shape: int) -> None:
    if tuple(tensor.shape) != shape:
        raise InputError(f"{name} has shape {list(tensor.shape)}, expected {list(shape)}")
