"""Photos of every kind: what was not edited stays as the file has it, in its own mode and depth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from exegan.io import FORMATS, Photo, open_photo, write_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")


def made(mode: str, size: tuple[int, int] = (40, 30), seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    width, height = size
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
    channels = {"1": 1, "L": 1, "P": 3, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    if mode == "P":
        return Image.fromarray(pixels).quantize(16)
    if mode == "1":
        return Image.fromarray(pixels[..., 0]).convert("1")
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode if mode == "CMYK" else None)


def edited(photo: Photo, mask: np.ndarray[Any, Any], seed: int = 1) -> Photo:
    pixels = np.array(photo.image)
    pixels[mask] = np.random.default_rng(seed).integers(0, 256, pixels[mask].shape, dtype=np.uint8)
    return photo.replaced(Image.fromarray(pixels))


def native(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        if image.mode in ("1", "P"):
            return np.asarray(image.convert("L" if image.mode == "1" else "RGB"))
        return np.asarray(image.convert("I;16") if image.mode == "I" else image)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("mode", MODES)
def test_pixels_outside_the_mask_are_the_file_s_own(tmp_path: Path, mode: str, suffix: str) -> None:
    if mode == "CMYK" and suffix == "png":
        pytest.skip("PNG has no CMYK")
    source, target = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    made(mode).save(source)
    mask = np.zeros((30, 40), dtype=bool)
    mask[5:15, 10:30] = True
    photo = open_photo(source)
    assert write_photo(edited(photo, mask), target) == []
    before, after = native(source), native(target)
    if after.ndim == 3 and before.ndim == 3:
        before, after = before[..., : after.shape[-1]], after[..., : before.shape[-1]]
    assert before.dtype == after.dtype
    assert np.array_equal(before[~mask], after[~mask])
    assert not np.array_equal(before[mask], after[mask])
    if mode in ("LA", "RGBA"):
        assert np.array_equal(before[..., -1], after[..., -1]), "alpha is kept everywhere"


@given(
    mode=st.sampled_from(("L", "LA", "RGB", "RGBA", "I;16")),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31),
    suffix=st.sampled_from(("png", "tiff")),
)
@settings(max_examples=60, deadline=None)
def test_any_size_mode_and_mask(mode: str, size: tuple[int, int], share: float, seed: int, suffix: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        source, target = Path(folder, f"in.{suffix}"), Path(folder, f"out.{suffix}")
        made(mode, size, seed).save(source)
        mask = np.random.default_rng(seed).random(size[::-1]) < share
        write_photo(edited(open_photo(source), mask, seed + 1), target)
        assert np.array_equal(native(source)[~mask], native(target)[~mask])


def test_lossless_webp_and_bmp_keep_known_pixels(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[:10] = True
    for suffix, mode in (("webp", "RGB"), ("webp", "RGBA"), ("bmp", "RGB")):
        source, target = tmp_path / f"{mode}.{suffix}", tmp_path / f"{mode}-out.{suffix}"
        made(mode).save(source, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
        write_photo(edited(open_photo(source), mask), target)
        assert np.array_equal(native(source)[~mask], native(target)[~mask])


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 85, 98])
def test_a_jpeg_changes_as_little_as_a_jpeg_can(tmp_path: Path, quality: int, subsampling: int) -> None:
    smooth = made("RGB", (16, 12)).resize((160, 120), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "in.jpg", quality=quality, subsampling=subsampling)
    photo = open_photo(tmp_path / "in.jpg")
    write_photo(photo, tmp_path / "own.jpg")
    write_photo(photo, tmp_path / "other.jpg", quality=75)
    names = ("in.jpg", "own.jpg", "other.jpg")
    before, own, other = (native(tmp_path / name).astype(int) for name in names)
    assert np.abs(own - before).mean() < (0.6 if subsampling == 0 else 1.5)
    assert np.abs(own - before).mean() <= np.abs(other - before).mean()
    with Image.open(tmp_path / "in.jpg") as first, Image.open(tmp_path / "own.jpg") as second:
        assert first.quantization == second.quantization  # type: ignore[attr-defined]


def test_metadata_stay_and_the_orientation_is_applied_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    rdf = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + rdf + b'<!-- tiff:Orientation="6" --></x:xmpmeta>'
    for suffix in ("jpg", "webp", "png", "tiff"):
        made("RGB").save(tmp_path / "in.jpg", exif=exif, icc_profile=SRGB, xmp=xmp, dpi=(300, 300))
        photo = open_photo(tmp_path / "in.jpg")
        assert photo.image.size == (30, 40), "turned"
        target = tmp_path / f"out.{suffix}"
        write_photo(photo, target)
        with Image.open(target) as image:
            assert image.size == (30, 40)
            assert image.getexif().get(0x0112, 1) == 1
            assert image.getexif()[0x010F] == "Camera"
            assert image.info["icc_profile"] == SRGB
        assert open_photo(target).xmp == xmp.replace(b'="6"', b'="1"')
        assert open_photo(target).image.size == (30, 40), "not turned again"


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    def notes(mode: str, suffix: str) -> str:
        made(mode).save(tmp_path / "in.tiff")
        return "; ".join(write_photo(open_photo(tmp_path / "in.tiff"), tmp_path / f"out.{suffix}", xmp=b"<x/>"))

    assert "cannot hold transparency" in notes("RGBA", "jpg")
    assert "cannot hold 16 bits" in notes("I;16", "jpg")
    assert "cannot hold CMYK" in notes("CMYK", "png")
    assert "cannot hold XMP" in notes("RGB", "bmp")
    assert notes("RGB", "png") == ""


CAMERA, PLACE = 0x8769, 0x8825


def detailed(kind: str = "all") -> Image.Exif:
    """EXIF data as a camera writes them; `directories` alone, or everything."""
    exif = Image.Exif()
    if kind == "all":
        exif[0x010F], exif[0x0112], exif[0x013B] = "Camera", 6, "Zoë".encode()
        exif[40091], exif[18246] = "Title".encode("utf-16-le"), 4
    exif[CAMERA] = {0x829A: 0.01, 0x9003: "2020:01:01 00:00:00", 0x927C: b"maker\0", 0xA005: {1: "R98"}}
    exif[PLACE] = {1: "N", 2: (48.0, 1.0, 2.5), 3: "E", 4: (2.0, 3.0, 4.5)}
    return exif


@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("kind", ["all", "directories"])
@pytest.mark.parametrize("source", ["jpg", "tiff"])
def test_camera_and_place_are_kept(tmp_path: Path, source: str, kind: str, target: str) -> None:
    if f".{target}" not in FORMATS:
        pytest.skip("Pillow has AVIF from 11.3 on")
    made("RGB").save(tmp_path / "in.jpg", exif=detailed(kind))
    if source == "tiff":
        write_photo(open_photo(tmp_path / "in.jpg"), tmp_path / "in.tiff")
    mask = np.zeros((40, 30) if kind == "all" else (30, 40), dtype=bool)
    mask[5:15, 10:20] = True
    photo = edited(open_photo(tmp_path / f"in.{source}"), mask)
    for _ in range(2):  # what was written is read and written again
        assert write_photo(photo, tmp_path / f"out.{target}", xmp=b"<x/>") == []
        photo = open_photo(tmp_path / f"out.{target}")
        with Image.open(tmp_path / f"out.{target}") as image:
            exif = image.getexif()
            camera, place = exif.get_ifd(CAMERA), exif.get_ifd(PLACE)
            assert float(camera[0x829A]) == pytest.approx(0.01)
            assert camera[0x9003] == "2020:01:01 00:00:00" and camera[0x927C] == b"maker\0"
            assert exif.get_ifd(0xA005) == {1: "R98"}
            assert place[1] == "N" and tuple(map(float, place[4])) == pytest.approx((2, 3, 4.5))
            if kind == "all":
                assert exif[0x010F] == "Camera" and exif[18246] == 4
                assert exif[0x013B].encode("latin-1").decode() == "Zoë"
            assert exif.get(0x0112, 1) == 1


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "P"])
def test_a_tiff_of_every_mode_takes_exif_and_xmp(tmp_path: Path, mode: str) -> None:
    made(mode).save(tmp_path / "in.tiff")
    made("RGB").save(tmp_path / "in.jpg", exif=detailed(), icc_profile=SRGB)
    photo = replace(open_photo(tmp_path / "in.tiff"), metadata=open_photo(tmp_path / "in.jpg").metadata)
    assert write_photo(photo, tmp_path / "out.tiff", xmp=b"<x/>") == []
    again = open_photo(tmp_path / "out.tiff")
    assert again.xmp == b"<x/>" and again.metadata["icc_profile"] == SRGB
    assert np.array_equal(native(tmp_path / "out.tiff"), np.asarray(photo.native))
    with tifffile.TiffFile(tmp_path / "out.tiff") as file:  # another reader sees the same
        (page,) = file.pages
        assert page.tags["ExifTag"].value["DateTimeOriginal"] == "2020:01:01 00:00:00"
        assert page.tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        assert page.tags["Make"].value == "Camera"
        assert list(page.tags.keys()) == sorted(page.tags.keys()), "as TIFF demands"


def test_what_of_the_metadata_cannot_be_kept_is_said(tmp_path: Path) -> None:
    def notes(suffix: str, **options: Any) -> list[str]:
        made("RGB").save(tmp_path / "in.png", **options)
        return write_photo(open_photo(tmp_path / "in.png"), tmp_path / f"out.{suffix}")

    whole, long = detailed().tobytes(), detailed()
    long[CAMERA] = {0x927C: bytes(70_000)}
    before, sign, after = whole.partition(b"\x88\x25\0\4\0\0\0\1")
    damaged = before + sign + b"\xff" + after[1:]  # the place lies 4 GB away
    assert notes("jpg", exif=long.tobytes()) == ["its EXIF data are too long for JPEG and were left out"]
    assert notes("webp", exif=long.tobytes()) == []
    assert notes("bmp", exif=whole) == ["BMP cannot hold EXIF data, which was left out"]
    made("RGB").save(tmp_path / "in.jpg", exif=damaged)
    (note,) = write_photo(open_photo(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    assert note == "its EXIF data are damaged, what could not be read was left out"
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[0x010F] == "Camera" and 0x9003 in image.getexif().get_ifd(CAMERA)
    made("RGB").save(tmp_path / "in.tiff", dpi=(10**6, 3))
    (note,) = write_photo(open_photo(tmp_path / "in.tiff"), tmp_path / "out.png")
    assert note == "its resolution in dots per inch makes no sense and was left out"


def test_xmp_of_a_jpeg_needs_no_new_pillow(tmp_path: Path) -> None:
    """Pillow below 11 has no option for it, and does not read it."""
    for size in (5, 65_504):
        packet = b"<" * size
        write_photo(Photo(made("RGB"), made("RGB")), tmp_path / "out.jpg", xmp=packet)
        assert b"http://ns.adobe.com/xap/1.0/\0" + packet in (tmp_path / "out.jpg").read_bytes()
        with Image.open(tmp_path / "out.jpg") as image:
            image.info.pop("xmp", None)
            assert Photo.of(image).xmp == packet


def test_another_colour_space_comes_back(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made("RGB").save(tmp_path / "in.png", icc_profile=lab)
    photo = open_photo(tmp_path / "in.png")
    mask = np.zeros((30, 40), dtype=bool)
    mask[:10] = True
    wanted = edited(photo, mask)
    write_photo(wanted, tmp_path / "out.png")
    again = np.asarray(open_photo(tmp_path / "out.png").image).astype(int)
    assert np.abs(again - np.asarray(wanted.image)).max() <= 2


def test_heic_comes_and_goes(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    made("RGB").save(tmp_path / "in.heic", quality=95)
    photo = open_photo(tmp_path / "in.heic")
    assert photo.image.size == (40, 30)
    write_photo(photo, tmp_path / "out.heic")
    with Image.open(tmp_path / "out.heic") as image:
        assert image.size == (40, 30)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    made("RGB").save(tmp_path / "in.png")
    photo = open_photo(tmp_path / "in.png")
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(Exception, match="No space left"):
        write_photo(photo, tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_a_quality_that_the_format_has_not_is_said(tmp_path: Path) -> None:
    photo = Photo.of(Image.new("RGB", (30, 20)))
    assert write_photo(photo, tmp_path / "out.png", 80) == [
        "a quality of 80 was asked for, which PNG has not: it was written without loss"
    ]
    assert write_photo(photo, tmp_path / "out.jpg", 80) == []
