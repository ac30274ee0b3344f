"""An exemplar's style as a value: averaged, mixed, saved and read again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from exegan.errors import InputError

STYLE_SUFFIX = ".safetensors"

_FORMAT = "exegan-style-1"
_NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


@dataclass(frozen=True, eq=False)
class Style:
    """What an exemplar gives: one code for each decoder layer that it owns.

    Args:
        codes: float32 [num_styles, w_dim], on the CPU.
        model_sha256: Of the weights of the model that encoded it; None where those have no file.
        names: The photos it was made of, as a person calls them; of a style that was read from a file, the file.
        distances: Of each photo's codes to the mean of the other photos', as a multiple of the median of them all;
            empty below three photos, where nobody can say which is the odd one.
        identity: Embeddings of the photos' faces [N, D] under the inpainter's recognition network, if it has one;
            never saved, being biometric data.
        remarks: What is to be said about the photos, in sentences.
    """

    codes: Tensor
    model_sha256: str | None = None
    names: tuple[str, ...] = ()
    distances: tuple[float, ...] = ()
    identity: Tensor | None = None
    remarks: tuple[str, ...] = ()

    def mixed(self, fine: Style, at: int) -> Style:
        """This style in the first `at` of an exemplar's layers (coarse: shape), another's in the rest (fine: colour).

        Args:
            fine: Style of the same model.
            at: 0 = all from `fine`, num_styles = all from this one.

        Raises:
            InputError: There is no such layer, or the styles are of two models.
        """
        layers = len(self.codes)
        if not 0 <= at <= layers:
            raise InputError(f"the layer to mix at is {at}, expected 0 to {layers} with this model")
        if self.codes.shape != fine.codes.shape or self.model_sha256 != fine.model_sha256:
            raise InputError("the two styles to mix were encoded by different models; encode both by the same one")
        return Style(
            torch.cat([self.codes[:at], fine.codes[at:]]),
            self.model_sha256,
            self.names + fine.names,
            identity=joined_identities([self, fine]),
            remarks=self.remarks + fine.remarks,
        )

    def report(self) -> dict[str, Any]:
        """JSON-ready facts: model, shape, photos, their distances, notes."""
        return {
            "model_sha256": self.model_sha256,
            "shape": list(self.codes.shape),
            "photos": list(self.names),
            "distances": [round(distance, 3) for distance in self.distances],
            "notes": list(self.remarks),
        }


def joined_identities(styles: Sequence[Style]) -> Tensor | None:
    """Embeddings of all photos of several styles [N, D]; None if those of one are not known."""
    known = [style.identity for style in styles if style.identity is not None]
    return torch.cat(known) if len(known) == len(styles) else None


def save_style(style: Style, path: str | Path) -> None:
    """Write a style for later use, `NAME.safetensors`; names of photos and embeddings of faces stay out of it.

    Raises:
        InputError: The path has another extension or cannot be written.
    """
    path = Path(path)
    check_style_output(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        metadata = {"format": _FORMAT, "model_sha256": style.model_sha256 or ""}
        save_file({"style": style.codes.contiguous()}, temporary, metadata)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the style {path} cannot be written ({reason}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_style_output(path: str | Path) -> None:
    """Make sure a style can be written there, before any work is done.

    Raises:
        InputError: The extension is another one, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() != STYLE_SUFFIX:
        raise InputError(f"the style's name {path} has the extension {path.suffix!r}, expected {STYLE_SUFFIX}")
    _expect_possible_name(path)
    if not path.parent.is_dir() or path.is_dir():
        what = "is a folder" if path.is_dir() else f"lies in {path.parent}, which does not exist"
        raise InputError(f"the style {path} {what}; give a file name in a folder that exists")


def _expect_possible_name(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long for the system, a character that it has not
        name = f"{str(path)[:100]!r}..." if len(str(path)) > 100 else repr(str(path))
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the style {name} cannot be used ({reason}); give another name") from error


def load_style(path: str | Path) -> Style:
    """Read what `save_style` wrote; whether it fits a model is checked where it is used.

    Raises:
        InputError: The file is missing, damaged, or something else.
    """
    path = Path(path)
    _expect_possible_name(path)
    if not path.is_file():
        raise InputError(f"the style {path} does not exist; write one with 'exegan style FACE -o {path.name}'")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            codes = file.get_tensor("style") if "style" in file.keys() else None  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"the style {path} cannot be read ({error}); write it again") from error
    is_style = (
        codes is not None
        and metadata.get("format") == _FORMAT
        and codes.dtype in _NUMBERS
        and (codes.ndim, codes.numel() > 0) == (2, True)
        and codes.float().isfinite().all()
    )
    if codes is None or not is_style:
        raise InputError(f"{path} is no style, expected a file that 'exegan style' wrote; give that or a photo")
    return Style(codes.float(), metadata.get("model_sha256") or None, (path.name,))
