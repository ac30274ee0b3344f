"""The machine-readable mark of an edited picture: written into its XMP, merged with what is there, and read back."""

from exegan.provenance.mark import Provenance
from exegan.provenance.packet import marked_packet, read_packet

__all__ = ["Provenance", "marked_packet", "read_packet"]
