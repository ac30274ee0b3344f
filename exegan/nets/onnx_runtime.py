"""Exported networks run by ONNX Runtime in the place of PyTorch.

An ONNX folder (`exegan.nets.onnx_export` writes it) holds `style_encoder.onnx`, `generator.onnx` and `config.json`:
`format`, the same `model` section as in a model folder, `sha256` of every file, `source_sha256` of the weights that
they were made from, and `difference` to PyTorch as measured then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from exegan.config import ModelConfig
from exegan.errors import InputError, WeightsError, require_package
from exegan.io.files import reason
from exegan.io.weights import sha256_of
from exegan.nets.checkpoint import CONFIG_FILE, ONNX_FILES, find_model, missing_files, model_config, read_description
from exegan.nets.style_encoder import resize_exemplar

_ERRORS_ONLY = 3
# A word, where model folders have a number: neither can be taken for the other.
ONNX_FORMAT = "onnx-1"
STYLE_ENCODER_FILE, GENERATOR_FILE = ONNX_FILES


class OnnxNetworks:
    """The two graphs of an ONNX folder behind the `Networks` protocol. Tensors stay on the caller's device.

    Args:
        folder: Where the two files are; `load_onnx` checks them first.
        config: What they are.
        device: `cpu`, or `cuda` where ONNX Runtime has it.

    Raises:
        WeightsError: ONNX Runtime cannot read a file.
        InputError: ONNX Runtime is missing, or cannot use the device.
    """

    def __init__(self, folder: Path, config: ModelConfig, device: torch.device) -> None:
        self.config = config
        generator, side = config.generator, config.style_encoder.resolution
        inputs = {
            "image": (3, generator.resolution, generator.resolution),
            "mask": (1, generator.resolution, generator.resolution),
            "z": (generator.z_dim,),
            "style": (generator.num_styles, generator.w_dim),
        }
        self._style_encoder = open_graph(folder / STYLE_ENCODER_FILE, device, {"exemplar": (3, side, side)})
        self._generator = open_graph(folder / GENERATOR_FILE, device, inputs)

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplars, see `Networks`; resized by PyTorch, the graph has one size."""
        return run_graph(self._style_encoder, {"exemplar": resize_exemplar(exemplar, self.config.style_encoder)})

    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        z: Tensor,
        style: Tensor,
        exemplar_strength: float | Tensor = 1.0,
        truncation_psi: float = 1.0,
        noise: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Whole faces around the known pixels, see `Networks`.

        The graph takes one strength: of several, each runs the whole batch, so that a face does not depend on how many
        others share its strength.
        """
        feeds = {"image": image, "mask": mask, "z": z, "style": style, "truncation_psi": torch.tensor(truncation_psi)}
        feeds |= {f"noise_{i}": picture for i, picture in enumerate(noise or ())}  # the graph keeps the stored noise
        strengths = torch.as_tensor(exemplar_strength, dtype=torch.float32).expand(len(image)).tolist()
        raws = {
            strength: run_graph(self._generator, feeds | {"exemplar_strength": torch.tensor(strength)})
            for strength in dict.fromkeys(strengths)
        }
        return torch.stack([raws[strength][row] for row, strength in enumerate(strengths)])


def load_onnx(folder: str | Path, device: torch.device | str = "cpu") -> OnnxNetworks:
    """Read an ONNX folder and check it.

    Args:
        folder: Written by `exegan onnx`.
        device: `cpu`, or `cuda` where ONNX Runtime has it.

    Raises:
        WeightsError: The folder is of another kind, incomplete, damaged, or one of its files was exchanged.
        InputError: ONNX Runtime is missing, or cannot use the device.
    """
    path = find_onnx(folder)
    description = read_description(path, ONNX_FORMAT)
    config = model_config(description, path)
    _check_hashes(path, description.get("sha256"))
    return OnnxNetworks(path, config, torch.device(device))


def find_onnx(folder: str | Path) -> Path:
    """The ONNX folder, whose files are all there.

    Raises:
        WeightsError: It is of another kind or incomplete.
    """
    path = Path(folder)
    missing = missing_files(path, [CONFIG_FILE, *ONNX_FILES])
    if missing and _is_for_torch(folder):
        raise WeightsError(
            f"the model {str(folder)!r} is one for PyTorch, expected an ONNX folder;"
            f" write one with 'exegan onnx {folder} -o OUT', or take the backend torch"
        )
    if missing:
        what = f"has no {' and no '.join(missing)}" if path.is_dir() else "is not a folder"
        raise WeightsError(f"the ONNX model {str(folder)!r} {what}; write one with 'exegan onnx MODEL -o OUT'")
    return path


def _is_for_torch(folder: str | Path) -> bool:
    try:
        find_model(folder)
    except WeightsError:
        return False
    return True


def _check_hashes(folder: Path, hashes: object) -> None:
    """Every file as `config.json` says, external data beside a graph included."""
    if not isinstance(hashes, dict) or not set(ONNX_FILES) <= set(hashes):
        raise WeightsError(
            f"{folder / CONFIG_FILE} has no sha256 of {' and '.join(ONNX_FILES)}; export the model again"
        )
    for name, expected in hashes.items():
        if sha256_of(folder / Path(name).name) != expected:
            raise WeightsError(
                f"{folder / name} is not the file that {CONFIG_FILE} describes (sha256 differs); copy the folder again"
            )


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
        raise WeightsError(
            f"{path} cannot be read by ONNX Runtime ({reason(error)}); export the model again"
        ) from error
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


def import_extra(package: str) -> ModuleType:
    """A package of the extra `onnx`; an `InputError` where it cannot be imported."""
    return require_package(package, "the extra `onnx`: pip install 'exegan[onnx]'", InputError)
