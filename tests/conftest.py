"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported: tests use no network

ASSETS = Path(__file__).resolve().parent / "assets"
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def two_faces() -> Path:
    """A JPEG of 512x372 px, not aligned: a smaller face on the left (0), a larger one on the right (1), both tilted."""
    return ASSETS / "two-faces.jpg"


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path below the development data beside the repository, or a skip that says what is missing."""

    def find(subpath: str) -> Path:
        path = SHARED / subpath
        if not path.exists():
            pytest.skip(f"needs ../shared/{subpath}, which is not part of the repository")
        return path

    return find
