"""What all items of a batch share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from exegan.errors import ConfigError
from exegan.provenance import Signer


@dataclass(frozen=True)
class Settings:
    """How items are completed and written; what `facts` has changes pictures.

    Args:
        model: `default`, a model folder or an ONNX folder.
        device: `auto`, `cpu`, `cuda` or `mps`.
        precision: What the networks compute in.
        backend: `torch` or `onnx`.
        aligned: Photos and exemplars are aligned square crops already: no faces are looked for.
        truncation_psi: 1 = none; towards 0 less variety.
        grow: Pixels to widen every hole by; negative narrows it.
        invert: Complete all but the mask or region.
        mix_at: Layer from which a second exemplar rules; None = the middle.
        identity_net: Measures identities, as `mobilefacenet=FILE`; None measures none.
        quality: Of JPEG and WebP outputs; None = the photo's own.
        batch_size: Photos that are completed together, and in memory at once. On a CPU pictures do not depend on it.
        signer: Puts a signed C2PA manifest into each output; None leaves them unsigned.
    """

    model: str = "default"
    device: str = "auto"
    precision: str = "float32"
    backend: str = "torch"
    aligned: bool = False
    truncation_psi: float = 1.0
    grow: int = 0
    invert: bool = False
    mix_at: int | None = None
    identity_net: str | None = None
    quality: int | None = None
    batch_size: int = 8
    signer: Signer | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}, expected at least 1")

    def facts(self) -> dict[str, Any]:
        """What the manifest notes; where an item was computed is not part of what it should look like."""
        unnoted = ("device", "model", "signer", "batch_size")
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in unnoted}
        return {**told, "signed_with": None if self.signer is None else self.signer.fingerprint}
