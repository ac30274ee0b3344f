"""Aligned face crops cut from photos, by one process or several."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import torch
from PIL import Image

from exegan.errors import ConfigError, InputError
from exegan.faces.align import crop_side, warp_crop
from exegan.faces.detect import Face, FaceDetector
from exegan.io import read_photo
from exegan.io.files import replacing

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

    `photo` is its path below the raw folder; `size` and `mtime_ns` show whether it has changed since; `skipped` is ""
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
        with replacing(path) as temporary:
            temporary.write_bytes(data)
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


Photo = tuple[str, tuple[int, int]]


def crop_photos(
    photos: Iterable[Photo], raw_dir: Path, options: CropOptions, folder: Path, workers: int
) -> Iterator[Record]:
    """Crop photos in `workers` processes, or in this one where that is 0, and give the records as they come.

    Every photo is worked on with one thread, so that the crops do not depend on how many workers there are.

    Raises:
        InputError: A worker process was ended from outside.
        OSError: A crop cannot be written.
    """
    if workers:
        yield from _crop_in_pool(iter(photos), raw_dir, options, folder, workers)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        detector = FaceDetector()
        for photo, stamp in photos:
            yield crop_photo(detector, raw_dir, photo, stamp, options, folder)
    finally:
        torch.set_num_threads(threads)


def _crop_in_pool(
    photos: Iterator[Photo], raw_dir: Path, options: CropOptions, folder: Path, workers: int
) -> Iterator[Record]:
    """A pipe for each worker: it closes here when a worker dies, and there when this process dies.

    The standard library's pools hang where either happens, or where Ctrl-C is pressed twice.
    """
    # Forking a process that has used torch's threads may hang; a spawned one starts clean.
    spawn = multiprocessing.get_context("spawn")
    pool: dict[Connection, SpawnProcess] = {}
    try:
        with _sigint_ignored():  # the workers inherit that: Ctrl-C reaches all, and this process decides
            for _ in range(workers):
                ours, theirs = spawn.Pipe()
                process = spawn.Process(target=_work, args=(theirs, raw_dir, options, folder), daemon=True)
                process.start()
                theirs.close()
                pool[ours] = process
        busy = {connection for connection in pool if _send_next(connection, photos)}
        while busy:
            for connection in cast(list[Connection], wait(list(busy))):
                result = connection.recv()
                if isinstance(result, OSError):
                    raise result
                yield result
                if not _send_next(connection, photos):
                    busy.remove(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        raise InputError(
            "a worker process was ended from outside, perhaps for lack of memory; "
            "the same command with fewer --workers goes on from here"
        ) from error
    finally:
        with _sigint_ignored():
            for connection, process in pool.items():
                connection.close()
                process.terminate()
                process.join()


def _send_next(connection: Connection, photos: Iterator[Photo]) -> bool:
    """Hand a worker its next photo; False where there is none."""
    photo = next(photos, None)
    if photo is not None:
        connection.send(photo)
    return photo is not None


def _work(connection: Connection, raw_dir: Path, options: CropOptions, folder: Path) -> None:
    """Crop what comes through the pipe, until it ends."""
    torch.set_num_threads(1)
    detector = FaceDetector()
    # The pipe ends without a word where the parent was killed.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            photo, stamp = connection.recv()
            try:
                connection.send(crop_photo(detector, raw_dir, photo, stamp, options, folder))
            except (BrokenPipeError, ConnectionResetError):
                raise
            except OSError as error:
                connection.send(error)


@contextlib.contextmanager
def _sigint_ignored() -> Iterator[None]:
    """Not be interrupted for a moment; only the main thread is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
