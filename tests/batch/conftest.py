"""A tiny model and pictures that batches complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny_model_config
from PIL import Image

from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """A `lite` model of 16 px with random weights."""
    model = Model(tiny_model_config())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return save_model(model.eval(), tmp_path / "model", {})


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`photos`, `masks` and `exemplars`, ten aligned faces of noise each, two of them in a subfolder."""
    rng = np.random.default_rng(0)
    for kind in ("photos", "masks", "exemplars"):
        (tmp_path / kind / "more").mkdir(parents=True)
    for number in range(10):
        name = f"{'more/' if number > 7 else ''}{number}"
        for kind, suffix in (("photos", "jpg"), ("exemplars", "png")):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{name}.{suffix}")
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[8 : 16 + number, 10:24] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path
