"""Pictures of any mode and colour space as upright 8-bit sRGB, and back."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageCms, ImageOps

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
    """A picture turned as its EXIF orientation says, without the file that Pillow read it from; it may be the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about EXIF data cut short
            if image.getexif().get(ORIENTATION) in range(2, 9):
                return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises whatever it stumbles over in damaged EXIF data, which then says nothing
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
