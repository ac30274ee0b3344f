"""Monitoring of a run: loggers, sample grids, figures of held-out faces."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image
from torch import Tensor

from exegan.config import RunConfig
from exegan.data.samples import Sample
from exegan.errors import ConfigError
from exegan.io import to_uint8
from exegan.losses.terms import perceptual_distance
from exegan.metrics.base import Comparison, ImageBatch
from exegan.metrics.pixels import PSNR, HoleL1
from exegan.ops.image import composite
from exegan.training.callbacks import Pace
from exegan.training.datamodule import FaceDataModule
from exegan.training.module import ExeGanModule, images_seen


def make_loggers(run: RunConfig) -> list[Logger]:
    """Loggers that write into the run's folder; each start of a run gets its own version.

    Raises:
        ConfigError: `run.wandb` is set and its package is not installed.
    """
    loggers: list[Logger] = [TensorBoardLogger(run.dir, name="logs"), CSVLogger(run.dir, name="metrics")]
    if run.wandb is not None:
        try:
            loggers.append(WandbLogger(project=run.wandb, save_dir=run.dir))
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"run.wandb is {run.wandb!r}, but the package wandb is not installed; "
                "run pip install 'exegan[wandb]' or leave run.wandb out"
            ) from error
    return loggers


def log_figures(trainer: L.Trainer, figures: dict[str, float], images: int) -> None:
    """Write figures that are measured now and then: Lightning's own log would repeat them until the next time.

    Args:
        trainer: Whose loggers.
        figures: Values by name.
        images: Images seen, which every log counts in.
    """
    for logger in trainer.loggers:
        logger.log_metrics(figures, step=images)
        logger.save()


def log_picture(trainer: L.Trainer, name: str, picture: Image.Image, images: int) -> None:
    """Show a picture in every logger that shows pictures."""
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, np.asarray(picture), images, dataformats="HWC")
        elif isinstance(logger, WandbLogger):
            logger.log_image(name, [picture], step=images)


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


_log = logging.getLogger(__name__)
# Spread of the codes of different faces, over their size. Untrained encoders have some 0.1, trained ones more.
_COLLAPSED = 1e-3


class Validator(Callback):
    """Measures the averaged model every so many kimg, with another held-out face as exemplar, the same in every run.

    Logs `val/psnr` (dB, whole pictures) and `val/l1` (inside the hole, in [0, 1]), as `exegan evaluate` has them,
    `val/NET` (perceptual distance under the net of the run's losses, where it has one: LPIPS for the `lpips` nets),
    `val/exemplar_effect` (mean change inside the hole when exemplars are exchanged, of a range of 2) and
    `val/style_spread` (spread of style codes over faces, over their size), and warns when that says that all faces get
    one code.

    Args:
        run: How often and on how many faces.
    """

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self._pace = Pace(run.validation_kimg)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A resumed run measures at its next multiple."""
        if images_seen(pl_module):
            self._pace.start(images_seen(pl_module))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Measure when a multiple of `validation_kimg` is passed."""
        module, data = cast(ExeGanModule, pl_module), trainer.datamodule  # type: ignore[attr-defined]
        if data.validation_stream is None or not self._pace.due(images_seen(module)):
            return
        figures = validate(module, data, self.run.validation_faces)
        log_figures(trainer, {f"val/{name}": value for name, value in figures.items()}, images_seen(module))
        if trainer.is_global_zero and figures.get("style_spread", 1.0) < _COLLAPSED:
            _log.warning(
                "the style encoder has collapsed at %.1f kimg: every exemplar gets nearly the same code (spread %.1e); "
                "raise losses.reconstruction or data.self_exemplar_prob and start again from before",
                images_seen(module) / 1000,
                figures["style_spread"],
            )


@torch.no_grad()
def validate(module: ExeGanModule, data: FaceDataModule, faces: int) -> dict[str, float]:
    """Means over held-out faces, which the processes of a run share.

    Args:
        module: Whose averaged model is measured.
        data: Whose held-out faces.
        faces: At most so many.

    Returns:
        What `Validator` logs, without the prefix.
    """
    trainer, figures = module.trainer, _names(module)
    # Sum and number of each: a batch of one face has no spread, a process may have no face at all.
    totals = torch.zeros(len(figures), 2, device=module.device)
    for batch in data.validation_batches(limit=faces, rank=trainer.global_rank, ranks=trainer.world_size):
        image, mask, exemplar = (batch[key].to(module.device) for key in ("image", "mask", "exemplar"))
        for name, values in _measure(module, image, mask, exemplar).items():
            # Figures of a hole are NaN for a face without one.
            totals[figures.index(name)] += torch.stack([values.nansum(), (~values.isnan()).sum()])
    totals = trainer.strategy.reduce(totals, reduce_op="sum")
    return {name: float(total / number) for name, (total, number) in zip(figures, totals, strict=True) if number}


def _names(module: ExeGanModule) -> list[str]:
    distance = module.objective.distance_net()
    names = ["psnr", "l1", "exemplar_effect", "style_spread"]
    return names if distance is None else [*names, distance[0]]


def _measure(module: ExeGanModule, image: Tensor, mask: Tensor, exemplar: Tensor) -> dict[str, Tensor]:
    """Every figure of every face in a batch, [B] each."""
    model, distance = module.model_ema, module.objective.distance_net()
    style = model.style_encoder(exemplar)
    # One stochastic style for all, so that a face's figures do not depend on how many processes share the faces.
    z = torch.randn(1, model.config.generator.z_dim, generator=torch.Generator().manual_seed(0)).to(image)
    w = model.generator.mapping(z).expand(len(image), -1)

    def complete(codes: Tensor) -> Tensor:
        w_plus = model.generator.mix_styles(w, codes)
        return composite(model.generator(image, mask, w_plus).clamp(-1, 1), image, mask)

    completed = complete(style)
    compared = Comparison(ImageBatch(to_uint8(completed)), ImageBatch(to_uint8(image)), mask[:, 0].bool().cpu().numpy())
    figures = {
        name: torch.from_numpy(metric.measure(compared)[:, 0]).to(image)
        for name, metric in (("psnr", PSNR()), ("l1", HoleL1()))
    }
    if len(image) > 1:
        # Not in 8 bits, since it matters most where it is smallest.
        figures["exemplar_effect"] = _in_hole((complete(style.roll(1, dims=0)) - completed).abs(), mask)
        figures["style_spread"] = (style.std(dim=0).mean() / style.square().mean().sqrt()).expand(len(image))
    if distance is not None:
        name, net = distance
        figures[name] = perceptual_distance(completed, image, net)
    return figures


def _in_hole(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of [B, 3, H, W] over the pixels of the hole → [B]; 0 where there is none."""
    return (values * mask).sum(dim=(1, 2, 3)) / (3 * mask.sum(dim=(1, 2, 3))).clamp_min(1)
