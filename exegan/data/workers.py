"""Photos through several processes, each with a face detector of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

import torch

from exegan.data.crops import CropOptions, Record, crop_photo
from exegan.errors import InputError
from exegan.faces.detect import FaceDetector

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
    """A pipe for each worker: its end tells of a worker's death here, and of this process's death there.

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
