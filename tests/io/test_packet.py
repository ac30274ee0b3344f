"""The mark of an edited picture: in every format, beside what was there, once."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from exegan.inpainter import write_completed
from exegan.io import open_photo
from exegan.io.xmp import Provenance, marked_packet, read_packet

MARK = Provenance("ab" * 32, 7)
OTHERS = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"'
    b' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    b"<dc:creator><rdf:Seq><rdf:li>Somebody</rdf:li></rdf:Seq></dc:creator>"
    b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    b'</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


@pytest.mark.parametrize("existing", [None, b"", b"no xml", b"<x>", b"<a/>", OTHERS])
def test_what_is_written_is_read(existing: bytes | None) -> None:
    packet = marked_packet(existing, MARK)
    assert read_packet(packet) == MARK
    assert b"compositeWithTrainedAlgorithmicMedia" in packet
    again = marked_packet(packet, Provenance(None, 9))
    assert read_packet(again) == Provenance(None, 9)
    assert again.count(b"compositeWithTrainedAlgorithmicMedia") == 1


def test_what_others_wrote_is_kept() -> None:
    packet = marked_packet(OTHERS, MARK).decode()
    assert "Somebody" in packet and 'format="image/jpeg"' in packet
    assert "digitalCapture" not in packet, "one statement of how it came to be"
    ElementTree.fromstring(packet.split("?>", 1)[1].rsplit("<?", 1)[0].strip())


@pytest.mark.parametrize("packet", [None, b"", OTHERS, b"\xff\xfe", marked_packet(None, MARK)[:200]])
def test_no_mark(packet: bytes | None) -> None:
    assert read_packet(packet) is None


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + OTHERS.split(b"?>", 1)[1]
    assert read_packet(bomb) is None
    assert len(marked_packet(bomb, MARK)) < 2000


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif"])
def test_every_format_carries_it(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(
        tmp_path / "in.jpg", xmp=OTHERS
    )
    photo = open_photo(tmp_path / "in.jpg")
    completed = photo.image.copy()
    completed.paste((9, 9, 9), (5, 5, 10, 10))
    for _ in range(2):
        notes = write_completed(photo, completed, tmp_path / f"out.{suffix}", seed=7, model_sha256="ab" * 32)
        assert notes == []
        photo = open_photo(tmp_path / f"out.{suffix}")
        assert read_packet(photo.xmp) == MARK
        assert b"Somebody" in (photo.xmp or b"")
        completed = photo.image


def test_a_format_without_room_says_so(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    photo = open_photo(tmp_path / "in.png")
    (note,) = write_completed(photo, photo.image, tmp_path / "out.bmp", seed=0, model_sha256=None)
    assert "BMP cannot hold XMP" in note
