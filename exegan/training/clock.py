"""The clock of a run, which counts images since Lightning counts optimiser steps: when to save and when to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import Callback
from safetensors import SafetensorError

from exegan.config import RunConfig
from exegan.errors import InputError, TrainingDiverged
from exegan.nets.checkpoint import save_model
from exegan.nets.export import training_facts
from exegan.training.checkpoints import write_checkpoint
from exegan.training.module import ExeGanModule, images_seen
from exegan.training.pacing import Pace

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
