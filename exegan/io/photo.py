"""A photo as its file has it: own mode and depth, metadata; edited without touching the rest."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, JpegImagePlugin, PngImagePlugin

from exegan.io.decode import HAD_MANIFEST, WAS_DEEP, decoded, read_bytes
from exegan.io.depth import Deep, from_srgb, read_deep, replace_deep, upright, upright_rgb

# Description, make, model, software, date, artist, copyright, rating, and the titles of Windows.
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
EXIF_DIRECTORIES = _CAMERA, _PLACE = 0x8769, 0x8825
_INTEROPERABILITY = 0xA005  # a directory in that of the camera
XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_ORIENTED = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")
_XMP_ENDS = '<?xpacket end="w"?>'
# Modes whose pixels can be replaced one by one; others are brought to one of them without loss.
_KEPT = ("L", "LA", "RGB", "RGBA", "CMYK", "I;16")
_WIDENED = {"1": "L", "P": "RGBA", "PA": "RGBA", "RGBX": "RGB", "La": "LA", "RGBa": "RGBA"}


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo with the metadata of its file.

    Args:
        native: Upright picture in the file's mode and depth.
        image: The same as 8-bit sRGB, which the pipeline works on.
        metadata: Options of Pillow's writers that keep what the file had: `exif`, `icc_profile`, `dpi`.
        xmp: XMP packet of the file, if there is one.
        jpeg: Quantisation tables, subsampling and progressiveness of a JPEG file, as Pillow's writer takes them.
        notes: What could not be kept, in sentences.
        deep: Colours of 16 bits [H, W, 3 or 4], where the file has them and the extra `deep` is installed; `native` has
            their upper halves.
        had_manifest: The file carried a C2PA manifest, which fits none but its own pixels.
    """

    native: Image.Image
    image: Image.Image
    metadata: dict[str, Any] = field(default_factory=dict)
    xmp: bytes | None = None
    jpeg: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    deep: Deep | None = None
    had_manifest: bool = False

    @classmethod
    def of(cls, image: Image.Image) -> Photo:
        """A picture in memory, with what Pillow still knows of its file; `open_photo` knows more."""
        return _make_photo(None, image)

    def replaced(self, result: Image.Image) -> Photo:
        """The photo with the pixels of `result` wherever they differ from `image`; all others as the file has them.

        Args:
            result: 8-bit sRGB of the photo's size.
        """
        box = ImageChops.difference(result, self.image).getbbox()
        if box is None:
            return self
        before, after = self.image.crop(box), result.crop(box)
        differs = np.asarray(after) != np.asarray(before)
        changed = differs[..., 0] | differs[..., 1] | differs[..., 2]  # `any` along so short an axis is slow
        part = _replace(self.native.crop(box), after, changed)
        native = self.native.copy()
        native.paste(part, box)
        deep = None if self.deep is None else replace_deep(self.deep, part, changed, box)
        return replace(self, native=native, image=result, deep=deep)


def open_photo(path: str | Path) -> Photo:
    """Read a photo with everything that is to be kept of it.

    Raises:
        InputError: The file is missing, no picture, damaged, animated or too large.
    """
    data = read_bytes(path)
    with decoded(data, str(path)) as opened:
        return _make_photo(data, opened)


def read_photo(path: str | Path) -> Image.Image:
    """Read a photo as upright 8-bit sRGB (see `upright_rgb`).

    Raises:
        InputError: As for `open_photo`.
    """
    return decode_photo(read_bytes(path), str(path))


def decode_photo(data: bytes, where: str) -> Image.Image:
    """`read_photo` for a file that is already in memory; `where` names it in errors."""
    with decoded(data, where) as opened:
        return upright_rgb(opened)


def _make_photo(data: bytes | None, opened: Image.Image) -> Photo:
    turned = upright(opened)
    native = turned if turned.mode in _KEPT else turned.convert(_widened_mode(turned))
    native.info = dict(turned.info)
    was_deep = WAS_DEEP in opened.info
    deep = read_deep(data, opened, native) if was_deep and data is not None else None
    (metadata, notes), xmp = _metadata(opened), _xmp(opened)
    if was_deep and deep is None:
        notes.insert(0, "its 16 bits a colour were read as 8 (pip install 'exegan[deep]' reads all)")
    return Photo(
        native,
        upright_rgb(native),
        metadata,
        None if xmp is None else _ORIENTED.sub(rb"\g<1>1", xmp),
        _jpeg_settings(opened),
        tuple(notes),
        deep,
        HAD_MANIFEST in opened.info,
    )


def _widened_mode(image: Image.Image) -> str:
    if image.mode.startswith("I"):
        return "I;16"
    if image.mode == "P" and "transparency" not in image.info:
        return "RGB"
    return _WIDENED.get(image.mode, "RGB")


def _replace(native: Image.Image, result: Image.Image, changed: NDArray[np.bool_]) -> Image.Image:
    pixels = np.array(native)
    if native.mode == "I;16":
        grey = np.asarray(result.convert("L")).astype(pixels.dtype)
        pixels[changed] = grey[changed] * 257
        return Image.fromarray(pixels)
    new = np.asarray(from_srgb(result, native))
    if native.mode in ("LA", "RGBA"):
        colours = pixels[..., :-1] if native.mode == "RGBA" else pixels[..., 0]
        np.copyto(colours, new, where=changed[..., None] if native.mode == "RGBA" else changed)
    else:
        np.copyto(pixels, new, where=changed[..., None] if new.ndim == 3 else changed)
    return Image.fromarray(pixels, native.mode) if native.mode == "CMYK" else Image.fromarray(pixels)


def _metadata(image: Image.Image) -> tuple[dict[str, Any], list[str]]:
    """What can be kept of a file's metadata, and sentences about the rest."""
    kept: dict[str, Any] = {}
    notes = []
    if isinstance(profile := image.info.get("icc_profile"), bytes) and profile:
        kept["icc_profile"] = profile
    if dpi := image.info.get("dpi"):
        if _is_resolution(dpi):
            kept["dpi"] = tuple(map(float, dpi))
        else:
            notes.append("its resolution in dots per inch makes no sense and was left out")
    exif, is_whole = _read_exif(image)
    if exif:
        kept["exif"] = exif
    if not is_whole:
        notes.append("its EXIF data are damaged, what could not be read was left out")
    return kept, notes


def _is_resolution(dpi: Any) -> bool:
    try:
        # JPEG has 16 bits for each.
        return len(dpi) == 2 and all(math.isfinite(one) and 1 <= one <= 65535 for one in map(float, dpi))
    except (TypeError, ValueError, ZeroDivisionError):
        return False


def _read_exif(image: Image.Image) -> tuple[bytes, bool]:
    """EXIF data as Pillow's writers take them, nothing if there are none; and whether they have all that is to be kept.

    The orientation is not to be kept, since the pixels are upright. Of the rest, a TIFF has its own layout in the same
    place, which would not fit another file, and a camera the small picture of what was edited away.
    """
    found: dict[int, Any] = {}
    is_whole = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about data cut short
        try:
            exif = image.getexif()
            found |= {tag: exif[tag] for tag in _DESCRIPTIVE if tag in exif}
            for directory in EXIF_DIRECTORIES:
                entries = exif_directory(exif, directory)
                is_whole &= bool(entries) or directory not in exif
                found |= {directory: entries} if entries else {}
        except Exception:  # Pillow raises exceptions of any kind on damaged EXIF data
            is_whole = False
    kept = _writable(found)
    written = _exif_bytes({tag: encoded_text(value) for tag, value in kept.items()}) or b""
    return written if kept else b"", is_whole and kept == found


def exif_directory(exif: Image.Exif, directory: int) -> dict[int, Any]:
    """Entries of one of `EXIF_DIRECTORIES`, with the directory that the camera's may have in it."""
    entries = dict(exif.get_ifd(directory))
    if _INTEROPERABILITY in entries:
        entries[_INTEROPERABILITY] = dict(exif.get_ifd(_INTEROPERABILITY))
    return entries


def encoded_text(value: Any) -> Any:
    """A text of EXIF data as its file had it: in any encoding, but Pillow reads Latin-1 and would write ASCII."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:  # set in memory
        return value.encode(errors="replace")


def _writable(entries: Mapping[int, Any], directory: int | None = None) -> dict[int, Any]:
    """Those entries that Pillow can write, which reads more than that."""

    def can_write(some: Mapping[int, Any]) -> bool:
        return _exif_bytes(some if directory is None else {directory: some}) is not None

    if can_write(entries):
        return dict(entries)
    kept: dict[int, Any] = {}
    for tag, value in entries.items():
        if isinstance(value, dict) and directory is None:
            if part := _writable(value, tag):
                kept[tag] = part
        elif can_write({tag: value}):
            kept[tag] = value
    return kept


def _exif_bytes(entries: Mapping[int, Any]) -> bytes | None:
    exif = Image.Exif()
    for tag, value in entries.items():
        exif[tag] = value
    try:
        return exif.tobytes()
    except Exception:  # as above
        return None


def _xmp(image: Image.Image) -> bytes | None:
    """The XMP packet, wherever the format has it and Pillow, depending on its version, leaves it."""
    found = image.info.get("XML:com.adobe.xmp")
    if isinstance(found, str) and not isinstance(found, PngImagePlugin.iTXt):
        # exegan 0.1.0 wrote PNGs of 16-bit colours so, with a piece of its memory behind the packet.
        packet, end, _ = found.partition(_XMP_ENDS)
        return (packet + end).encode("latin-1", errors="replace")
    found = image.info.get("xmp") or found
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(700)  # type: ignore[attr-defined]
    if found is None:
        segments = [data for name, data in getattr(image, "applist", []) if name == "APP1"]
        found = next((data.removeprefix(XMP_IN_JPEG) for data in segments if data.startswith(XMP_IN_JPEG)), None)
    if isinstance(found, str):
        return found.encode(errors="replace")
    return found if isinstance(found, bytes) else None


def _jpeg_settings(image: Image.Image) -> dict[str, Any] | None:
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    settings: dict[str, Any] = {"qtables": image.quantization}
    sampling = JpegImagePlugin.get_sampling(image)
    if sampling >= 0:
        settings["subsampling"] = sampling
    if image.info.get("progressive") or image.info.get("progression"):
        settings["progressive"] = True
    return settings
