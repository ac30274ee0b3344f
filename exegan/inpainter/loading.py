"""Networks from a folder onto a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from exegan.errors import InputError
from exegan.nets.checkpoint import find_model, load_model, read_description
from exegan.nets.model import Networks
from exegan.nets.onnx_model import ONNX_FORMAT, load_onnx
from exegan.nets.onnx_session import onnx_device
from exegan.nets.runtime import TorchNetworks

Device = Literal["auto", "cpu", "cuda", "mps"]
Backend = Literal["torch", "onnx"]


class Loaded(NamedTuple):
    """Networks, where they are, and the SHA-256 of the weights they were made of (None where nobody noted it)."""

    model: Networks
    device: torch.device
    sha256: str | None


def load_networks(name_or_folder: str | Path, device: str, backend: str, **run_options: Any) -> Loaded:
    """Networks of a model folder or an ONNX folder; arguments and errors as for `Inpainter.from_pretrained`.

    Args:
        name_or_folder: `default` or the path of a folder.
        device: `auto`, or a device's name.
        backend: `torch` or `onnx`.
        run_options: Of `TorchNetworks`.
    """
    if backend not in ("torch", "onnx"):
        raise InputError(f"the backend {backend!r} is unknown; use torch or onnx")
    if backend == "onnx":
        if run_options != {"precision": "float32", "channels_last": None, "compile_networks": False}:
            raise InputError("the backend onnx has no options precision, channels_last and compile; leave them out")
        chosen = choose_device(onnx_device(device))
        networks = load_onnx(name_or_folder, chosen)
        return Loaded(networks, chosen, read_description(Path(name_or_folder), ONNX_FORMAT).get("source_sha256"))
    chosen = choose_device(device)
    model = load_model(name_or_folder, chosen)
    sha256 = read_description(find_model(name_or_folder)).get("sha256")
    return Loaded(TorchNetworks(model, **run_options), chosen, sha256)


def choose_device(name: str) -> torch.device:
    """Device of a name: `auto` (CUDA, then MPS, then CPU), `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        InputError: Unknown to torch, or not in this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise InputError(f"the device {name!r} is unknown; use auto, cpu, cuda or mps")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {name!r} cannot be used here ({reason}); use auto, cpu, cuda or mps") from error
    return device
