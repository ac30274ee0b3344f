"""What a person may ask of a completion beside photo, hole, exemplar and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from exegan.errors import InputError

NoiseMode = Literal["const", "random", "none"]

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Options:
    """How faces are completed.

    Args:
        exemplar_strength: 1 = the exemplar rules its layers, 0 = the stochastic style alone.
        truncation_psi: 1 = none; towards 0, w moves to its mean (less variety), beyond 1 away from it.
        noise_mode: Per-layer noise: `const` the stored, `random` drawn from the seed, `none` without.

    Raises:
        InputError: A value is out of its range.
    """

    exemplar_strength: float = 1.0
    truncation_psi: float = 1.0
    noise_mode: NoiseMode = "const"

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
