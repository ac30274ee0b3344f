"""Where the figures and pictures of a run go: TensorBoard, a CSV table and, where wanted, Weights & Biases."""

from __future__ import annotations

import lightning as L
import numpy as np
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from exegan.config import RunConfig
from exegan.errors import ConfigError


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
