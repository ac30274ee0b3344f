"""A tiny inpainter that finds made faces, and photos of these, for tests of what the page does without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import MADE_FACE, MadeDetector, made_photo, tiny_model_config
from PIL import Image

from exegan.inpainter import Inpainter
from exegan.nets.model import Model

ROOT = Path(__file__).resolve().parents[2]


def make_inpainter(monkeypatch: pytest.MonkeyPatch) -> Inpainter:
    monkeypatch.setattr("exegan.inpainter.encoding.FaceDetector", MadeDetector)
    model = Model(tiny_model_config())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    model.update_mean_w()
    return Inpainter(model.eval(), torch.device("cpu"), model_sha256="0" * 64)


def save_made(path: Path, faces: int, seed: int = 0) -> Path:
    made_photo(faces, seed).save(path)
    return path


def stroke(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 255) -> Image.Image:
    """A layer of the editor."""
    layer = Image.new("RGBA", size)
    layer.paste((20, 184, 166, alpha), box)
    return layer


__all__ = ["MADE_FACE", "ROOT", "make_inpainter", "save_made", "stroke"]
