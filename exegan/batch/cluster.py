"""The engine on a Ray cluster: the same batches, a row of a Ray data set each, through workers with a model each."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from exegan.batch.local import Slots, complete_batch
from exegan.batch.manifest import Entry
from exegan.batch.work import Worker
from exegan.errors import ConfigError, ExeGanError, InputError


class _RayWorker:
    """What Ray builds in each worker process; rows in and out are plain values.

    What stops the whole batch (a full disk, a broken model) is a row, too: of an exception Ray makes a page of text.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        self._make_worker = make_worker
        self._worker: Worker | None = None
        self._pool = ThreadPoolExecutor(2)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        slots: Slots = row["slots"]
        try:
            worker = self._worker = self._worker or self._make_worker()
            loaded = [None if item is None else worker.load(item) for item in slots]
            entries = [future.result() for future in complete_batch(worker, self._pool, loaded)]
        except ExeGanError as error:
            return {"entries": "[]", "stopped": str(error)}
        return {"entries": json.dumps(entries), "stopped": ""}


def run_on_ray(
    make_worker: Callable[[], Worker],
    batches: Sequence[Slots],
    workers: int,
    address: str | None,
    stopping: Callable[[], bool],
) -> Iterator[list[Entry]]:
    """Work through batches on a cluster and give the entries of each as they come.

    A worker or machine that dies loses what it had in flight to another: Ray computes that again, and each batch comes
    back once. Outputs must lie where all machines and this one see them.

    Args:
        make_worker: Loads the networks, in each worker.
        batches: As for `run_here`.
        workers: How many.
        address: Of the cluster; None starts one on this machine.
        stopping: Whether to stop after the batches that have come back.

    Raises:
        ConfigError: Ray is not installed.
        InputError: There is no cluster at the address, or a worker met what no other item would survive either.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError("the engine ray needs its package; run pip install 'exegan[scale]'") from error
    if not ray.is_initialized():
        _expect_answer(address)
        ray.init(address=address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.from_items([{"slots": slots} for slots in batches], override_num_blocks=len(batches))
    results = rows.map(
        _RayWorker,  # type: ignore[arg-type]
        fn_constructor_args=(make_worker,),
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(batches))),
    )
    for result in results.iter_rows():
        if result["stopped"]:
            raise InputError(result["stopped"])
        yield json.loads(result["entries"])
        if stopping():
            return


def _expect_answer(address: str | None) -> None:
    """Refuse an address that nobody listens at, which Ray would call for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return  # none, `auto`, or one that Ray resolves itself
    try:
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()
    except OSError as error:
        wrong = f"there is no Ray cluster at {address} ({error.strerror or error})"
        raise InputError(f"{wrong}; start one, or leave the address out") from error
