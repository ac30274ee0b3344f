"""A folder in which the command line finds made faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import MADE_FACE, MadeDetector, made_photo, tiny_model_config
from PIL import Image

from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a model, a photo of three faces, exemplars and a mask, and a detector that finds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("exegan.inpainter.inpainter.FaceDetector", MadeDetector)
    model = Model(tiny_model_config())
    model.update_mean_w()
    save_model(model, "model", {})
    made_photo(3).save("photo.png")
    made_photo(2, 8).save("group.png")
    made_photo(0).save("grey.png")
    for seed, name in enumerate("abc"):
        made_photo(1, 10 + seed).save(f"{name}.png")
    hole = np.zeros((MADE_FACE, 3 * MADE_FACE), dtype=np.uint8)
    hole[30:70, 30:70] = hole[30:70, 230:270] = 255
    Image.fromarray(hole).save("mask.png")
