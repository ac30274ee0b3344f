"""A tiny model and pictures that batches complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import write_faces_to_complete, write_tiny_model


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """A `lite` model of 16 px with random weights."""
    return write_tiny_model(tmp_path / "model")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """`photos`, `masks` and `exemplars`, ten aligned faces of noise each, two of them in a subfolder."""
    return write_faces_to_complete(tmp_path)
