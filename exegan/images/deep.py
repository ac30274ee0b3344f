"""Colours of 16 bits, which Pillow cuts to 8: read, edited and written as they are (extra `deep`)."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

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
        upright: The same turned as its orientation says, whose 8 bits are the upper ones.

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
    except cv2.error:  # damage that Pillow gets over
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
    """As the EXIF orientation of the file says, a channel at a time, since Pillow has no picture of all."""
    channels = []
    for k in range(deep.shape[2]):
        channel = Image.fromarray(np.ascontiguousarray(deep[..., k]))
        channel.getexif()[0x0112] = opened.getexif().get(0x0112, 1)
        channels.append(np.asarray(ImageOps.exif_transpose(channel)))
    turned: Deep = np.stack(channels, axis=-1)
    return turned
