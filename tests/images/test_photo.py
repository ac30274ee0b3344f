"""Photos of every kind: what was not edited stays as the file has it, in its own mode and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from exegan.images import Photo, open_photo, write_photo

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
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
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
        assert open_photo(target).xmp == xmp
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
