"""Reading, checking and writing pictures; the only place that converts between 8-bit RGB and tensors.

Outside: PIL pictures, RGB, upright, 8 bits a channel, and masks as bool [H, W], True = hole.
Inside: float32 BCHW RGB in [-1, 1].
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from exegan.errors import InputError, MaskError

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

Picture = Image.Image | NDArray[np.uint8]


def read_photo(path: str | Path) -> Image.Image:
    """Read a photo as upright 8-bit RGB (see `upright_rgb`).

    Raises:
        InputError: The file is missing, no picture, damaged, animated or too large.
    """
    return upright_rgb(_open(_read_bytes(path), str(path)))


def decode_photo(data: bytes, where: str) -> Image.Image:
    """`read_photo` for a file that is already in memory; `where` names it in errors."""
    return upright_rgb(_open(data, where))


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """Read a mask file, white = hole (see `mask_from_image`).

    Raises:
        InputError: As for `read_photo`.
    """
    return mask_from_image(_open(_read_bytes(path), str(path)))


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


def _open(data: bytes, where: str) -> Image.Image:
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
            image.load()
    except Image.DecompressionBombError as error:
        raise InputError(f"{where} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller first") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{where} is not a picture, expected one of {', '.join(FORMATS)}") from error
    except (OSError, SyntaxError, TypeError, ValueError, EOFError, struct.error) as error:
        raise InputError(f"{where} is damaged and cannot be decoded ({error}); get the file again") from error
    return image


def upright_rgb(image: Image.Image) -> Image.Image:
    """Any PIL picture as upright 8-bit sRGB.

    The EXIF orientation is applied, an ICC profile converted to sRGB (broken ones of either are ignored), 16-bit grey
    cut to 8 bits, and transparency dropped: what lies under it is kept, since a mask, not transparency, says what the
    hole is.
    """
    image = _upright(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        return Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P":
        image = image.convert("RGBA")  # which keeps the colours of transparent entries; Pillow warns about RGB here
    return _to_srgb(image).convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about EXIF data cut short
            return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises whatever it stumbles over in damaged EXIF data
        return image


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    flat = image.convert("RGB") if image.mode in ("RGBA", "LA", "PA", "1") else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(flat, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def mask_from_image(image: Image.Image) -> NDArray[np.bool_]:
    """Mask of a picture: bool [H, W], True = hole.

    White (luminance 128 and up) is hole. Where the picture has varying transparency, as strokes painted on an empty
    layer have, what is opaque (alpha 128 and up) is hole instead.
    """
    image = _upright(image)
    if "A" in image.getbands() or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() != alpha.max():
            return alpha >= 128
    return np.asarray(upright_rgb(image).convert("L")) >= 128


def check_mask(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> None:
    """Make sure a mask belongs to a photo of that size and has a hole.

    Raises:
        MaskError: It has another size, or nothing is painted.
    """
    if mask.shape != size_hw:
        got = "x".join(str(side) for side in mask.shape[::-1])
        raise MaskError(f"the mask is {got}, expected the photo's {size_hw[1]}x{size_hw[0]}; make it the same size")
    if not mask.any():
        raise MaskError("the mask has no hole, expected white where the photo is to be completed; paint one")


def to_tensor(pictures: Picture | Sequence[Picture]) -> Tensor:
    """8-bit RGB pictures (PIL, or [H, W, 3] arrays) of one size → float32 [B, 3, H, W] in [-1, 1]."""
    if isinstance(pictures, (Image.Image, np.ndarray)):
        pictures = [pictures]
    batch = torch.from_numpy(np.stack([np.array(picture) for picture in pictures]))
    return batch.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(batch: Tensor) -> NDArray[np.uint8]:
    """Float [B, 3, H, W], clamped to [-1, 1] → uint8 [B, H, W, 3]; the only place that clamps."""
    scaled = ((batch.detach().float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    array: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
    return array


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


def save_photo(image: Image.Image, path: str | Path, quality: int = 95) -> None:
    """Write a picture in the format of the path's extension, beside its place and renamed when complete.

    Args:
        image: RGB picture.
        path: Where to; see `check_output`.
        quality: 1 to 100, JPEG and WebP only.

    Raises:
        InputError: See `check_output`; or the disk refuses the file.
    """
    check_output(path)
    path = Path(path)
    format_name = FORMATS[path.suffix.lower()]
    options = {"JPEG": {"quality": quality, "subsampling": 0}, "WEBP": {"quality": quality}}.get(format_name, {})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        image.save(temporary, format=format_name, **options)
        os.replace(temporary, path)
    except (OSError, ValueError) as error:  # the latter for more pixels a side than WebP allows
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the output {path} cannot be written ({reason}); choose another place") from error
    finally:
        with contextlib.suppress(OSError):  # a name too long for the disk; what matters was raised above
            temporary.unlink(missing_ok=True)
