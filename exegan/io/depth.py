"""Colour profiles and 16-bit photos: upright sRGB for the networks, the original depth for the result."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

ORIENTATION = 0x0112


def upright_rgb(image: Image.Image) -> Image.Image:
    """Any PIL picture as upright 8-bit sRGB.

    The EXIF orientation is applied, an ICC profile converted to sRGB (broken ones of either are ignored), 16-bit grey
    cut to 8 bits, and transparency dropped: what lies under it is kept, since a mask, not transparency, says what the
    hole is. The result may be the picture itself.
    """
    image = upright(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image), nan=0, posinf=255, neginf=0)
        return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P":
        image = image.convert("RGBA")  # which keeps the colours of transparent entries; Pillow warns about RGB here
    image = to_srgb(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """A picture turned by its EXIF orientation, without the file that Pillow read it from; it may be the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about EXIF data cut short
            if image.getexif().get(ORIENTATION) in range(2, 9):
                return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises exceptions of any kind on damaged EXIF data, which are then ignored
        return image.copy()
    return image if type(image) is Image.Image else image.copy()


def to_srgb(image: Image.Image) -> Image.Image:
    """A picture with an ICC profile in sRGB; others, and those with a broken profile, as they are."""
    profile = _profile_of(image)
    if profile is None:
        return image
    flat = image.convert("RGB") if image.mode in ("RGBA", "LA", "PA", "1") else image
    return _convert(flat, profile, ImageCms.createProfile("sRGB"), "RGB") or image


def from_srgb(image: Image.Image, like: Image.Image) -> Image.Image:
    """An sRGB picture in the colour space and mode (`L`, `RGB` or `CMYK`) of another."""
    mode = {"LA": "L", "RGBA": "RGB"}.get(like.mode, like.mode)
    profile = _profile_of(like)
    converted = None if profile is None else _convert(image, ImageCms.createProfile("sRGB"), profile, mode)
    return converted or image.convert(mode)


def _profile_of(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    data = image.info.get("icc_profile")
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data)) if data else None
    except (OSError, TypeError):  # the latter where a TIFF has something else in its place
        return None


def _convert(image: Image.Image, source: object, target: object, mode: str) -> Image.Image | None:
    """None where a profile is broken, or of another kind of picture."""
    try:
        return ImageCms.profileToProfile(image, source, target, outputMode=mode)  # type: ignore[arg-type]
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


Deep = NDArray[np.uint16]
WITH_DEEP_COLOUR = ("PNG", "TIFF")
_ICC = 34675
_EXIF_HEADER = b"Exif\0\0"
_INCH = 0.0254  # metres


def read_deep(data: bytes, opened: Image.Image, upright: Image.Image) -> Deep | None:
    """Colours of a PNG or TIFF file [H, W, 3 or 4], upright, RGB or RGBA.

    Args:
        data: The file.
        opened: The same as Pillow opened it.
        upright: The same turned by its orientation, whose 8 bits are the upper ones.

    Returns:
        None where the extra is not installed, or the two libraries do not read the same.
    """
    try:
        import cv2
        import tifffile  # noqa: F401  # so that what is read can be written
    except ImportError:
        return None
    try:
        read = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # damage that Pillow tolerates
        return None
    if read is None or read.dtype != np.uint16 or read.ndim != 3:
        return None
    # OpenCV turns a TIFF upright, but not a PNG.
    pixels = _swapped(read.astype(np.uint16, copy=False))
    for deep in (pixels, _turned(pixels, opened)):
        if deep.shape[:2] == upright.size[::-1] and np.array_equal(deep >> 8, np.asarray(upright)):
            return deep
    return None


def replace_deep(deep: Deep, pixels: Image.Image, changed: NDArray[np.bool_], box: tuple[int, int, int, int]) -> Deep:
    """The colours of an 8-bit picture of the same colour space wherever it was changed; alpha stays.

    Args:
        deep: All of the photo.
        pixels: The part of it in `box`: left, top, right, bottom.
        changed: Bool [H, W] of that part.
        box: Where it lies.
    """
    left, top, right, bottom = box
    result: Deep = deep.copy()
    result[top:bottom, left:right][changed, :3] = np.asarray(pixels)[changed, :3].astype(np.uint16) * 257
    return result


def write_deep(deep: Deep, path: Path, kind: str, metadata: dict[str, Any], xmp: bytes | None) -> None:
    """Write a PNG file, or a TIFF file without EXIF and XMP.

    Args:
        deep: As `read_deep` gives it.
        path: Where to.
        kind: `PNG` or `TIFF`.
        metadata: `exif`, `icc_profile` and `dpi` as Pillow's writers take them.
        xmp: XMP packet.

    Raises:
        OSError: The disk refuses the file.
    """
    if kind == "TIFF":
        _write_tiff(deep, path, metadata)
        return
    import cv2

    encoded = cv2.imencode(".png", _swapped(deep))[1].tobytes()
    path.write_bytes(_with_metadata(encoded, metadata, xmp))


def _with_metadata(png: bytes, metadata: dict[str, Any], xmp: bytes | None) -> bytes:
    """A PNG with what Pillow would write, directly behind its header (OpenCV itself reads beyond the packet)."""
    info = png_texts(xmp)
    if profile := metadata.get("icc_profile"):
        info.add(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
    if dpi := metadata.get("dpi"):
        info.add(b"pHYs", struct.pack(">IIB", *(round(one / _INCH) for one in dpi), 1))
    if exif := metadata.get("exif"):
        info.add(b"eXIf", exif.removeprefix(_EXIF_HEADER))
    first = 8 + 25  # signature and IHDR
    file = io.BytesIO()
    file.write(png[:first])
    for name, data, *_ in info.chunks:
        PngImagePlugin.putchunk(file, name, data)
    file.write(png[first:])
    return file.getvalue()


def png_texts(xmp: bytes | None) -> PngImagePlugin.PngInfo:
    """XMP as the iTXt chunk that it is in a PNG; nothing for None."""
    info = PngImagePlugin.PngInfo()
    if xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", errors="replace"))
    return info


def _write_tiff(deep: Deep, path: Path, metadata: dict[str, Any]) -> None:
    import tifffile

    profile = metadata.get("icc_profile")
    tifffile.imwrite(
        path,
        deep,
        photometric="rgb",
        compression="zlib",
        extrasamples=["unassalpha"] if deep.shape[2] == 4 else None,
        resolution=metadata.get("dpi"),
        resolutionunit="INCH" if "dpi" in metadata else None,
        metadata=None,
        software=False,
        extratags=[(_ICC, 7, len(profile), profile, True)] if profile else [],
    )


def _swapped(pixels: Deep) -> Deep:
    """RGB(A) to OpenCV's BGR(A), or back."""
    swapped: Deep = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    return swapped


def _turned(deep: Deep, opened: Image.Image) -> Deep:
    """Turned by the EXIF orientation of the file, a channel at a time, since Pillow has no picture of all."""
    channels = []
    for k in range(deep.shape[2]):
        channel = Image.fromarray(np.ascontiguousarray(deep[..., k]))
        channel.getexif()[0x0112] = opened.getexif().get(0x0112, 1)
        channels.append(np.asarray(ImageOps.exif_transpose(channel)))
    turned: Deep = np.stack(channels, axis=-1)
    return turned
