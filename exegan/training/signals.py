"""Stopping a run from outside without losing anything."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

_log = logging.getLogger(__name__)

# Ctrl-C; what schedulers send when a job's time is over or its place is wanted; what SLURM can be told to send before.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


class StopOnSignal(Callback):
    """Ends the run after the batch in flight, with everything saved; a second signal of the kind ends it at once."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._stop = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take over the signals, where there is a main thread to take them."""

        def stop(number: int, frame: FrameType | None) -> None:
            self._stop = True
            signal.signal(number, self._before[number])
            _log.info("interrupted: the batch in flight is finished and saved; --ckpt_path last goes on from there")

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
