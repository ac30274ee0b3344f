"""What happens around the training steps, paced in thousands of images: saving, stopping, sample grids."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image

from exegan.config import RunConfig
from exegan.data.samples import Sample
from exegan.errors import TrainingDiverged, WeightsError
from exegan.images import to_uint8
from exegan.nets.checkpoint import save_model
from exegan.ops.composite import composite
from exegan.training.module import ExeGanModule, images_seen
from exegan.weights import read_checkpoint

_log = logging.getLogger(__name__)

CHECKPOINTS, GRIDS, MODEL = "checkpoints", "grids", "model"
_GRID_SAMPLES = 8


def newest_checkpoint(run_dir: str | Path) -> Path | None:
    """The readable checkpoint of a run with the most images, or None; damaged ones are named in the log.

    Raises:
        WeightsError: There are checkpoints and none can be read, so that a new run would hide a lost one.
    """
    error = None
    for path in sorted((Path(run_dir) / CHECKPOINTS).glob("kimg-*.ckpt"), reverse=True):
        try:
            read_checkpoint(path)
        except WeightsError as unreadable:
            _log.warning("%s; trying the checkpoint before it", unreadable)
            error = unreadable
        else:
            return path
    if error is not None:
        raise error
    return None


class KimgClock(Callback):
    """Saves and stops by images seen, since Lightning's own clocks count optimiser steps."""

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self._saved_at = -1

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember where a resumed run starts; end at once where it has nothing left to do."""
        self._saved_at = images_seen(pl_module)
        self._stop_if_done(trainer, pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Save when a multiple of `save_kimg` is passed, stop at `total_kimg`."""
        interval = self.run.save_kimg * 1000
        if images_seen(pl_module) // interval > self._saved_at // interval:
            self._save(trainer, pl_module)
        self._stop_if_done(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save what the last tick did not."""
        if images_seen(pl_module) > self._saved_at:
            self._save(trainer, pl_module)

    def _stop_if_done(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if images_seen(pl_module) >= self.run.total_kimg * 1000:
            trainer.should_stop = True

    def _save(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        _expect_finite_weights(pl_module)
        self._saved_at = images_seen(pl_module)
        folder = Path(self.run.dir) / CHECKPOINTS
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"kimg-{self._saved_at / 1000:010.3f}.ckpt"
        # Written beside its place and renamed, so that a kill in between leaves the checkpoint before it.
        temporary = path.with_suffix(".tmp")
        trainer.save_checkpoint(temporary, weights_only=False)
        if not trainer.is_global_zero:
            return
        os.replace(temporary, path)
        for old in sorted(folder.glob("kimg-*.ckpt"))[: -self.run.keep_checkpoints]:
            old.unlink()
        module = cast(ExeGanModule, pl_module)
        module.model_ema.update_mean_w()
        save_model(module.model_ema, Path(self.run.dir) / MODEL, _facts(module))


def _expect_finite_weights(module: L.LightningModule) -> None:
    """Never replace a good checkpoint by a spoilt one: an infinite gradient shows in the weights before the losses."""
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            raise TrainingDiverged(
                f"the weight {name} is no longer finite at {images_seen(module) / 1000:.3f} kimg, nothing was saved; "
                "lower optimizers.lr and go on from the checkpoint before (--ckpt_path last)"
            )


def _facts(module: ExeGanModule) -> dict[str, Any]:
    """What a model folder tells about its training."""
    losses = dict(module.hparams["losses"])
    for net in ("perceptual_net", "identity_net"):
        # A weight file without its folder, which means nothing elsewhere.
        weights = losses[net]["weights"]
        losses[net] = {**losses[net], "weights": weights and Path(weights).name}
    return {"kimg": images_seen(module) / 1000, "losses": losses}


class StopOnSignal(Callback):
    """Ends the run after the batch in flight, with everything saved; a second signal of the kind ends it at once.

    Listens to Ctrl-C and to SIGTERM, which is how schedulers announce that a job's time is over.
    """

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
            self._before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}

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


class GridWriter(Callback):
    """Writes a PNG of fixed samples every so many kimg; rows: masked, exemplar, completed, truth."""

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self._written_at = -1.0

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Write when a multiple of `grid_kimg` is passed."""
        interval = self.run.grid_kimg * 1000
        if images_seen(pl_module) // interval > self._written_at // interval:
            self._write(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the final state."""
        if images_seen(pl_module) > self._written_at:
            self._write(trainer, pl_module)

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._written_at = images_seen(pl_module)
        if not trainer.is_global_zero:
            return
        batch = trainer.datamodule.grid_batch(_GRID_SAMPLES)  # type: ignore[attr-defined]
        folder = Path(self.run.dir) / GRIDS
        folder.mkdir(parents=True, exist_ok=True)
        draw_grid(cast(ExeGanModule, pl_module), batch).save(folder / f"kimg-{self._written_at / 1000:010.3f}.png")


@torch.no_grad()
def draw_grid(module: ExeGanModule, batch: Sample) -> Image.Image:
    """Picture of what the averaged model makes of a batch, a column a sample."""
    model = module.model_ema
    image, mask, exemplar = (batch[key].to(module.device) for key in ("image", "mask", "exemplar"))
    z = torch.randn(len(image), model.config.generator.z_dim, generator=torch.Generator().manual_seed(0))
    w_plus = model.generator.mix_styles(model.generator.mapping(z.to(image)), model.style_encoder(exemplar))
    completed = composite(model.generator(image, mask, w_plus), image, mask)
    rows = [image * (1 - mask), exemplar, completed, image]
    return Image.fromarray(np.concatenate([np.concatenate(list(to_uint8(row)), axis=1) for row in rows], axis=0))
