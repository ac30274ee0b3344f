"""The engine on one machine: threads read and write while the networks work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from exegan.batch.manifest import Entry
from exegan.batch.plan import Item
from exegan.batch.work import Loaded, Worker

Slots = Sequence[Item | None]

_BATCHES_AHEAD = 2


def run_here(
    make_worker: Callable[[], Worker], batches: Sequence[Slots], threads: int, stopping: Callable[[], bool]
) -> Iterator[list[Entry]]:
    """Work through batches and give the entries of each, in order; outputs are written and wait for their names.

    However many batches there are, no more than a few are in memory.

    Args:
        make_worker: Loads the networks.
        batches: Slots of each batch; None is left blank.
        threads: That read and write.
        stopping: Whether no further batch is to be begun.
    """
    worker = make_worker()
    with ThreadPoolExecutor(threads, thread_name_prefix="exegan-batch") as pool:
        coming: deque[list[Future[Loaded | Entry] | None]] = deque()
        leaving: deque[list[Future[Entry]]] = deque()
        rest = iter(batches)
        try:
            while True:
                while len(coming) < _BATCHES_AHEAD and not stopping() and (slots := next(rest, None)) is not None:
                    coming.append([None if item is None else pool.submit(worker.load, item) for item in slots])
                if not coming:
                    break
                loaded = [None if future is None else future.result() for future in coming.popleft()]
                leaving.append(complete_batch(worker, pool, loaded))
                if len(leaving) == _BATCHES_AHEAD:
                    yield [future.result() for future in leaving.popleft()]
            while leaving:
                yield [future.result() for future in leaving.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def complete_batch(
    worker: Worker, pool: ThreadPoolExecutor, loaded: Sequence[Loaded | Entry | None]
) -> list[Future[Entry]]:
    """Complete what could be loaded; the others' entries are there already."""
    entries: list[Future[Entry]] = []
    slots = [slot if isinstance(slot, Loaded) else None for slot in loaded]
    raws = worker.complete(slots) if any(slots) else [None] * len(slots)
    for slot, given, raw in zip(slots, loaded, raws, strict=True):
        if slot is not None and isinstance(raw, Tensor):
            entries.append(pool.submit(worker.finish, slot, raw))
        elif isinstance(failed := raw if slot is not None else given, dict):
            entry: Future[Entry] = Future()
            entry.set_result(failed)
            entries.append(entry)
    return entries
