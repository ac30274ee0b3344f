"""Pictures of what the model makes of the same samples, as training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image

from exegan.config import RunConfig
from exegan.data.samples import Sample
from exegan.images import to_uint8
from exegan.ops.composite import composite
from exegan.training.loggers import log_picture
from exegan.training.module import ExeGanModule, images_seen
from exegan.training.pacing import Pace

GRIDS = "grids"
_SAMPLES = 8


class GridWriter(Callback):
    """Writes a PNG of fixed samples every so many kimg; rows: masked, exemplar, completed, truth.

    Args:
        run: Where to and how often.
    """

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self._pace = Pace(run.grid_kimg)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Write when a multiple of `grid_kimg` is passed."""
        if self._pace.due(images_seen(pl_module)):
            self._write(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the final state."""
        if self._pace.behind(images_seen(pl_module)):
            self._write(trainer, pl_module)

    def _write(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        images = images_seen(pl_module)
        self._pace.start(images)
        if not trainer.is_global_zero:
            return
        batch = trainer.datamodule.grid_batch(_SAMPLES)  # type: ignore[attr-defined]
        folder = Path(self.run.dir) / GRIDS
        folder.mkdir(parents=True, exist_ok=True)
        grid = draw_grid(cast(ExeGanModule, pl_module), batch)
        grid.save(folder / f"kimg-{images / 1000:010.3f}.png")
        log_picture(trainer, "grid", grid, images)


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
