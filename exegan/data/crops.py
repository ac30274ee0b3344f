"""Aligned face crops of one raw photo; what the worker processes of `exegan prepare` do."""

from __future__ import annotations

import hashlib
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from exegan.errors import ConfigError, InputError
from exegan.faces.align import crop_side, warp_crop
from exegan.faces.detect import Face, FaceDetector
from exegan.images import read_photo

SUFFIX = ".webp"


@dataclass(frozen=True)
class CropOptions:
    """What a crop is like.

    Args:
        resolution: Side of the crops in pixels.
        min_face: Smallest side that a crop may have in its photo's pixels; None = half the resolution, so that nothing
            is enlarged more than twice.
        all_faces: Crop every face that is large enough; else the largest one.
    """

    resolution: int = 256
    min_face: int | None = None
    all_faces: bool = False

    def __post_init__(self) -> None:
        if not 16 <= self.resolution <= 2048:
            raise ConfigError(f"the resolution is {self.resolution}, expected 16 to 2048")
        if self.min_face is None:
            object.__setattr__(self, "min_face", self.resolution // 2)
        elif self.min_face < 0:
            raise ConfigError(f"min_face is {self.min_face}, expected at least 0 pixels")


class Crop(TypedDict):
    """One crop: its file among the unfinished ones, that file's size, and its side in the photo's pixels."""

    file: str
    bytes: int
    side: float


class Record(TypedDict):
    """What became of one photo, as it is journalled and reported.

    `photo` is its path below the raw folder; `size` and `mtime_ns` tell whether it has changed since; `skipped` is ""
    or `unreadable`, `no face`, `too small`, `failed`; `detail` is a sentence or "".
    """

    photo: str
    size: int
    mtime_ns: int
    skipped: str
    detail: str
    crops: list[Crop]


def crop_photo(
    detector: FaceDetector, raw_dir: Path, photo: str, stamp: tuple[int, int], options: CropOptions, folder: Path
) -> Record:
    """Find, align and write the faces of one photo.

    Args:
        detector: Finds the faces.
        raw_dir: Folder of the photos.
        photo: Path below it.
        stamp: The photo's size in bytes and its modification time in ns.
        options: What the crops are like.
        folder: Where the crops are written, each beside its place and renamed when complete.

    Raises:
        OSError: A crop cannot be written. Whatever is wrong with the photo is in the record instead.
    """
    record: Record = {
        "photo": photo,
        "size": stamp[0],
        "mtime_ns": stamp[1],
        "skipped": "",
        "detail": "",
        "crops": [],
    }
    made: list[tuple[bytes, float]] = []
    try:
        picture = read_photo(raw_dir / photo)
        faces = detector.detect(picture)
        made, record["skipped"], record["detail"] = _crop_faces(picture, faces, options)
    except InputError as error:
        record["skipped"], record["detail"] = "unreadable", " ".join(str(error).split())
    except Exception as error:  # one odd photo must not end a run over many thousands
        record["skipped"], record["detail"] = "failed", f"{type(error).__name__}: {error}"
    for number, (data, side) in enumerate(made, start=1):
        key = hashlib.sha256(photo.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        path = folder / f"{key}-{number}{SUFFIX}"
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(data)
        os.replace(temporary, path)
        record["crops"].append({"file": path.name, "bytes": len(data), "side": round(side, 1)})
    return record


def _crop_faces(
    picture: Image.Image, faces: list[Face], options: CropOptions
) -> tuple[list[tuple[bytes, float]], str, str]:
    """Encoded crops with their sides, largest first; why there is none; what else is to be said."""
    affines = [face.crop_affine(options.resolution) for face in faces]
    sides = [crop_side(affine, options.resolution) for affine in affines]
    found = sorted(((s, a) for s, a in zip(sides, affines, strict=True) if math.isfinite(s)), key=lambda f: -f[0])
    if not found:
        return [], "no face", f"no face was found ({picture.width}x{picture.height})"
    least = options.min_face or 0
    wanted = [face for face in (found if options.all_faces else found[:1]) if face[0] >= least]
    if not wanted:
        return [], "too small", f"the largest face gives a crop of {found[0][0]:.0f} px, expected at least {least} px"
    pixels = np.asarray(picture)
    made = [(_encode(warp_crop(pixels, affine, options.resolution)), side) for side, affine in wanted]
    left_out = len(found) - len(wanted)
    reason = "too small" if options.all_faces else "the largest was taken"
    return made, "", f"{len(found)} faces, {left_out} left out ({reason})" if left_out else ""


def _encode(crop: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(crop).save(
        buffer, "WEBP", lossless=True, quality=50, method=2
    )  # effort: 5 % larger, thrice as fast
    return buffer.getvalue()
