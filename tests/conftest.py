"""Fixtures every test may use."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the library is imported: tests use no network

# Where tests of networks and operations run: what torch finds here.
DEVICES = ["cpu"]
DEVICES += ["cuda"] if torch.cuda.is_available() else []
DEVICES += ["mps"] if torch.backends.mps.is_available() else []
ASSETS = Path(__file__).resolve().parent / "assets"
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Each device of this machine in turn; a test makes its tensors there and compares with `helpers.assert_close`."""
    # TF32 rounds what goes into convolutions to 10 bits; the formulas are what is tested.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return torch.device(request.param)


@pytest.fixture
def float64_device(device: torch.device) -> torch.device:
    """Each device that has float64, which MPS has not."""
    if device.type == "mps":
        pytest.skip("MPS has no float64")
    return device


@pytest.fixture(scope="session")
def two_faces() -> Path:
    """A JPEG of 512x372 px, not aligned: a smaller face on the left (0), a larger one on the right (1), both tilted."""
    return ASSETS / "two-faces.jpg"


@pytest.fixture(scope="session")
def onnx_model(pytestconfig: pytest.Config) -> Path:
    """The bundled model for ONNX Runtime, as `exegan onnx` writes it.

    That takes half a minute, so the folder is kept in pytest's cache until anything that it is made of or by changes.
    """
    import exegan
    from exegan.nets.onnx_export import export_onnx

    made_of = hashlib.sha256("".join(map(version, ("torch", "onnx", "onnxscript", "onnxruntime"))).encode())
    package = Path(exegan.__file__).parent
    for path in [package / "models/default/model.safetensors", *sorted(package.rglob("*.py"))]:
        if path.relative_to(package).parts[0] in ("models", "nets", "ops", "config.py"):
            made_of.update(path.read_bytes())
    kept = pytestconfig.cache.mkdir("onnx-model")
    folder = kept / made_of.hexdigest()[:16]
    if not (folder / "config.json").exists():  # written last
        shutil.rmtree(kept)
        export_onnx("default", folder)
    return folder


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Path below the development data beside the repository, or a skip that says what is missing."""

    def find(subpath: str) -> Path:
        path = SHARED / subpath
        if not path.exists():
            pytest.skip(f"needs ../shared/{subpath}, which is not part of the repository")
        return path

    return find
