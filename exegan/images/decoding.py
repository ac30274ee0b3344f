"""Picture files decoded whole, with one sentence for what cannot be."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from exegan.errors import InputError
from exegan.images.formats import FORMATS, HAS_HEIF, MAX_PIXELS
from exegan.provenance import holds_manifest

WAS_DEEP = "exegan_was_deep"
"""Key in a decoded picture's `info` where colours had 16 bits."""
HAD_MANIFEST = "exegan_had_manifest"
"""Key in a decoded picture's `info` where the file carried a C2PA manifest."""


def limit_pixels(most: int) -> None:
    """Refuse larger pictures from now on, in this whole process: also those that other libraries decode with Pillow.

    Args:
        most: Pixels of a picture, below `MAX_PIXELS`.
    """
    Image.MAX_IMAGE_PIXELS = most // 2  # Pillow warns from here on, and refuses what has twice as many
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def open_file(path: str | Path) -> Image.Image:
    """A picture file as Pillow decodes it, in its own mode.

    Raises:
        InputError: The file is missing, no picture, damaged, animated or too large.
    """
    return decode(_read_bytes(path), str(path))


def _read_bytes(path: str | Path) -> bytes:
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected a picture file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"the picture {path} does not exist; check the path") from error
    except (OSError, ValueError) as error:  # the latter for a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the picture {path} cannot be read ({reason}); check its name and permissions") from error


def decode(data: bytes, where: str) -> Image.Image:
    """Decode fully, so that damage is found here and not halfway through the pipeline."""
    if not data:
        raise InputError(f"{where} is empty (0 bytes), expected a picture file")
    try:
        with warnings.catch_warnings():
            # Pillow warns about large pictures at a limit of its own, ours is checked below; and about damage that it
            # gets over or then raises an error for.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            frames = getattr(image, "n_frames", 1)
            # Phones save a photo with its preview or depth in an MPO, named .jpg; its first frame is the photo.
            if frames > 1 and image.format != "MPO":
                raise InputError(f"{where} is an animation of {frames} frames, expected one picture; save one of them")
            was_deep = _is_deep_colour(image)
            image.load()
    except Image.DecompressionBombError as error:
        limit = min(MAX_PIXELS, 2 * (Image.MAX_IMAGE_PIXELS or MAX_PIXELS)) / 10**6
        raise InputError(f"{where} has more than {limit:.4g} megapixels; make it smaller first") from error
    except UnidentifiedImageError as error:
        if not HAS_HEIF and _is_heif(data):
            raise InputError(
                f"{where} is a HEIC picture; run pip install 'exegan[heif]', or save it as JPEG"
            ) from error
        raise InputError(f"{where} is not a picture, expected one of {', '.join(FORMATS)}") from error
    except (OSError, SyntaxError, TypeError, ValueError, EOFError, struct.error) as error:
        raise InputError(f"{where} is damaged and cannot be decoded ({error}); get the file again") from error
    if was_deep:
        image.info[WAS_DEEP] = True
    if holds_manifest(data):
        image.info[HAD_MANIFEST] = True
    return image


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether a colour picture has 16 bits a channel in its file, of which Pillow keeps the upper 8."""
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return image.mode.startswith("RGB") and max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return any("16B" in str(tile[3]) for tile in getattr(image, "tile", [])) and image.mode.startswith("RGB")


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"hevc")
