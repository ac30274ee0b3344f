"""How fast a run is and what it takes: in its log, and before it starts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.profilers import Profiler

from exegan.training.module import images_seen

_PHASE = "step/"


class SpeedLog(Callback):
    """Logs `speed/images_per_second` over all devices and, on CUDA, `speed/gpu_memory_gib`, the run's peak so far.

    Args:
        every: Batches over which the rate is taken.
    """

    def __init__(self, every: int = 10) -> None:
        self._every = every
        self._since: tuple[float, int] | None = None

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Take the rate every so many batches; the first of them is not counted, as it warms up."""
        batches = trainer.fit_loop.epoch_loop.batch_idx + 1
        if self._since is not None and batches % self._every:
            return
        now, images = time.perf_counter(), images_seen(pl_module)
        if self._since is not None and images > self._since[1]:
            pl_module.log("speed/images_per_second", (images - self._since[1]) / (now - self._since[0]))
            if pl_module.device.type == "cuda":
                pl_module.log("speed/gpu_memory_gib", torch.cuda.max_memory_allocated(pl_module.device) / 2**30)
        self._since = (now, images)


class PhaseTimes(Profiler):
    """Seconds that the parts of training steps take, which the training system names.

    Args:
        synchronise: Waits for the device, so that a part's seconds are its own.
    """

    def __init__(self, synchronise: Callable[[], None]) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        self._synchronise = synchronise
        self._started: dict[str, float] = {}

    def start(self, action_name: str) -> None:
        """A part begins."""
        if action_name.startswith(_PHASE):
            self._synchronise()
            self._started[action_name] = time.perf_counter()

    def stop(self, action_name: str) -> None:
        """A part ends."""
        if action_name.startswith(_PHASE):
            self._synchronise()
            name = action_name.removeprefix(_PHASE)
            self.seconds[name] += time.perf_counter() - self._started.pop(action_name)
            self.counts[name] += 1

    def clear(self) -> None:
        """Forget what was measured, as after warming up."""
        self.seconds.clear()
        self.counts.clear()

    def summary(self) -> str:
        """Lightning prints this at the end of a run; nothing, as the dry run has its own table."""
        return ""
