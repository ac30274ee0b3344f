"""Callbacks of a run: the clock in thousands of images, signals, progress and speed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.profilers import Profiler
from safetensors import SafetensorError
from tqdm.auto import tqdm

from exegan.config import RunConfig
from exegan.errors import InputError, TrainingDiverged
from exegan.nets.checkpoint import save_model
from exegan.training.checkpoints import write_checkpoint
from exegan.training.export import training_facts
from exegan.training.module import ExeGanModule, images_seen


class Pace:
    """Due once whenever a multiple of an interval has been passed.

    Args:
        kimg: The interval in thousands of images.
    """

    def __init__(self, kimg: float) -> None:
        self._interval = kimg * 1000
        self._last = -1

    def start(self, images: int) -> None:
        """Nothing is due for what was passed before `images`."""
        self._last = images

    def due(self, images: int) -> bool:
        """Whether a multiple has been passed since the last time this was true; of a new pace, the first call is."""
        passed = self._last < 0 or images // self._interval > self._last // self._interval
        if passed:
            self._last = images
        return passed

    def behind(self, images: int) -> bool:
        """Whether images were seen since it was last due, as at the end of a run."""
        return images > self._last


_log = logging.getLogger(__name__)
# Ctrl-C; what schedulers send when a job's time is over or its place is wanted; what SLURM sends before, on request.
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
        """Stop where any process received a signal: one alone would leave the others waiting for its gradients."""
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


_SHOWN = ("adversarial", "discriminator", "projected", "projected_discriminator", "perceptual", "attribute")


class KimgProgressBar(ProgressBar):
    """One line: kimg done and to do, time left, images per second, a few losses."""

    def __init__(self, run: RunConfig) -> None:
        super().__init__()
        self.run = run
        self._bar: tqdm[Any] | None = None
        self._enabled = True

    def disable(self) -> None:
        """Show nothing (Lightning calls this on all processes but the first)."""
        self._enabled = False

    def enable(self) -> None:
        """Show the bar again."""
        self._enabled = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar where a resumed run stands."""
        self._bar = tqdm(
            total=self.run.total_kimg,
            initial=images_seen(pl_module) / 1000,
            bar_format="{percentage:3.0f}%|{bar}| {n:.2f}/{total:g} kimg [{elapsed}<{remaining}{postfix}]",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not self._enabled,
        )

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Advance by the batch."""
        if self._bar is None or self._bar.disable:
            return
        rate = self._bar.format_dict["rate"]
        losses = {name: trainer.callback_metrics.get(f"train/{name}") for name in _SHOWN}
        shown = [f"{name}={value:.2f}" for name, value in losses.items() if value is not None]
        self._bar.set_postfix_str(", ".join([f"{1000 * rate:.1f} img/s", *shown] if rate else shown), refresh=False)
        self._bar.update(images_seen(pl_module) / 1000 - self._bar.n)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """End the line, so that what went wrong stands on its own."""
        self.on_train_end(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the last state on the screen."""
        if self._bar is not None:
            self._bar.close()


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


MODEL = "model"


class KimgClock(Callback):
    """Saves and stops by images seen.

    Args:
        run: Where to and how often.
    """

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self._pace = Pace(run.save_kimg)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember where a resumed run starts; end at once where it has nothing left to do."""
        self._pace.start(images_seen(pl_module))
        self._stop_if_done(trainer, pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Save when a multiple of `save_kimg` is passed, stop at `total_kimg`."""
        if self._pace.due(images_seen(pl_module)):
            self._save(trainer, pl_module)
        self._stop_if_done(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save what the last tick did not."""
        if self._pace.behind(images_seen(pl_module)):
            self._save(trainer, pl_module)

    def _stop_if_done(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if images_seen(pl_module) >= self.run.total_kimg * 1000:
            trainer.should_stop = True

    def _save(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        _expect_finite_weights(pl_module)
        images = images_seen(pl_module)
        self._pace.start(images)
        write_checkpoint(trainer, self.run.dir, images, self.run.keep_checkpoints)
        folder, problem = Path(self.run.dir) / MODEL, None
        if trainer.is_global_zero:
            module = cast(ExeGanModule, pl_module)
            module.model_ema.update_mean_w()
            facts = training_facts(images, module.hparams["losses"])
            try:
                save_model(module.model_ema, folder, facts)
            except (OSError, SafetensorError) as error:
                problem = str(error)
        problem = trainer.strategy.broadcast(problem)
        if problem is not None:  # all processes end, or the others would wait for this one's gradients
            raise InputError(
                f"the model {folder} could not be written ({problem}); the checkpoint was, make room and go on with "
                "--ckpt_path last"
            )


def _expect_finite_weights(module: L.LightningModule) -> None:
    """Never replace a good checkpoint by a spoilt one: an infinite gradient shows in the weights before the losses."""
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            raise TrainingDiverged(
                f"the weight {name} is no longer finite at {images_seen(module) / 1000:.3f} kimg, nothing was saved; "
                "lower optimizers.lr and go on from the checkpoint before (--ckpt_path last)"
            )
