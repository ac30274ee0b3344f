"""Networks from a folder onto a device, and the recognition network that reports are made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exegan.config import FrozenNetConfig
from exegan.errors import InputError
from exegan.faces.detect import Face, align_face
from exegan.io import to_tensor
from exegan.io.weights import sha256_of
from exegan.nets.checkpoint import WEIGHTS_FILE, find_model, load_model, read_description
from exegan.nets.features import FROZEN_NETS, make_frozen_net
from exegan.nets.frozen import FrozenNet
from exegan.nets.model import Networks, TorchNetworks
from exegan.nets.onnx_runtime import GENERATOR_FILE, ONNX_FORMAT, find_onnx, load_onnx, onnx_device

Device = Literal["auto", "cpu", "cuda", "mps"]
Backend = Literal["torch", "onnx"]

# Recognition networks look at 112 or 160 pixels; each resizes by itself.
_SIDE = 160


class Loaded(NamedTuple):
    """Networks, where they are, and the SHA-256 of the weights they were made of."""

    model: Networks
    device: torch.device
    sha256: str


def load_networks(name_or_folder: str | Path, device: str, backend: str, **run_options: Any) -> Loaded:
    """Networks of a model folder or an ONNX folder; arguments and errors as for `Inpainter.from_pretrained`.

    Args:
        name_or_folder: `default` or the path of a folder.
        device: `auto`, or a device's name.
        backend: `torch` or `onnx`.
        run_options: Of `TorchNetworks`.
    """
    sha256 = describe_model(name_or_folder, backend)["weights_sha256"]
    if backend == "onnx":
        if run_options != {"precision": "float32", "channels_last": None, "compile_networks": False}:
            raise InputError("the backend onnx has no options precision, channels_last and compile; leave them out")
        chosen = choose_device(onnx_device(device))
        return Loaded(load_onnx(name_or_folder, chosen), chosen, sha256)
    chosen = choose_device(device)
    return Loaded(TorchNetworks(load_model(name_or_folder, chosen), **run_options), chosen, sha256)


def describe_model(name_or_folder: str | Path, backend: str) -> dict[str, Any]:
    """Content of a model's `config.json`, with `weights_sha256`, which identifies the model in reports.

    Args:
        name_or_folder: `default` or the path of a folder.
        backend: `torch` or `onnx`; of an ONNX folder, the weights are those that it was made from.

    Raises:
        WeightsError: The model is missing or of the other backend.
        InputError: The backend is unknown.
    """
    if backend == "onnx":
        folder = find_onnx(name_or_folder)
        description = read_description(folder, ONNX_FORMAT)
        noted, file = description.get("source_sha256"), folder / GENERATOR_FILE
    elif backend == "torch":
        folder = find_model(name_or_folder)
        description = read_description(folder)
        noted, file = description.get("sha256"), folder / WEIGHTS_FILE
    else:
        raise InputError(f"the backend {backend!r} is unknown; use torch or onnx")
    return {**description, "weights_sha256": str(noted or sha256_of(file))}


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


class Recognizer:
    """A recognition network that embeds the aligned faces of photos.

    Args:
        net: The network.
        device: Where it is.
    """

    def __init__(self, net: FrozenNet, device: torch.device) -> None:
        self._net, self._device = net, device

    @torch.no_grad()
    def embed(self, views: Sequence[tuple[NDArray[np.uint8], Face]]) -> Tensor:
        """Embeddings [B, D] of length 1, on the CPU, of faces in photos (uint8 RGB [H, W, 3])."""
        crops = [align_face(photo, face, _SIDE) for photo, face in views]
        return torch.cat([self._net(to_tensor(crop).to(self._device))[0].cpu() for crop in crops])


def make_recognizer(name_and_file: str, device: torch.device) -> Recognizer:
    """A recognition network written as `mobilefacenet=/path/file`, or a name alone where its library downloads it.

    Raises:
        InputError: The name is unknown.
        WeightsError: The weights are missing or damaged.
        ConfigError: The package behind it is not installed.
    """
    name, _, weights = name_and_file.partition("=")
    fitting = [known for known, entry in FROZEN_NETS.items() if entry.kind == "recognition"]
    if name not in fitting:
        raise InputError(f"the recognition network {name!r} is unknown; use {', '.join(fitting)}, written as NAME=FILE")
    net = make_frozen_net(FrozenNetConfig(name, weights or None), "recognition").to(device)
    return Recognizer(net, device)
