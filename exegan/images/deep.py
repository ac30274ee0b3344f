"""Colours of 16 bits, which Pillow cuts to 8: read, edited and written as they are (extra `deep`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Deep = NDArray[np.uint16]

WITH_DEEP_COLOUR = ("PNG", "TIFF")
_ICC, _XMP = 34675, 700
_FIRST_CV2 = (4, 13)  # 4.12 loses metadata
_EXIF_HEADER = b"Exif\0\0"


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
    if tuple(int(part) for part in cv2.__version__.split(".")[:2]) < _FIRST_CV2:
        return None
    read = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if read is None or read.dtype != np.uint16 or read.ndim != 3:
        return None
    # OpenCV turns a TIFF upright, but not a PNG.
    pixels = _swapped(read.astype(np.uint16, copy=False))
    for deep in (pixels, _turned(pixels, opened)):
        if deep.shape[:2] == upright.size[::-1] and np.array_equal(deep >> 8, np.asarray(upright)):
            return deep
    return None


def replace_deep(deep: Deep, pixels: Image.Image, changed: NDArray[np.bool_]) -> Deep:
    """The colours of an 8-bit picture of the same colour space wherever it was changed; alpha stays."""
    result: Deep = deep.copy()
    result[changed, :3] = np.asarray(pixels)[changed, :3].astype(np.uint16) * 257
    return result


def write_deep(deep: Deep, path: Path, kind: str, metadata: dict[str, Any], xmp: bytes | None) -> list[str]:
    """Write a PNG or TIFF file.

    Args:
        deep: As `read_deep` gives it.
        path: Where to.
        kind: `PNG` or `TIFF`.
        metadata: `exif`, `icc_profile` and `dpi` as Pillow's writers take them.
        xmp: XMP packet.

    Returns:
        What could not be kept, in sentences.

    Raises:
        OSError: The disk refuses the file.
    """
    exif = metadata.get("exif", b"")
    if kind == "TIFF":
        return _write_tiff(deep, path, exif, metadata, xmp)
    import cv2

    given = (
        (cv2.IMAGE_METADATA_EXIF, exif.removeprefix(_EXIF_HEADER)),
        (cv2.IMAGE_METADATA_ICCP, metadata.get("icc_profile")),
        (cv2.IMAGE_METADATA_XMP, xmp),
    )
    kinds, blocks = [one for one, value in given if value], [value for _, value in given if value]
    arrays = [np.frombuffer(block, dtype=np.uint8) for block in blocks]
    path.write_bytes(cv2.imencodeWithMetadata(".png", _swapped(deep), kinds, arrays)[1].tobytes())
    return ["its resolution in dots per inch was left out"] if "dpi" in metadata else []


def _write_tiff(deep: Deep, path: Path, exif: bytes, metadata: dict[str, Any], xmp: bytes | None) -> list[str]:
    import tifffile

    described = Image.Exif()
    described.load(exif)
    blocks = ((_ICC, 7, metadata.get("icc_profile")), (_XMP, 1, xmp))
    tags = [(tag, kind, len(block), block, True) for tag, kind, block in blocks if block]
    tags += [(tag, 2, 0, value, True) for tag, value in described.items() if isinstance(value, str)]
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
        extratags=tags,
    )
    lost = any(described.get_ifd(directory) for directory in (0x8769, 0x8825))
    return ["its EXIF camera settings and place were left out"] if lost else []


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
