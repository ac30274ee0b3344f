"""Colours of 16 bits: outside the mask they stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exegan.images import Photo, open_photo, write_photo

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
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = 0.01
    detailed = Photo(photo.native, photo.image, {"exif": exif.tobytes(), "dpi": (300, 300)}, deep=photo.deep)
    assert write_photo(detailed, tmp_path / "out.png") == ["its resolution in dots per inch was left out"]
    assert write_photo(detailed, tmp_path / "out.tiff") == ["its EXIF camera settings and place were left out"]


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
