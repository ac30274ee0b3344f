"""The machine that a run is on: its devices, precision and memory."""

from __future__ import annotations

import math
import os
import platform
import re
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from exegan.errors import ConfigError


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def reset_peak_memory(device: torch.device) -> None:
    """Start a new high-water mark."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mib(device: torch.device) -> float:
    """High-water mark since the reset in MiB: of the device where it counts, else of the process; NaN on Windows."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac, and without a reset
    return peak / 2**20 if platform.system() == "Darwin" else peak / 1024


# The generator's and the discriminator's steps each leave the other's weights without gradients.
_SEVERAL = "ddp_find_unused_parameters_true"


def adapt(trainer: Any) -> dict[str, Any]:
    """Arguments of the `Trainer` that follow from where it runs.

    Args:
        trainer: The `trainer` section of the configuration.

    Returns:
        `strategy` where several processes train together and the configuration leaves it open; `plugins` under SLURM,
        where Lightning would save and queue again by its own rules, beside the checkpoints of the run.

    Raises:
        ConfigError: `devices` is no number of devices.
    """
    arguments: dict[str, Any] = {}
    if trainer.strategy == "auto" and _processes(trainer.accelerator, trainer.devices, trainer.num_nodes) > 1:
        arguments["strategy"] = _SEVERAL
    if SLURMEnvironment.detect() and trainer.plugins is None:
        arguments["plugins"] = [SLURMEnvironment(auto_requeue=False)]
    return arguments


def _processes(accelerator: Any, devices: Any, num_nodes: int) -> int:
    """How many processes will train; torchrun states it in the environment."""
    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    if isinstance(devices, (list, tuple)):
        here = len(devices)
    elif devices in ("auto", -1, "-1"):
        here = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 1
    elif "," in str(devices):
        here = len(str(devices).split(","))
    elif str(devices).lstrip("-").isdecimal():
        here = int(devices)
    else:
        raise ConfigError(f"trainer.devices is {devices!r}, expected a number, a list of numbers or auto")
    return max(here, 1) * num_nodes
