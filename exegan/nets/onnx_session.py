"""ONNX Runtime at arm's length: is it there, on which devices, one graph opened, one graph run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from exegan.errors import InputError, WeightsError

_ERRORS_ONLY = 3


def import_extra(package: str) -> ModuleType:
    """Import a package of the extra `onnx`.

    Raises:
        InputError: It cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f"the package {package} cannot be imported ({error}); install the extra `onnx`: pip install 'exegan[onnx]'"
        ) from error


def onnx_device(name: str) -> str:
    """Device that ONNX Runtime can serve: for `auto`, CUDA where both runtimes have it, else the CPU.

    Raises:
        InputError: ONNX Runtime is missing, or has no such device.
    """
    has_cuda = "CUDAExecutionProvider" in import_extra("onnxruntime").get_available_providers()
    if name == "auto":
        return "cuda" if has_cuda and torch.cuda.is_available() else "cpu"
    kind = name.partition(":")[0]
    if kind == "mps" or (kind == "cuda" and not has_cuda):
        remedy = " (for cuda, install onnxruntime-gpu)" if kind == "cuda" else ""
        raise InputError(f"ONNX Runtime cannot use the device {name!r} here; use auto or cpu{remedy}")
    return name


def open_graph(path: Path, device: torch.device, inputs: Mapping[str, tuple[int, ...]]) -> Any:
    """Session of a graph file, with as many threads as PyTorch has now.

    Args:
        path: The `.onnx` file; data of large models lies beside it.
        device: `cpu` or `cuda`.
        inputs: Required inputs and their shapes behind the batch, to compare with the graph's.

    Raises:
        WeightsError: ONNX Runtime cannot read it, or it has other inputs.
        InputError: ONNX Runtime is missing, or does not start on the device.
    """
    runtime = import_extra("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = _ERRORS_ONLY
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda":
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
    try:
        session = runtime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # its exceptions share no base of their own
        reason = str(error).splitlines()[0][:200]
        raise WeightsError(f"{path} cannot be read by ONNX Runtime ({reason}); export the model again") from error
    if device.type == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        # ONNX Runtime falls back to the CPU without a word when the driver or a library is missing.
        raise InputError(f"ONNX Runtime could not start on the device {str(device)!r}; use the device cpu")
    found = {value.name: tuple(value.shape[1:]) for value in session.get_inputs()}
    if found != dict(inputs):
        raise WeightsError(f"{path} takes {found}, expected {dict(inputs)}; export the model again")
    return session


def run_graph(session: Any, feeds: Mapping[str, Tensor]) -> Tensor:
    """The graph's one output in float32, on the device of the first input."""
    arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in feeds.items()}
    (output,) = session.run(None, arrays)
    return torch.from_numpy(output).to(next(iter(feeds.values())).device)
