"""What every benchmark needs: the machine, its multiplication rate, fair timing."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from exegan.training.hardware import synchronise

_SGEMM_SIDE = 2048


def time_calls(calls: dict[str, Callable[[], Any]], device: torch.device, repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, `repeats` times in turn: what disturbs the machine disturbs all of them.

    Each is called once before, unmeasured, so that caches and memory are warm.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            synchronise(device)
            start = time.perf_counter()
            call()
            synchronise(device)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def sgemm(device: torch.device) -> tuple[Callable[[], Any], float]:
    """A float32 matrix product and its GFLOP: the rate at which this machine multiplies at best."""
    a, b = (torch.randn(_SGEMM_SIDE, _SGEMM_SIDE, device=device) for _ in range(2))
    return lambda: a @ b, 2 * _SGEMM_SIDE**3 / 1e9


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, threads and versions: without them a figure says nothing."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 2),
    }
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
        facts["tf32"] = torch.backends.cuda.matmul.allow_tf32
    return facts


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
