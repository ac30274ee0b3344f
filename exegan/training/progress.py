"""Progress bar counted in thousands of images, with images per second and the time left."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from tqdm.auto import tqdm

from exegan.config import RunConfig
from exegan.training.module import images_seen

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
