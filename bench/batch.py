"""How close a batch comes to what its network alone can do, and whether its memory stays flat.

    python bench/batch.py                                  the bundled model, aligned crops
    python bench/batch.py --model MODEL_DIR --count 200 --sizes 100 1000 5000
    python bench/batch.py --photos PHOTOS                   whole photos, against the sum of their stages

Crops are random pictures made here; nothing is looked for in them. In each turn the bare network completes as many
crops in batches of the same size.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import describe_machine
from PIL import Image

from exegan.batch.manifest import Settings
from exegan.batch.pairing import plan_batch
from exegan.batch.run import run_batch
from exegan.faces.detect import largest_face
from exegan.inpainter import Inpainter
from exegan.io import open_photo, read_photo
from exegan.training.hardware import peak_memory_mib, reset_peak_memory, synchronise


def make_crops(folder: Path, count: int, side: int) -> dict[str, str]:
    """Random smooth faces-to-be with a hole each, and one exemplar."""
    rng = np.random.default_rng(0)
    for kind in ("photos", "masks"):
        (folder / kind).mkdir(parents=True)
    hole = np.zeros((side, side), dtype=np.uint8)
    hole[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"photos/{number:06}.jpg")
        Image.fromarray(hole).save(folder / f"masks/{number:06}.png")
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / "exemplar.png")
    return {"photos": str(folder / "photos"), "masks": str(folder / "masks"), "exemplars": str(folder / "exemplar.png")}


def bare_rate(inpainter: Inpainter, batch_size: int, count: int) -> float:
    """Crops a second of the generator alone."""
    config, side = inpainter.model.config, inpainter.resolution
    image, mask = torch.rand(batch_size, 3, side, side) * 2 - 1, torch.ones(batch_size, 1, side, side)
    style = torch.randn(1, config.generator.num_styles, config.generator.w_dim)
    inpainter.generate(image, mask, style)
    start, batches = time.perf_counter(), max(1, count // batch_size)
    for seed in range(batches):
        inpainter.generate(image, mask, style, seed=seed)
    synchronise(inpainter.device)
    return batches * batch_size / (time.perf_counter() - start)


def seconds_of_batch(places: dict[str, str], settings: Settings, out: Path, workers: int) -> float:
    """Of a whole batch, its model's loading included."""
    plan = plan_batch(places["photos"], places["masks"], places["exemplars"], suffix=".jpg")
    start = time.perf_counter()
    summary = run_batch(plan, str(out), settings, workers=workers, show_progress=False)
    seconds = time.perf_counter() - start
    if summary.problems:
        raise SystemExit(f"bench: {len(summary.problems)} items failed, the first: {summary.problems[0].reason}")
    shutil.rmtree(out)
    return seconds


def compare_crops(folder: Path, settings: Settings, count: int, workers: int, turns: int = 3) -> dict[str, float]:
    """Rates of batch and bare network, taken in turns; the best of each."""
    inpainter = Inpainter.from_pretrained(settings.model, settings.device, precision=settings.precision)
    few = make_crops(folder / "few", count // 4, inpainter.resolution)
    many = make_crops(folder / "many", count, inpainter.resolution)
    rates: dict[str, list[float]] = {"batch": [], "network": []}
    for _ in range(turns):
        # What loading and starting cost is in both, and so in neither's difference.
        less, more = (seconds_of_batch(places, settings, folder / "out", workers) for places in (few, many))
        rates["batch"].append((count - count // 4) / (more - less))
        rates["network"].append(bare_rate(inpainter, settings.batch_size, count))
    best = {name: max(values) for name, values in rates.items()}
    return {**{f"{name} images/s": value for name, value in best.items()}, "ratio": best["batch"] / best["network"]}


def peak_memory(folder: Path, settings: Settings, sizes: list[int], workers: int) -> dict[str, float]:
    """MiB at the most, by number of items."""
    device, peaks = torch.device("cpu"), {}
    side = Inpainter.from_pretrained(settings.model, settings.device).resolution
    for size in sizes:
        places = make_crops(folder / f"memory-{size}", size, side)
        reset_peak_memory(device)
        seconds_of_batch(places, settings, folder / "out", workers)
        peaks[str(size)] = peak_memory_mib(device)
    return peaks


def compare_photos(photos: Path, folder: Path, settings: Settings, workers: int) -> dict[str, float]:
    """Seconds a photo: of each stage, done one after the other, and of a batch. Holes are the lower halves of faces."""
    inpainter = Inpainter.from_pretrained(settings.model, settings.device, precision=settings.precision)
    (folder / "masks").mkdir()
    paths = sorted(path for path in photos.iterdir() if path.suffix == ".jpg")
    style = inpainter.make_style(read_photo(paths[0]))
    seconds: dict[str, float] = defaultdict(float)
    for path in paths:
        with _timed(seconds, "read"):
            photo = open_photo(path)
        faces = inpainter.detector.detect(photo.image)
        left, top, right, bottom = (max(0, round(edge)) for edge in largest_face(faces).box_xyxy)
        hole = np.zeros((photo.image.height, photo.image.width), dtype=bool)
        hole[(top + bottom) // 2 : bottom, left:right] = True
        Image.fromarray(hole).save(folder / "masks" / f"{path.stem}.png")
        result = inpainter.inpaint(photo, hole, style)
        for stage, value in result.seconds.items():
            seconds[stage] += value
        with _timed(seconds, "write"):
            result.save(folder / "result.jpg")
    stages = {name: value / len(paths) for name, value in seconds.items()}
    places = {"photos": str(photos), "masks": str(folder / "masks"), "exemplars": str(paths[0])}
    batch = seconds_of_batch(places, settings, folder / "out", workers) / len(paths)
    return {**stages, "sum": sum(stages.values()), "batch": batch, "sum / batch": sum(stages.values()) / batch}


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] += time.perf_counter() - start


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default", help="'default' or a model folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=400, help="crops to compare the rates on")
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000], help="items to take the memory at")
    parser.add_argument("--photos", type=Path, help="folder of photos with a face each")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    options = parser.parse_args()
    settings = Settings(options.model, options.device, options.precision, aligned=True, batch_size=options.batch_size)
    with tempfile.TemporaryDirectory(prefix="exegan-bench-") as name:
        folder = Path(name)
        report: dict[str, Any] = {"machine": describe_machine(torch.device("cpu")), "settings": asdict(settings)}
        report["crops"] = compare_crops(folder, settings, options.count, options.workers)
        report["peak MiB"] = peak_memory(folder, settings, options.sizes, options.workers)
        if options.photos:
            whole = replace(settings, aligned=False)
            report["photos, seconds each"] = compare_photos(options.photos, folder, whole, options.workers)
    for title, figures in report.items():
        shown = figures.items()
        print(
            f"{title}: "
            + ", ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown)
        )
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
