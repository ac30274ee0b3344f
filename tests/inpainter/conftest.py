"""A tiny inpainter that finds made faces."""

from __future__ import annotations

import pytest
import torch
from helpers import MadeDetector, tiny_model_config

from exegan.inpainter import Inpainter
from exegan.nets.model import Model


@pytest.fixture
def model() -> Model:
    """Tiny networks whose seeds and exemplars differ visibly in the image."""
    model = Model(tiny_model_config())
    model.update_mean_w()
    for name, parameter in model.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.5)
    return model.eval().requires_grad_(False)


@pytest.fixture
def inpainter(model: Model) -> Inpainter:
    inpainter = Inpainter(model, torch.device("cpu"), model_sha256="a" * 64)
    inpainter.detector = MadeDetector()  # type: ignore[assignment]
    return inpainter
