"""Photos through several processes, each with a face detector of its own."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from exegan.data.crops import CropOptions, Record, crop_photo
from exegan.errors import InputError
from exegan.faces.detect import FaceDetector

Photo = tuple[str, tuple[int, int]]
_QUEUED_PER_WORKER = 4

_detector: FaceDetector | None = None


def crop_photos(
    photos: Iterable[Photo], raw_dir: Path, options: CropOptions, folder: Path, workers: int
) -> Iterator[Record]:
    """Crop photos in `workers` processes, or in this one where that is 0, and give the records as they come.

    Every photo is worked on with one thread, so that the crops do not depend on how many workers there are.

    Raises:
        InputError: A worker process was ended from outside.
    """
    if workers:
        yield from _crop_in_pool(photos, raw_dir, options, folder, workers)
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
    photos: Iterable[Photo], raw_dir: Path, options: CropOptions, folder: Path, workers: int
) -> Iterator[Record]:
    # Forking a process that has used torch's threads may hang; a spawned one starts clean.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    left, running = iter(photos), set[Future[Record]]()
    try:
        while True:
            for photo, stamp in itertools.islice(left, workers * _QUEUED_PER_WORKER - len(running)):
                running.add(pool.submit(_crop_in_worker, raw_dir, photo, stamp, options, folder))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a worker process was ended from outside, perhaps for lack of memory; "
            "the same command with fewer --workers goes on from here"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    global _detector  # noqa: PLW0603  # the pool hands nothing from here to its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _detector = FaceDetector()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _crop_in_worker(raw_dir: Path, photo: str, stamp: tuple[int, int], options: CropOptions, folder: Path) -> Record:
    assert _detector is not None
    return crop_photo(_detector, raw_dir, photo, stamp, options, folder)
