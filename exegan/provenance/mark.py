"""What the mark says. Nothing in it tells one person from another."""

from __future__ import annotations

from dataclasses import dataclass

from exegan import __version__

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Provenance:
    """How a picture was edited.

    Args:
        model_sha256: Of the weights that filled the hole; None where they have no file.
        seed: Of the stochastic style.
        version: Of exegan.
    """

    model_sha256: str | None
    seed: int
    version: str = __version__

    def __str__(self) -> str:
        model = f"model {self.model_sha256[:12]}" if self.model_sha256 else "a model without a file"
        return f"exegan {self.version} ({model}, seed {self.seed})"
