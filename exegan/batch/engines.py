"""Engines that work through batches: threads on this machine, or a Ray cluster."""

from __future__ import annotations

import json
import math
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from exegan.batch.manifest import Entry, Settings
from exegan.batch.plan import Item
from exegan.batch.worker import Planned, Worker
from exegan.errors import ConfigError, ExeGanError, InputError
from exegan.inpainter import Inpainted, describe_model
from exegan.io.files import reason

Items = Sequence[Item]
Running = Callable[[Sequence[Items], Callable[[], bool]], Iterator[list[Entry]]]

_BATCHES_AHEAD = 2


def start_engine(
    name: str, settings: Settings, output: str, workers: int, address: str | None
) -> tuple[Running, dict[str, Any]]:
    """An engine, ready to run batches, and what entries made with it note as options.

    Raises:
        InputError: The engine is unknown.
        ConfigError: Its package is not installed, or a key would have to leave this machine.
    """
    options = {**settings.facts(), "model_sha256": describe_model(settings.model, settings.backend)["weights_sha256"]}
    if name == "threads":
        return lambda batches, stopping: run_here(
            partial(Worker, settings, options, output), batches, workers, stopping
        ), options
    if name == "ray":
        if settings.signer is not None:
            raise ConfigError("the key that signs stays on this machine, and ray works on others; use --engine threads")
        return lambda batches, stopping: run_on_ray(
            partial(Worker, settings, options, output), batches, workers, settings.device, address, stopping
        ), options
    raise InputError(f"the engine {name!r} is unknown; use threads or ray")


def run_here(
    make_worker: Callable[[], Worker], batches: Sequence[Items], threads: int, stopping: Callable[[], bool]
) -> Iterator[list[Entry]]:
    """Work through batches and give the entries of each, in order; outputs are written and wait for their names.

    However many batches there are, no more than a few are in memory.

    Args:
        make_worker: Loads the networks.
        batches: The items of each.
        threads: That read and write.
        stopping: Whether no further batch is to be begun.
    """
    worker = make_worker()
    with ThreadPoolExecutor(threads, thread_name_prefix="exegan-batch") as pool:
        coming: deque[list[Future[Planned | Entry]]] = deque()
        leaving: deque[list[Future[Entry]]] = deque()
        rest = iter(batches)
        try:
            while True:
                while len(coming) < _BATCHES_AHEAD and not stopping() and (items := next(rest, None)) is not None:
                    coming.append([pool.submit(worker.load, item) for item in items])
                if not coming:
                    break
                loaded = [future.result() for future in coming.popleft()]
                leaving.append(complete_batch(worker, pool, loaded))
                if len(leaving) == _BATCHES_AHEAD:
                    yield [future.result() for future in leaving.popleft()]
            while leaving:
                yield [future.result() for future in leaving.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def complete_batch(worker: Worker, pool: ThreadPoolExecutor, loaded: Sequence[Planned | Entry]) -> list[Future[Entry]]:
    """Complete what could be loaded; the others' entries are there already."""
    batch = [one for one in loaded if isinstance(one, Planned)]
    results = iter(worker.complete(batch) if batch else [])
    entries: list[Future[Entry]] = []
    for one in loaded:
        result = next(results) if isinstance(one, Planned) else one
        if isinstance(one, Planned) and isinstance(result, Inpainted):
            entries.append(pool.submit(worker.finish, one, result))
        elif isinstance(result, dict):
            entry: Future[Entry] = Future()
            entry.set_result(result)
            entries.append(entry)
    return entries


class _RayWorker:
    """What Ray builds in each worker process; rows in and out are plain values.

    What stops the whole batch (a full disk, a broken model) is a row, too: of an exception Ray makes a page of text.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        self._make_worker = make_worker
        self._worker: Worker | None = None
        self._pool = ThreadPoolExecutor(2)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        items: Items = row["items"]
        try:
            worker = self._worker = self._worker or self._make_worker()
            loaded = [worker.load(item) for item in items]
            entries = [future.result() for future in complete_batch(worker, self._pool, loaded)]
        except ExeGanError as error:
            return {"entries": "[]", "stopped": str(error)}
        return {"entries": json.dumps(entries), "stopped": ""}


def run_on_ray(
    make_worker: Callable[[], Worker],
    batches: Sequence[Items],
    workers: int,
    device: str,
    address: str | None,
    stopping: Callable[[], bool],
) -> Iterator[list[Entry]]:
    """Work through batches on a cluster and give the entries of each as they come.

    What a worker or machine had in flight when it died is computed again by another, and each batch comes
    back once. Outputs must lie where all machines and this one see them.

    Args:
        make_worker: Loads the networks, in each worker.
        batches: As for `run_here`.
        workers: How many.
        device: Where the networks run, as in `Settings`; with `auto` on GPUs where the cluster has some.
        address: Of the cluster; None starts one on this machine.
        stopping: Whether to stop after the batches that have come back.

    Raises:
        ConfigError: Ray is not installed.
        InputError: There is no cluster at the address, it has no such device, or a worker met what no other item would
            survive either.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError("the engine ray needs its package; run pip install 'exegan[scale]'") from error
    if not ray.is_initialized():
        _check_address(address)
        ray.init(address=address, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    workers = min(workers, len(batches))
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = gpus_for_each(workers, device, int(resources.get("GPU", 0)))
    rows = ray.data.from_items([{"items": items} for items in batches], override_num_blocks=len(batches))
    results = rows.map(
        _RayWorker,  # type: ignore[arg-type]
        fn_constructor_args=(make_worker,),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_gpus=gpus,
    )
    for result in results.iter_rows():
        if result["stopped"]:
            raise InputError(result["stopped"])
        yield json.loads(result["entries"])
        if stopping():
            return


def gpus_for_each(workers: int, device: str, gpus: int) -> float:
    """GPUs to ask for with each worker, without which Ray shows it none, or all workers the same.

    Args:
        workers: How many share them.
        device: Where the networks run.
        gpus: That the cluster has.

    Returns:
        0 for workers on CPUs, else at most 1: a share such that all workers find a place, each on a single GPU.

    Raises:
        InputError: CUDA is asked for and the cluster has none, or one GPU is named, which is for Ray to choose.
    """
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cuda") or (kind == "auto" and not gpus):
        return 0.0
    if not gpus:
        raise InputError(f"the device is {device!r}, but the Ray cluster has no GPU; use auto or cpu")
    if number:
        raise InputError(f"the device is {device!r}, but Ray gives each worker a GPU; use cuda")
    return 1 / math.ceil(workers / gpus)


def _check_address(address: str | None) -> None:
    """Refuse an address where no server responds, which Ray would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return  # none, `auto`, or one that Ray resolves itself
    try:
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()
    except OSError as error:
        wrong = f"there is no Ray cluster at {address} ({reason(error)})"
        raise InputError(f"{wrong}; start one, or leave the address out") from error
