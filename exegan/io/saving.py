"""Writing of photos: in the format of the extension, whole or not at all, with the metadata of the original."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, TiffImagePlugin, TiffTags

from exegan.errors import ExeGanError, InputError
from exegan.io.decode import FORMATS, WITH_ALPHA, WITH_QUALITY, WITH_XMP, working_on
from exegan.io.depth import WITH_DEEP_COLOUR, png_texts, write_deep
from exegan.io.files import reason, replacing
from exegan.io.photo import EXIF_DIRECTORIES, XMP_IN_JPEG, Photo, encoded_text, exif_directory

_QUALITY = 95
_PNG_LEVEL = 3  # of a photo of one megapixel in 0.2 s where Pillow's 6 takes 0.7 s, for a file 3 % larger
_MOST_IN_JPEG = 65_533  # bytes of a segment
_XMP_TAG = 700


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
    try:
        with replacing(path) as temporary:
            with working_on(photo.native):
                notes = _write(photo, temporary, kind, quality, photo.xmp if xmp is None else xmp)
            if seal is not None:
                seal(temporary)
    except ExeGanError:
        raise
    except OSError as error:
        raise InputError(f"the output {path} cannot be written ({reason(error)}); choose another place") from error
    except MemoryError as error:
        wrong = f"the output {path} cannot be written, it is too large for this machine's memory"
        raise InputError(f"{wrong}; make the photo smaller first") from error
    # Writers raise exceptions of any kind: ValueError for more pixels a side than WebP has, RuntimeError (AVIF) ...
    except Exception as error:
        wrong = f"the output {path} cannot be written as {kind} ({reason(error)})"
        raise InputError(f"{wrong}; choose another format") from error
    return [*photo.notes, *notes]


def save_photo(image: Image.Image, path: str | Path, quality: int | None = None) -> None:
    """Write an RGB picture that comes from no file; arguments and errors as for `write_photo`."""
    write_photo(Photo(image, image), path, quality)


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
        raise InputError(f"the output {path} cannot be written ({reason(error)}); choose another name") from error


def most_xmp(path: str | Path) -> float:
    """Bytes of an XMP packet that the format of the path's extension can hold."""
    return _MOST_IN_JPEG - len(XMP_IN_JPEG) if FORMATS.get(Path(path).suffix.lower()) == "JPEG" else float("inf")


def _write(photo: Photo, path: Path, kind: str, quality: int | None, xmp: bytes | None) -> list[str]:
    """Write a file of that format; what could not be kept."""
    picture, notes = _fitting(photo, kind)
    metadata, lost = _fitting_metadata(photo, kind)
    notes += lost
    if quality is not None and kind not in WITH_QUALITY:
        notes.append(f"a quality of {quality} was asked for, which {kind} has not: it was written without loss")
    if xmp is not None and kind not in WITH_XMP:
        notes.append(f"{kind} cannot hold XMP, so the mark of an edited picture is not in it")
        xmp = None
    if photo.deep is not None and kind in WITH_DEEP_COLOUR:
        write_deep(photo.deep, path, kind, metadata, xmp)
    else:
        # Pillow's writer of packed TIFF cannot write EXIF data that have directories.
        options = {key: value for key, value in metadata.items() if (kind, key) != ("TIFF", "exif")}
        picture.save(path, format=kind, **options, **_compression(photo, kind, quality), **_xmp_options(xmp, kind))
    if kind == "TIFF":
        _add_tags(path, metadata.get("exif", b""), xmp)
    return notes


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


def _fitting_metadata(photo: Photo, kind: str) -> tuple[dict[str, Any], list[str]]:
    """The photo's metadata that the format can hold, and what it cannot."""
    kept, notes = dict(photo.metadata), []
    if kind == "BMP":
        words = {"exif": "EXIF data", "icc_profile": "a colour profile"}
        if lost := [word for key, word in words.items() if kept.pop(key, None)]:
            notes.append(f"BMP cannot hold {' or '.join(lost)}, which was left out")
    if kind == "JPEG" and len(kept.get("exif", b"")) > _MOST_IN_JPEG:
        notes.append("its EXIF data are too long for JPEG and were left out")
        del kept["exif"]
    if photo.native.mode == "CMYK" and kind not in ("JPEG", "TIFF"):
        kept.pop("icc_profile", None)  # a profile of inks, and the pixels are RGB now
    return kept, notes


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


def _xmp_options(packet: bytes | None, kind: str) -> dict[str, Any]:
    """XMP as the format's writer takes it; TIFF gets it afterwards."""
    if packet is None or kind == "TIFF":
        return {}
    if kind == "PNG":
        return {"pnginfo": png_texts(packet)}
    if kind == "JPEG":  # Pillow's own option came with 11.0
        segment = XMP_IN_JPEG + packet
        return {"extra": b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment}
    return {"xmp": packet}


def _add_tags(path: Path, exif: bytes, xmp: bytes | None) -> None:
    """Put EXIF data and XMP into a TIFF file that has none.

    All is appended, with a new first directory at the very end that also has the entries of the old one; these are
    copied as they are, since what they point to stays where it is.
    """
    described = Image.Exif()
    described.load(exif)
    with path.open("r+b") as file:
        start = file.read(8)
        added = TiffImagePlugin.ImageFileDirectory_v2(start)
        order = "<" if start[:2] == b"II" else ">"
        for tag in described:
            added[tag] = exif_directory(described, tag) if tag in EXIF_DIRECTORIES else encoded_text(described[tag])
        if xmp is not None:
            added.tagtype[_XMP_TAG] = TiffTags.BYTE
            added[_XMP_TAG] = xmp
        if not len(added):
            return
        entries = _entries(file, struct.unpack(order + "I", start[4:])[0], order)
        position = file.seek(0, os.SEEK_END)
        file.write(b"\0" * (position % 2))
        position += position % 2
        file.write(added.tobytes(position))
        entries |= _entries(file, position, order)
        directory_at = file.seek(0, os.SEEK_END)
        count = struct.pack(order + "H", len(entries))
        file.write(count + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4))
        file.seek(4)
        file.write(struct.pack(order + "I", directory_at))


def _entries(file: BinaryIO, position: int, order: str) -> dict[int, bytes]:
    """Entries of a TIFF directory by their tags, each of 12 bytes."""
    file.seek(position)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = [file.read(12) for _ in range(count)]
    return {struct.unpack(order + "H", entry[:2])[0]: entry for entry in entries}
