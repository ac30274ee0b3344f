"""A tiny inpainter that finds made faces, and photos of these, for tests of what the page does without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import MADE_FACE, MadeDetector, made_photo, tiny_model_config
from PIL import Image

from exegan.inpainter import Inpainter
from exegan.nets.model import Model
from exegan.web.photo import OpenedPhoto

ROOT = Path(__file__).resolve().parents[2]


def make_inpainter(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Inpainter:
    """An inpainter, and a folder for all files of the page."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    monkeypatch.setattr("exegan.inpainter.inpainter.FaceDetector", MadeDetector)
    model = Model(tiny_model_config())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    model.update_mean_w()
    return Inpainter(model.eval(), torch.device("cpu"), model_sha256="0" * 64)


def half_shown(photo: OpenedPhoto) -> OpenedPhoto:
    """The same with a preview of half its size."""
    width, height = photo.preview_size
    return replace(photo, preview_size=(width // 2, height // 2))


def save_made(path: Path, faces: int, seed: int = 0) -> Path:
    made_photo(faces, seed).save(path)
    return path


def stroke(size: tuple[int, int], box: tuple[int, int, int, int], alpha: int = 255) -> Image.Image:
    """Strokes as the canvas sends them, decoded."""
    layer = Image.new("RGBA", size)
    layer.paste((20, 184, 166, alpha), box)
    return layer


__all__ = ["MADE_FACE", "ROOT", "half_shown", "make_inpainter", "save_made", "stroke"]
