"""Both marks of a picture file at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exegan.errors import ConfigError
from exegan.provenance.manifest import Manifest, read_manifest
from exegan.provenance.mark import Provenance
from exegan.provenance.packet import read_packet


@dataclass(frozen=True)
class Marks:
    """What a picture says of itself.

    Args:
        xmp: The mark in its XMP.
        manifest: Its C2PA manifest.
        unread: Why there is a manifest that was not read.
    """

    xmp: Provenance | None
    manifest: Manifest | None
    unread: str | None = None

    @property
    def edit(self) -> Provenance | None:
        """How exegan edited the picture, by its XMP or else by a manifest that fits; None = not marked."""
        if self.xmp is None and self.manifest is not None and self.manifest.is_intact:
            return self.manifest.provenance
        return self.xmp

    def report(self) -> dict[str, Any]:
        """JSON-ready facts."""
        c2pa: dict[str, Any] | None = None
        if self.manifest is not None:
            c2pa = {"intact": self.manifest.is_intact, "signer_trusted": None, **asdict(self.manifest)}
        elif self.unread is not None:
            c2pa = {"unread": self.unread}
        return {"marked": self.edit is not None, **(asdict(self.edit) if self.edit else {}), "c2pa": c2pa}

    def __str__(self) -> str:
        parts = ["is not marked" if self.edit is None else f"was edited by {self.edit}"]
        parts += [str(part) for part in (self.manifest, self.unread) if part is not None]
        return "; ".join(parts)


def find_marks(path: str | Path, xmp: bytes | None) -> Marks:
    """What a picture file says, in its XMP and in its C2PA manifest; nothing is fetched.

    Args:
        path: Picture file.
        xmp: Its XMP packet (`images.Photo.xmp`).

    Raises:
        InputError: The file cannot be read.
    """
    mark = read_packet(xmp)
    try:
        return Marks(mark, read_manifest(path))
    except ConfigError as error:
        return Marks(mark, None, f"its C2PA manifest was not read: {error}")
