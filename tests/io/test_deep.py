"""Colours of 16 bits: outside the mask they stay as they are."""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exegan.io import Photo, open_photo, write_photo
from exegan.io.c2pa import find_marks
from exegan.io.xmp import Provenance, marked_packet, read_packet

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
Pixels = NDArray[np.uint16]


def write(path: Path, pixels: Pixels, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", orientation
    if path.suffix == ".tiff":
        tags = [(274, 3, 1, orientation, True), (271, 2, 0, "Camera", True), (34675, 7, len(SRGB), SRGB, True)]
        alpha = ["unassalpha"] if pixels.shape[2] == 4 else None
        tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=alpha, metadata=None, extratags=tags)
        return path
    kinds = [cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_ICCP]
    blocks = [np.frombuffer(block, np.uint8) for block in (exif.tobytes().removeprefix(b"Exif\0\0"), SRGB)]
    encoded = cv2.imencodeWithMetadata(".png", pixels[..., [2, 1, 0, 3][: pixels.shape[2]]], kinds, blocks)[1]
    path.write_bytes(encoded.tobytes())
    return path


def stored(path: Path) -> Pixels:
    if path.suffix == ".tiff":
        tiff: Pixels = tifffile.imread(path)
        return tiff
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read is not None
    png: Pixels = read[..., [2, 1, 0, 3][: read.shape[2]]].astype(np.uint16)
    return png


def made(channels: int = 3) -> Pixels:
    return np.random.default_rng(0).integers(0, 65536, (20, 30, channels), dtype=np.uint16)


def edited(photo: Photo) -> tuple[Photo, NDArray[np.bool_]]:
    pixels = np.array(photo.image)
    mask = np.zeros(pixels.shape[:2], dtype=bool)
    mask[3:9, 4:15] = True
    pixels[mask] = 77
    return photo.replaced(Image.fromarray(pixels)), mask


@pytest.mark.parametrize("target", ["png", "tiff"])
@pytest.mark.parametrize("source", ["png", "tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_outside_the_mask_all_sixteen_bits_stay(tmp_path: Path, source: str, target: str, channels: int) -> None:
    before = made(channels)
    photo, mask = edited(open_photo(write(tmp_path / f"in.{source}", before)))
    assert write_photo(photo, tmp_path / f"out.{target}", xmp=XMP) == []
    after = stored(tmp_path / f"out.{target}")
    assert after.dtype == np.uint16 and after.shape == before.shape
    assert np.array_equal(after[~mask], before[~mask])
    assert np.abs(after[mask][:, :3].astype(int) - 77 * 257).max() <= 257, "but for what the profile rounds"
    if channels == 4:
        assert np.array_equal(after[..., 3], before[..., 3]), "alpha is kept everywhere"
    again = open_photo(tmp_path / f"out.{target}")
    assert again.xmp == XMP and again.metadata["icc_profile"] == SRGB
    with Image.open(tmp_path / f"out.{target}") as image:
        assert image.getexif()[0x010F] == "Camera"


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_the_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int, turns: int) -> None:
    photo = open_photo(write(tmp_path / f"in.{suffix}", made(), orientation))
    write_photo(photo, tmp_path / f"out.{suffix}")
    assert np.array_equal(stored(tmp_path / f"out.{suffix}"), np.rot90(made(), turns))
    assert open_photo(tmp_path / f"out.{suffix}").image.size == photo.image.size, "not turned again"


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    photo = open_photo(write(tmp_path / "in.png", made()))
    assert write_photo(photo, tmp_path / "out.jpg") == ["JPEG cannot hold 16 bits a colour, they were cut to 8"]
    assert write_photo(photo, tmp_path / "out.bmp") == [
        "BMP cannot hold 16 bits a colour, they were cut to 8",
        "BMP cannot hold EXIF data or a colour profile, which was left out",
    ]


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of all chunks, each checked, to the last byte of the file."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + data),)
        found.append((name, data))
        at += 12 + length
    assert at == len(png)
    return found


def test_fifty_pngs_are_marked_and_every_byte_of_them_is_accounted_for(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    for number in range(50):
        pixels = np.random.default_rng(number).integers(0, 65536, (4 + number, 9, 3 + number % 2), dtype=np.uint16)
        photo = open_photo(write(tmp_path / "in.png", pixels))
        packet = marked_packet(None, Provenance("ab" * 32, number))
        kept = {"exif": exif.tobytes(), "icc_profile": SRGB, "dpi": (300, 150)}
        described = replace(photo, metadata=kept)
        assert write_photo(described, tmp_path / "out.png", xmp=packet) == []
        header, *more = chunks_of((tmp_path / "out.png").read_bytes())
        assert header[0] == b"IHDR" and more.pop() == (b"IEND", b"")
        pieces = dict(more)
        scanlines = zlib.decompress(b"".join(data for name, data in more if name == b"IDAT"))
        assert len(scanlines) == pixels.shape[0] * (1 + pixels.shape[1] * pixels.shape[2] * 2)
        assert list(pieces) == [b"iTXt", b"iCCP", b"pHYs", b"eXIf", b"IDAT"]
        assert pieces[b"iTXt"] == b"XML:com.adobe.xmp\0\0\0\0\0" + packet
        assert zlib.decompress(pieces[b"iCCP"].removeprefix(b"ICC Profile\0\0")) == SRGB
        assert pieces[b"eXIf"] == exif.tobytes().removeprefix(b"Exif\0\0")
        assert pieces[b"pHYs"] == struct.pack(">IIB", 11811, 5906, 1)
        again = open_photo(tmp_path / "out.png")
        assert read_packet(again.xmp) == Provenance("ab" * 32, number)
        assert again.deep is not None and np.array_equal(again.deep, pixels)


def test_the_mark_that_0_1_0_wrote_is_read_and_its_piece_of_memory_is_not_passed_on(tmp_path: Path) -> None:
    packet = marked_packet(None, Provenance(None, 7)).replace(b"/>", b" title='\xc3\xa9'/>", 1)
    file = tmp_path / "in.png"
    write(file, made())
    text, png = b"tEXtXML:com.adobe.xmp\0" + packet + b"\x80heap\xff<", file.read_bytes()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    file.write_bytes(png[:33] + chunk + png[33:])
    photo = open_photo(file)
    assert photo.xmp == packet
    assert find_marks(file, photo.xmp).edit == Provenance(None, 7)
    write_photo(photo, tmp_path / "out.png")
    assert b"heap" not in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize("package", ["cv2", "tifffile"])
def test_without_the_extra_eight_bits_are_read_and_that_is_said(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "in.png", made())
    monkeypatch.setitem(sys.modules, package, None)
    photo = open_photo(source)
    assert np.array_equal(np.asarray(photo.native), made() >> 8)
    (note,) = write_photo(photo, tmp_path / "out.png")
    assert note == "its 16 bits a colour were read as 8 (pip install 'exegan[deep]' reads all)"


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    photo = open_photo(write(tmp_path / "in.png", made()))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Exception, match="No space left"):
        write_photo(photo, tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]
