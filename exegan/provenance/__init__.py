"""The machine-readable marks of an edited picture: in its XMP, merged with what is there, and signed as C2PA."""

from exegan.provenance.finding import Marks, find_marks
from exegan.provenance.manifest import Manifest, holds_manifest, read_manifest
from exegan.provenance.mark import Provenance
from exegan.provenance.packet import marked_packet, read_packet
from exegan.provenance.signing import SIGNABLE, Signer, Signing, check_signable

__all__ = [
    "SIGNABLE",
    "Manifest",
    "Marks",
    "Provenance",
    "Signer",
    "Signing",
    "check_signable",
    "find_marks",
    "holds_manifest",
    "marked_packet",
    "read_manifest",
    "read_packet",
]
