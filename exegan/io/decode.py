"""Decoding of picture files: formats, limits of size, and one sentence for whatever is wrong with a file."""

from __future__ import annotations

import contextlib
import io
import math
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError, features

from exegan.errors import ConfigError, ExeGanError, InputError
from exegan.io.c2pa import holds_manifest
from exegan.io.files import reason

# Just below the size at which Pillow itself refuses to decode.
MAX_PIXELS = 178_000_000
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
if "avif" in features.get_supported_modules():  # Pillow from 11.3 on; asked by name, older ones warn
    FORMATS[".avif"] = "AVIF"
try:
    from pillow_heif import register_heif_opener
except ImportError:  # optional
    HAS_HEIF = False
else:
    register_heif_opener()
    FORMATS |= {".heic": "HEIF", ".heif": "HEIF"}
    HAS_HEIF = True
DECODED = (*dict.fromkeys(FORMATS.values()), "GIF", "PPM", "JPEG2000")
"""What is read, by Pillow's names. Its other decoders are left alone: that of EPS starts a program on the file."""
WITH_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_XMP = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF")
WITH_QUALITY = ("JPEG", "WEBP", "AVIF", "HEIF")
WAS_DEEP = "exegan_was_deep"
"""Key in a decoded picture's `info` where colours had 16 bits."""
HAD_MANIFEST = "exegan_had_manifest"
"""Key in a decoded picture's `info` where the file carried a C2PA manifest."""
MAX_MEGAPIXELS = "EXEGAN_MAX_MEGAPIXELS"
"""Environment variable: megapixels that one process decodes at once, those of all its threads together."""
DEFAULT_MAX_MEGAPIXELS = 120


class _PixelBudget:
    """Pixels that all threads of this process work on at once; a thread that wants too many waits, in order."""

    def __init__(self) -> None:
        self.reset()
        # A child has only the thread that forked; what others held would never be given back.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        self.most: int | None = None
        self._held, self._freed, self._turn = 0, threading.Condition(), threading.Lock()

    @contextlib.contextmanager
    def taken(self, pixels: int, most: int) -> Iterator[None]:
        """Hold so many; a picture above the limit is decoded alone. Not to be nested."""
        freed = self._freed
        with self._turn, freed:
            freed.wait_for(lambda: self._held == 0 or self._held + pixels <= most)
            self._held += pixels
        try:
            yield
        finally:
            with freed:
                self._held -= pixels
                freed.notify_all()


_budget = _PixelBudget()


def limit_pixels(most: int) -> None:
    """Refuse larger pictures from now on, in this whole process: also those that other libraries decode with Pillow.

    It takes precedence over `EXEGAN_MAX_MEGAPIXELS`, and the error names no option.

    Args:
        most: Pixels of a picture, and of all that are decoded at once; below `MAX_PIXELS`.
    """
    Image.MAX_IMAGE_PIXELS = most // 2  # Pillow warns from here on, and refuses what has twice as many
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    _budget.most = most


def most_pixels() -> int:
    """Pixels that this process decodes at once.

    Raises:
        ConfigError: `EXEGAN_MAX_MEGAPIXELS` is no such number.
    """
    if _budget.most is not None:
        return _budget.most
    if not (text := os.environ.get(MAX_MEGAPIXELS)):
        return min(DEFAULT_MAX_MEGAPIXELS * 10**6, MAX_PIXELS)
    try:
        most = round(float(text) * 10**6)
    except (ValueError, OverflowError):
        most = 0
    if not 0 < most <= MAX_PIXELS:
        expected = f"expected megapixels, at most {MAX_PIXELS // 10**6}"
        raise ConfigError(f"{MAX_MEGAPIXELS} is {text[:40]!r}, {expected}; set it to a number")
    return most


def working_on(image: Image.Image) -> contextlib.AbstractContextManager[None]:
    """Wait until there is room for the copies that reading or writing a picture makes; not to be nested."""
    return _budget.taken(image.width * image.height, most_pixels())


def read_bytes(path: str | Path) -> bytes:
    """A file's content.

    Raises:
        InputError: It is missing, a folder or unreadable.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected a picture file")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"the picture {path} does not exist; check the path") from error
    except (OSError, ValueError) as error:  # the latter for a zero byte in the path
        raise InputError(
            f"the picture {path} cannot be read ({reason(error)}); check its name and permissions"
        ) from error
    except MemoryError as error:
        raise InputError(f"the picture {path} is too large for this machine's memory; make it smaller") from error


@contextlib.contextmanager
def decoded(data: bytes, where: str) -> Iterator[Image.Image]:
    """A picture file as Pillow decodes it, in its own mode, while there is room for it.

    It is decoded fully, so that damage is found here and not halfway through the pipeline. Whatever is raised inside
    is the file's fault as well: pixels are converted and metadata read there.

    Args:
        data: The file.
        where: What to call it in errors.

    Raises:
        InputError: It is no picture, damaged, animated or too large.
    """
    with _failures_named(where, data[:16]):
        if not data:
            raise InputError(f"{where} is empty (0 bytes), expected a picture file")
        image = _opened(io.BytesIO(data), where)
        was_deep = _is_deep_colour(image)
        with working_on(image):
            image.load()
            if was_deep:
                image.info[WAS_DEEP] = True
            if holds_manifest(data):
                image.info[HAD_MANIFEST] = True
            yield image


def check_picture(file: BinaryIO, where: str) -> None:
    """Make sure that a file begins like a picture that can be decoded, without decoding it; errors as for `decoded`."""
    start = file.read(16)
    file.seek(0)
    with _failures_named(where, start):
        if not start:
            raise InputError(f"{where} is empty (0 bytes), expected a picture file")
        _is_deep_colour(_opened(file, where))


def _opened(file: BinaryIO, where: str) -> Image.Image:
    """The picture by its header, if it is one picture and not too large."""
    image = Image.open(file, formats=DECODED)
    pixels, most = image.width * image.height, most_pixels()
    if pixels > MAX_PIXELS or (pixels > most and _budget.most is not None):
        raise Image.DecompressionBombError
    if pixels > most:
        needed = math.ceil(pixels / 10**6)
        raise InputError(
            f"{where} has {needed} megapixels, more than the {most / 10**6:.4g} that are decoded at once; make it"
            f" smaller, or allow more with --max-megapixels {needed} (or {MAX_MEGAPIXELS}={needed})"
        )
    frames = getattr(image, "n_frames", 1)
    # Phones save a photo with its preview or depth in an MPO, named .jpg; its first frame is the photo.
    if frames > 1 and image.format != "MPO":
        raise InputError(f"{where} is an animation of {frames} frames, expected one picture; save one of them")
    return image


@contextlib.contextmanager
def _failures_named(where: str, start: bytes) -> Iterator[None]:
    """Whatever decoders raise as one sentence.

    Args:
        where: What to call the file.
        start: Its first bytes.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns about large pictures at a limit of its own, ours is checked; and about damage that it gets
            # over or then raises an error for.
            warnings.simplefilter("ignore")
            yield
    except ExeGanError:
        raise
    except Image.DecompressionBombError as error:
        limit = min(MAX_PIXELS, 2 * (Image.MAX_IMAGE_PIXELS or MAX_PIXELS), _budget.most or MAX_PIXELS) / 10**6
        raise InputError(f"{where} has more than {limit:.4g} megapixels; make it smaller first") from error
    except UnidentifiedImageError as error:
        if not HAS_HEIF and _is_heif(start):
            raise InputError(
                f"{where} is a HEIC picture; run pip install 'exegan[heif]', or save it as JPEG"
            ) from error
        raise InputError(f"{where} is not a picture, expected one of {', '.join(FORMATS)}") from error
    except MemoryError as error:
        raise InputError(f"{where} is too large for this machine's memory; make it smaller first") from error
    # Decoders raise exceptions of any kind: RuntimeError (AVIF), KeyError and ZeroDivisionError (TIFF), struct.error...
    except Exception as error:
        raise InputError(f"{where} is damaged and cannot be decoded ({reason(error)}); get the file again") from error


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether a colour picture has 16 bits a channel in its file, of which Pillow keeps the upper 8."""
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return image.mode.startswith("RGB") and max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return any("16B" in str(tile[3]) for tile in getattr(image, "tile", [])) and image.mode.startswith("RGB")


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"hevc")
