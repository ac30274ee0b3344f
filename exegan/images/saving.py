"""Pictures into files: in the format of the extension, whole or not at all, with what belongs to them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from exegan.errors import InputError
from exegan.images.deep import WITH_DEEP_COLOUR, write_deep
from exegan.images.formats import FORMATS, WITH_ALPHA, WITH_QUALITY, WITH_XMP
from exegan.images.photo import Photo

_QUALITY = 95
_PNG_LEVEL = 3  # of a photo of one megapixel in 0.2 s where Pillow's 6 takes 0.7 s, for a file 3 % larger
_XMP_TAG = 700
_TEMPORARY = ".tmp"


def check_output(path: str | Path) -> None:
    """Make sure a picture can be written there, before any work is done.

    Raises:
        InputError: The extension names no known format, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"the output {path} has the extension {path.suffix!r}, expected one of {', '.join(FORMATS)}")
    try:
        if path.is_dir():
            raise InputError(f"the output {path} is a folder, expected a file name in it")
        if not path.parent.is_dir():
            raise InputError(f"the output's folder {path.parent} does not exist; make it first")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the output {path} cannot be written ({reason}); choose another name") from error


def save_photo(image: Image.Image, path: str | Path, quality: int | None = None) -> None:
    """Write an RGB picture that comes from no file; arguments and errors as for `write_photo`."""
    write_photo(Photo(image, image), path, quality)


def write_photo(
    photo: Photo,
    path: str | Path,
    quality: int | None = None,
    xmp: bytes | None = None,
    seal: Callable[[Path], None] | None = None,
) -> list[str]:
    """Write a photo in the format of the path's extension, beside its place and renamed when complete.

    What the photo's file had is kept where the format can hold it: depth, alpha, ICC profile, EXIF, XMP, resolution.
    A JPEG written as JPEG takes its own quantisation tables and subsampling, so that it changes as little as it can.

    Args:
        photo: The photo.
        path: Where to; see `check_output`.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIF. None is the photo's own for JPEG to JPEG, lossless for WebP,
            and 95 otherwise.
        xmp: XMP packet to write in place of the photo's own.
        seal: Called with the whole file before it gets its name; may change it, and what it raises leaves nothing.

    Returns:
        What could not be kept, in sentences.

    Raises:
        InputError: See `check_output`; or the disk refuses the file.
    """
    check_output(path)
    path = Path(path)
    kind = FORMATS[path.suffix.lower()]
    picture, notes = _fitting(photo, kind)
    packet = photo.xmp if xmp is None else xmp
    if packet is not None and kind not in WITH_XMP:
        notes.append(f"{kind} cannot hold XMP, so the mark of an edited picture is not in it")
    options = {
        **_metadata_options(photo, kind),
        **_compression(photo, kind, quality),
        **_xmp_options(packet, kind, photo.metadata),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        if photo.deep is not None and kind in WITH_DEEP_COLOUR:
            notes += write_deep(photo.deep, temporary, kind, photo.metadata, packet)
        else:
            picture.save(temporary, format=kind, **options)
        if seal is not None:
            seal(temporary)
        os.replace(temporary, path)
    except (OSError, ValueError) as error:  # the latter for more pixels a side than WebP allows
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the output {path} cannot be written ({reason}); choose another place") from error
    finally:
        with contextlib.suppress(OSError):  # a name too long for the disk; what matters was raised above
            temporary.unlink(missing_ok=True)
    return [*photo.notes, *notes]


def being_written(name: str) -> str | None:
    """Name of the file that a temporary file of `write_photo` was to become, None if it is no such file."""
    found = re.fullmatch(rf"\.(.+)\.\d+{re.escape(_TEMPORARY)}", name)
    return found and found[1]


def _fitting(photo: Photo, kind: str) -> tuple[Image.Image, list[str]]:
    """The photo's picture in a mode that the format can hold, and what that costs."""
    picture, notes = photo.native, []
    if photo.deep is not None and kind not in WITH_DEEP_COLOUR:
        notes.append(f"{kind} cannot hold 16 bits a colour, they were cut to 8")
    if picture.mode in ("LA", "RGBA") and kind not in WITH_ALPHA:
        notes.append(f"{kind} cannot hold transparency, it was dropped")
        picture = picture.convert(picture.mode[:-1])
    if picture.mode == "I;16" and kind not in ("PNG", "TIFF"):
        notes.append(f"{kind} cannot hold 16 bits, they were cut to 8")
        picture = picture.point(lambda value: value / 257).convert("L")
    if picture.mode == "CMYK" and kind not in ("JPEG", "TIFF"):
        notes.append(f"{kind} cannot hold CMYK, it was converted to RGB")
        picture = picture.convert("RGB")
    if picture.mode in ("L", "LA") and kind in ("WEBP", "AVIF", "HEIF"):
        picture = picture.convert("RGB" if picture.mode == "L" else "RGBA")
    return picture, notes


def _metadata_options(photo: Photo, kind: str) -> dict[str, Any]:
    if kind == "BMP":
        return {key: value for key, value in photo.metadata.items() if key == "dpi"}
    kept = dict(photo.metadata)
    if photo.native.mode == "CMYK" and kind not in ("JPEG", "TIFF"):
        kept.pop("icc_profile", None)  # a profile of inks, and the pixels are RGB now
    return kept


def _compression(photo: Photo, kind: str, quality: int | None) -> dict[str, Any]:
    if kind == "JPEG" and quality is None and photo.jpeg is not None:
        return photo.jpeg
    if kind == "PNG":
        return {"compress_level": _PNG_LEVEL}
    if kind == "WEBP" and quality is None:
        return {"lossless": True, "exact": True}
    if kind == "TIFF":
        return {"compression": "tiff_deflate"}
    if kind in WITH_QUALITY:
        options: dict[str, Any] = {"quality": quality or _QUALITY}
        return {**options, "subsampling": 0} if kind == "JPEG" else options
    return {}


def _xmp_options(packet: bytes | None, kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """XMP as the format takes it; in TIFF it lies among the EXIF data."""
    if packet is None or kind not in WITH_XMP:
        return {}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode("utf-8", errors="replace"))
        return {"pnginfo": info}
    if kind == "TIFF":
        exif = Image.Exif()
        exif.load(metadata.get("exif", b""))
        exif[_XMP_TAG] = packet
        return {"exif": exif}
    return {"xmp": packet}
