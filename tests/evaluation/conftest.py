"""A tiny model, tiny faces, tiny masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_model_config
from PIL import Image

from exegan.evaluation.mask_set import write_mask_set
from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model

Faces = Callable[[str], Path]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(Model(tiny_model_config()), tmp_path / "model", {})


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return write_mask_set("irregular-32", tmp_path / "masks", count=2).folder


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    """Make a folder of five pictures of noise."""

    def make(name: str, side: int = 32, seed: int = 0) -> Path:
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        rng = np.random.default_rng(seed)
        for number, stem in enumerate(("a", "b", "c", "sub/a", "sub/b")):
            pixels = rng.integers(0, 256, size=(side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{stem}.{'png' if number % 2 else 'bmp'}")
        return folder

    return make
