"""Exported networks run by ONNX Runtime in the place of PyTorch: what an ONNX folder holds, read and checked.

An ONNX folder (`exegan.nets.onnx_export` writes it) holds `style_encoder.onnx`, `generator.onnx` and `config.json`:
`format`, the same `model` section as in a model folder, `sha256` of every file, `source_sha256` of the weights that
they were made from, and `difference` to PyTorch as measured then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from exegan.config import ModelConfig
from exegan.errors import WeightsError
from exegan.nets.checkpoint import CONFIG_FILE, ONNX_FILES, find_model, missing_files, model_config, read_description
from exegan.nets.onnx_session import open_graph, run_graph
from exegan.nets.style_encoder import resize_exemplar
from exegan.weights import sha256_of

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
        """Style codes of aligned exemplars, as `Networks` says; resized by PyTorch, the graph has one size."""
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
        """Whole faces around the known pixels, as `Networks` says.

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
