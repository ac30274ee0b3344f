"""Exemplar-guided facial inpainting: complete the hole in a face photo so that it takes its looks from another face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exegan._version import __version__

if TYPE_CHECKING:
    from exegan.inpainter import Inpainted, Inpainter

__all__ = ["Inpainted", "Inpainter", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for, so that `exegan --help` does not wait for torch.
    if name in ("Inpainted", "Inpainter"):
        from exegan import inpainter

        return getattr(inpainter, name)
    raise AttributeError(f"module 'exegan' has no attribute {name!r}")
