"""Check before a long run: that data, memory and networks suffice, its pace and how long it will take."""

from __future__ import annotations

import datetime
import math
import time
from dataclasses import dataclass
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from exegan.config import RunConfig
from exegan.training.callbacks import PhaseTimes
from exegan.training.datamodule import FaceDataModule
from exegan.training.hardware import peak_memory_mib
from exegan.training.module import ExeGanModule, images_seen
from exegan.training.monitoring import draw_grid, validate

_LONGEST_S = 120.0
_READING_S = 5.0


@dataclass(frozen=True)
class DryRunReport:
    """What a dry run found.

    Args:
        parameters: Weights of each network.
        faces: Faces to train on.
        held_out: Faces that are never trained on.
        device: Where it ran.
        images_per_second: Over all processes, without saving and validation.
        read_per_second: Samples a second that the data alone gives to this process.
        memory_mib: Peak on the device where that counts, else of the process; NaN where neither is counted.
        phases: Seconds of each part of a step, averaged over all batches.
        batches: How many batches were measured.
        hours: Time of the whole run at that pace.
    """

    parameters: dict[str, int]
    faces: int
    held_out: int
    device: str
    images_per_second: float
    read_per_second: float
    memory_mib: float
    phases: dict[str, float]
    batches: int
    hours: float

    @property
    def read_ratio(self) -> float:
        """How much faster the data is than training; with several processes each reads its own."""
        return self.read_per_second / self.images_per_second

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in self.parameters.items())
        step = sum(self.phases.values())
        phases = ", ".join(f"{name} {seconds:.3f} s ({seconds / step:.0%})" for name, seconds in self.phases.items())
        memory = "" if math.isnan(self.memory_mib) else f", peak memory {self.memory_mib:.0f} MiB"
        pace = f"{self.images_per_second:.1f} images/s over {self.batches} batches"
        return "\n".join(
            [
                f"faces:       {self.faces} to train on, {self.held_out} held out",
                f"parameters:  {sizes} million",
                f"device:      {self.device}{memory}",
                f"data alone:  {self.read_per_second:.1f} images/s ({self.read_ratio:.1f} x training)",
                f"one step:    {phases}",
                f"pace:        {pace}, the whole run takes {datetime.timedelta(hours=round(self.hours, 2))}",
                "dry run: everything works, nothing was written",
            ]
        )


class DryRun(Callback):
    """Trains for one round of the lazy regularisers and reports; writes nothing.

    Args:
        run: The run that is to be.

    Attributes:
        report: What was found, once the fit is over.
    """

    def __init__(self, run: RunConfig) -> None:
        self.run = run
        self.report: DryRunReport | None = None
        self._started = 0.0
        self._images_before = 0
        self._batches = 0

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Start the clock after the first batch, which warms up; stop after a round."""
        module, phases = cast(ExeGanModule, pl_module), cast(PhaseTimes, trainer.profiler)  # type: ignore[attr-defined]
        now = time.perf_counter()
        if self._batches == 0:
            phases.clear()
            self._started, self._images_before = now, images_seen(module)
        losses = module.losses
        lazy = ("r1", "path_length", "diversity")
        round_of = max(getattr(losses, f"{name}_interval") if getattr(losses, name) else 4 for name in lazy)
        slow = trainer.strategy.reduce_boolean_decision(now - self._started > _LONGEST_S, all=False)
        if self._batches == round_of or (slow and self._batches):
            self.report = self._measure(trainer, module, phases, now)
            trainer.should_stop = True
        self._batches += 1

    def _measure(self, trainer: L.Trainer, module: ExeGanModule, phases: PhaseTimes, now: float) -> DryRunReport:
        data = cast(FaceDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        pace = (images_seen(module) - self._images_before) / (now - self._started)
        parts = {name: seconds / self._batches for name, seconds in phases.seconds.items()}
        parts["data and the rest"] = (now - self._started) / self._batches - sum(parts.values())
        # What a run does now and then must work, too.
        draw_grid(module, data.grid_batch(2))
        validate(module, data, data.batch_size)
        networks = {
            "generator": module.model.generator,
            "style encoder": module.model.style_encoder,
            "discriminator": module.discriminator,
        }
        return DryRunReport(
            parameters={name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()},
            faces=len(data.stream.source.names),
            held_out=data.validation_count,
            device=str(module.device) if module.device.type != "cuda" else torch.cuda.get_device_name(module.device),
            images_per_second=pace,
            read_per_second=_reading_pace(data),
            memory_mib=peak_memory_mib(module.device),
            phases=parts,
            batches=self._batches,
            hours=self.run.total_kimg * 1000 / pace / 3600,
        )

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the report."""
        if trainer.is_global_zero and self.report is not None:
            print(self.report)


def _reading_pace(data: FaceDataModule) -> float:
    """Samples a second of the data with nothing else to do; its first batches, which start workers, are not counted."""
    loader = iter(data.train_dataloader())
    for _ in range(max(2, data.num_workers)):
        next(loader)
    start, read = time.perf_counter(), 0
    for batch in loader:
        read += len(batch["image"])
        if time.perf_counter() - start > _READING_S:
            break
    return read / (time.perf_counter() - start)
