"""Stopping a run from outside without losing anything."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

_log = logging.getLogger(__name__)

# Ctrl-C; what schedulers send when a job's time is over or its place is wanted; what SLURM can be told to send before.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]

# `timeout` sends its signal twice, to the program and to the program's group.
_SAME_SIGNAL_S = 1.0


class StopOnSignal(Callback):
    """Ends the run after the batch in flight, with everything saved; a second signal of the kind ends it at once."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._stop = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take over the signals, where there is a main thread to take them."""
        heard: dict[int, float] = {}

        def stop(number: int, frame: FrameType | None) -> None:
            now, self._stop = time.monotonic(), True
            if number not in heard:
                heard[number] = now
                _log.info("interrupted: the batch in flight is finished and saved; --ckpt_path last goes on from there")
            elif now - heard[number] > _SAME_SIGNAL_S:
                signal.signal(number, self._before[number])
                signal.raise_signal(number)

        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, stop) for number in _SIGNALS}

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Stop where any process was told to: one alone would leave the others waiting for its gradients."""
        if trainer.strategy.reduce_boolean_decision(self._stop, all=False):
            trainer.should_stop = True

    # Lightning puts its own handlers back between these hooks and `teardown`; what came later would undo that.
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give the signals back, after the other callbacks have saved."""
        self._give_back()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


# Schedulers and terminals send their signals to the data workers, too. A worker that followed them would take the batch
# in flight along, so each leaves them to the training process and ends with that.
_TELLS_SENDER = hasattr(signal, "sigtimedwait")  # Linux and other Unixes, not macOS


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold the signals back while worker processes start, which inherit that until `spare_worker` takes over."""
    if not _TELLS_SENDER:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spare_worker(worker: int = 0) -> None:
    """Make a data worker, which calls it at its start, outlive the signals meant for the run, but not the run.

    Only the training process itself ends it, by `SIGTERM`, as Python does where a program ends early, or by its death.

    Args:
        worker: Number of the worker, which `DataLoader` passes.
    """
    if not _TELLS_SENDER:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, name="end with the run", daemon=True).start()


def _end_with_parent() -> None:
    parent, started_by = multiprocessing.parent_process(), os.getppid()
    while os.getppid() == started_by:
        received = signal.sigtimedwait(_SIGNALS, 1.0)
        if received and parent and (received.si_signo, received.si_pid) == (signal.SIGTERM, parent.pid):
            break
    os._exit(0)  # 0, as PyTorch's own workers: anything else would be reported as a worker's failure
