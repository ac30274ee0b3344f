"""What surrounds the networks when a large photo is completed: seconds and memory of each stage.

    python bench/paste.py                    48 megapixels, a face of 4,600 px, a hole of 3,000 px
    python bench/paste.py --megapixels 12 --json figures.json

The photo is smooth noise made here; the crop is put back as it is, which gives the error of the way there and back.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from measure import describe_machine
from numpy.typing import NDArray
from PIL import Image

from exegan.faces.align import Affine, warp_crop, warp_mask
from exegan.faces.paste import hole_outside_crop, paste
from exegan.faces.seam import seam_score
from exegan.io import to_tensor
from exegan.training.hardware import peak_memory_mib, reset_peak_memory

T = TypeVar("T")


class Stages:
    """Seconds of each stage, and the peak of memory over all, beyond what there was before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._device = torch.device("cpu")
        reset_peak_memory(self._device)
        self._before = peak_memory_mib(self._device)

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Time a stage."""
        start = time.perf_counter()
        result = stage()
        self.seconds[name] = time.perf_counter() - start
        return result

    @property
    def memory_mib(self) -> float:
        """Peak beyond the start."""
        return peak_memory_mib(self._device) - self._before


def make_jpeg(width: int, height: int) -> bytes:
    """A smooth photo as a JPEG file."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    data = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(data, format="JPEG", quality=95)
    return data.getvalue()


def make_face(width: int, height: int, resolution: int) -> tuple[Affine, NDArray[np.bool_]]:
    """A crop over three quarters of the photo's height, turned by 8 degrees, and a round hole of half its height."""
    scale, angle = resolution / (0.77 * height), math.radians(8)
    turn = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    affine = np.column_stack([turn, resolution / 2 - turn @ np.array([width / 2, height / 2])])
    y, x = np.ogrid[:height, :width]
    hole: NDArray[np.bool_] = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
    return affine, hole


def measure(megapixels: float, resolution: int) -> dict[str, Any]:
    """All stages but detection and networks."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    width = round(height * 4 / 3)
    file, (affine, hole) = make_jpeg(width, height), make_face(width, height, resolution)
    stages = Stages()
    photo = stages.run("decode", lambda: np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))
    crop = stages.run("align", lambda: warp_crop(photo, affine, resolution))
    stages.run("align mask", lambda: warp_mask(hole, affine, resolution))
    result = stages.run("paste", lambda: paste(photo, to_tensor(crop)[0], hole, affine))
    stages.run("report", lambda: (hole_outside_crop(hole, affine, resolution), seam_score(result, hole)))
    stages.run("encode", lambda: Image.fromarray(result).save(io.BytesIO(), format="JPEG", quality=95))
    error = np.abs(result[hole].astype(np.int16) - photo[hole])
    return {
        "photo": f"{width}x{height}",
        "seconds": stages.seconds,
        "total seconds": sum(stages.seconds.values()),
        "peak MiB beyond the start": stages.memory_mib,
        "error there and back, grey levels": {"mean": float(error.mean()), "largest": int(error.max())},
        "known pixels identical": bool(np.array_equal(result[~hole], photo[~hole])),
    }


def main(args: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=48)
    parser.add_argument("--resolution", type=int, default=256, help="side of the model's crop")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    options = parser.parse_args(args)
    report = {"machine": describe_machine(torch.device("cpu")), **measure(options.megapixels, options.resolution)}
    for name, value in report.items():
        figures = value.items() if isinstance(value, dict) else [("", value)]
        print(f"{name}:", ", ".join(f"{key} {f'{x:.2f}' if isinstance(x, float) else x}".strip() for key, x in figures))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
