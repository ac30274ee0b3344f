"""The machine-readable mark of an edited picture in its XMP packet, merged with what is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from exegan._version import __version__

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OWN = "https://exegan.invalid/ns/1.0/"
_META = "adobe:ns:meta/"
_NAMES = {"rdf": _RDF, "Iptc4xmpExt": _IPTC, "exegan": _OWN, "x": _META}
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END = '\n<?xpacket end="w"?>'


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


def marked_packet(existing: bytes | None, provenance: Provenance) -> bytes:
    """An XMP packet with the mark.

    Args:
        existing: Packet of the photo; a broken one is replaced, a sound one keeps all its properties.
        provenance: Content of the mark, which replaces an earlier one.

    Returns:
        UTF-8 XML with `Iptc4xmpExt:DigitalSourceType` = `compositeWithTrainedAlgorithmicMedia`, version, model, seed.
    """
    root = _parse(existing)
    if root is None:
        root = ElementTree.Element(f"{{{_META}}}xmpmeta")
        ElementTree.SubElement(root, f"{{{_RDF}}}RDF")
    rdf = _find_rdf(root)
    for description in rdf.findall(f"{{{_RDF}}}Description"):
        _remove_mark(description)
    values = {f"{{{_IPTC}}}DigitalSourceType": DIGITAL_SOURCE_TYPE, f"{{{_OWN}}}version": provenance.version}
    values[f"{{{_OWN}}}seed"] = str(provenance.seed)
    if provenance.model_sha256 is not None:
        values[f"{{{_OWN}}}model"] = provenance.model_sha256
    ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": "", **values})
    for prefix, uri in _NAMES.items():
        ElementTree.register_namespace(prefix, uri)
    return (_BEGIN + ElementTree.tostring(root, encoding="unicode") + _END).encode()


def read_packet(packet: bytes | None) -> Provenance | None:
    """The mark in a packet, or None where there is none."""
    root = _parse(packet)
    if root is None:
        return None
    for description in root.iter(f"{{{_RDF}}}Description"):
        if _value(description, _IPTC, "DigitalSourceType") == DIGITAL_SOURCE_TYPE:
            seed, version = _value(description, _OWN, "seed"), _value(description, _OWN, "version")
            if seed is not None and version is not None and re.fullmatch(r"\d{1,19}", seed):
                return Provenance(_value(description, _OWN, "model"), int(seed), version)
    return None


def _parse(packet: bytes | None) -> ElementTree.Element | None:
    """The packet's XML with an RDF element, or None where it is broken or declares entities, which XMP never does."""
    if not packet or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    text = packet.decode("utf-8", errors="replace").strip("\x00\ufeff \r\n\t")
    try:
        root = ElementTree.fromstring(re.sub(r"<\?xpacket.*?\?>", "", text, flags=re.DOTALL).strip())
    except ElementTree.ParseError:
        return None
    return root if root.tag == f"{{{_RDF}}}RDF" or root.find(f"{{{_RDF}}}RDF") is not None else None


def _find_rdf(root: ElementTree.Element) -> ElementTree.Element:
    found = root.find(f"{{{_RDF}}}RDF")
    return root if found is None else found


def _remove_mark(description: ElementTree.Element) -> None:
    """Take out what this program writes, and any other statement of how the picture came to be."""
    own = [f"{{{_OWN}}}{name}" for name in ("version", "seed", "model")]
    for name in [f"{{{_IPTC}}}DigitalSourceType", *own]:
        description.attrib.pop(name, None)
        for child in description.findall(name):
            description.remove(child)


def _value(description: ElementTree.Element, namespace: str, name: str) -> str | None:
    """A property, which XMP allows as an attribute and as an element."""
    key = f"{{{namespace}}}{name}"
    if key in description.attrib:
        return description.attrib[key]
    child = description.find(key)
    if child is None:
        return None
    return child.get(f"{{{_RDF}}}resource") or child.text
