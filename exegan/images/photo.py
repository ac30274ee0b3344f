"""A photo as its file has it: own mode and depth, metadata; edited without touching the rest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from exegan.images.colour import from_srgb, upright, upright_rgb
from exegan.images.decoding import HAD_MANIFEST, WAS_DEEP, decode, open_file

_ORIENTATION = 0x0112
# Description, make, model, software, date, artist, copyright, rating, and the titles of Windows.
_DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
_DIRECTORIES = (0x8769, 0x8825)  # camera settings, place
# Modes whose pixels can be replaced one by one; others are brought to one of them without loss.
_KEPT = ("L", "LA", "RGB", "RGBA", "CMYK", "I;16")
_WIDENED = {"1": "L", "P": "RGBA", "PA": "RGBA", "RGBX": "RGB", "La": "LA", "RGBa": "RGBA"}


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo and what its file says beside the pixels.

    Args:
        native: Upright picture in the file's mode and depth.
        image: The same as 8-bit sRGB, which the pipeline works on.
        metadata: Options of Pillow's writers that keep what the file had: `exif`, `icc_profile`, `dpi`.
        xmp: XMP packet of the file, if there is one.
        jpeg: Quantisation tables, subsampling and progressiveness of a JPEG file, as Pillow's writer takes them.
        notes: What could not be kept, in sentences.
        had_manifest: The file carried a C2PA manifest, which fits none but its own pixels.
    """

    native: Image.Image
    image: Image.Image
    metadata: dict[str, Any] = field(default_factory=dict)
    xmp: bytes | None = None
    jpeg: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    had_manifest: bool = False

    def replaced(self, result: Image.Image) -> Photo:
        """The photo with the pixels of `result` wherever they differ from `image`; all others as the file has them.

        Args:
            result: 8-bit sRGB of the photo's size.
        """
        differs = np.asarray(result) != np.asarray(self.image)
        changed = differs[..., 0] | differs[..., 1] | differs[..., 2]  # `any` along so short an axis is slow
        if not changed.any():
            return self
        native = _replace(self.native, result, changed)
        native.info = dict(self.native.info)
        return replace(self, native=native, image=result)


def open_photo(path: str | Path) -> Photo:
    """Read a photo with everything that is to be kept of it.

    Raises:
        InputError: The file is missing, no picture, damaged, animated or too large.
    """
    return _make_photo(open_file(path))


def read_photo(path: str | Path) -> Image.Image:
    """Read a photo as upright 8-bit sRGB (see `upright_rgb`).

    Raises:
        InputError: As for `open_photo`.
    """
    return upright_rgb(open_file(path))


def decode_photo(data: bytes, where: str) -> Image.Image:
    """`read_photo` for a file that is already in memory; `where` names it in errors."""
    return upright_rgb(decode(data, where))


def _make_photo(opened: Image.Image) -> Photo:
    turned = upright(opened)
    native = turned if turned.mode in _KEPT else turned.convert(_widened_mode(turned))
    native.info = dict(turned.info)
    notes = ["its 16 bits a colour were read as 8"] if opened.info.get(WAS_DEEP) else []
    return Photo(
        native,
        upright_rgb(native),
        _metadata(opened),
        _xmp(opened),
        _jpeg_settings(opened),
        tuple(notes),
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


def _metadata(image: Image.Image) -> dict[str, Any]:
    kept: dict[str, Any] = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
    try:
        exif = _photographic(image.getexif())
        if len(exif):
            kept["exif"] = exif.tobytes()
    except Exception:  # Pillow raises whatever it stumbles over in damaged EXIF data
        kept.pop("exif", None)
    return kept


def _photographic(exif: Image.Exif) -> Image.Exif:
    """What tells of the photo; a TIFF has its own layout in the same place, which would not fit another file."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in exif:
            kept[tag] = exif[tag]
    for directory in _DIRECTORIES:
        if entries := exif.get_ifd(directory):
            kept.get_ifd(directory).update(entries)
    if _ORIENTATION in exif:
        kept[_ORIENTATION] = 1  # the pixels are upright now
    return kept


def _xmp(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(700)  # type: ignore[attr-defined]
    return found.encode() if isinstance(found, str) else found


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
