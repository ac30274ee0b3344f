"""Every case completed and measured once, and kept on disk so that an evaluation is resumed."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from exegan.errors import InputError, Interrupted
from exegan.evaluation.cases import WHOLE, Cases, Pixels
from exegan.evaluation.methods import Method
from exegan.io import read_photo, save_photo
from exegan.io.files import json_text, reason, replacing, write_text
from exegan.metrics.base import Comparison, ImageBatch, Metric, Need, Rows

PLAN, RESULTS, TABLE = "evaluation.json", "results.json", "results.md"
SHEET, PAIRS = "sheet.png", "pairs.csv"
_ROWS, _PICTURES = "rows", "pictures"
BATCH = 8
_PORTRAITS = "portraits"


class Measurer:
    """Rows of all metrics for all methods.

    Args:
        cases: What is completed.
        methods: How.
        metrics: What is measured.
        store: Where everything is kept; what is there already is not done again.
    """

    def __init__(self, cases: Cases, methods: Sequence[Method], metrics: Sequence[Metric], store: Store) -> None:
        self.cases, self.methods, self.metrics, self._store = cases, methods, metrics, store
        self._truth = lru_cache(1)(self._read_truth)

    def cells(self) -> list[Cell]:
        """The portraits, then every method on every bin; one bin where the hole makes no difference."""
        bins = self.cases.bins
        pairs = [Cell(name, method) for name in bins for method in self.methods if method.uses_mask or name == bins[0]]
        return [Cell(_PORTRAITS), *pairs]

    def applicable(self, cell: Cell) -> list[Metric]:
        """Metrics whose needs the cell meets."""
        if cell.method is None:
            return [metric for metric in self.metrics if metric.single_image]
        met: set[Need] = {"mask"} if cell.bin_name != WHOLE else set()
        met |= {"exemplar"} if self.cases.exemplars is not None else set()
        met |= {"second"} if cell.method.samples else set()
        return [metric for metric in self.metrics if metric.needs <= met]

    def measure(self) -> dict[str, dict[str, Rows]]:
        """Rows [N, D] by cell and rows key, with a progress bar on stderr.

        Raises:
            Interrupted: A person pressed Ctrl-C; all finished batches are kept.
        """
        tasks = [(cell, batch) for cell in self.cells() for batch in enumerate(self._batches(cell))]
        # All cells of the same faces together, so that networks process the true pictures once.
        tasks.sort(key=lambda task: task[1][0])
        done: dict[str, list[dict[str, Rows]]] = {}
        pictures = 0
        with tqdm(total=sum(len(numbers) for _, (_, numbers) in tasks), unit="picture", disable=None) as bar:
            try:
                for cell, (batch, numbers) in tasks:
                    bar.set_description(cell.name)
                    done.setdefault(cell.name, []).append(self._measure_batch(cell, batch, numbers))
                    pictures += len(numbers)
                    bar.update(len(numbers))
            except KeyboardInterrupt:
                kept = f"{pictures} of {bar.total} pictures are kept in {self._store.folder}"
                raise Interrupted(f"interrupted; {kept}, the same command goes on from there") from None
        return {name: _joined(batches) for name, batches in done.items()}

    def pictures(self, cell: Cell, numbers: Sequence[int]) -> list[Pixels]:
        """Completed pictures of some cases; those kept earlier are not made again."""
        assert cell.method is not None
        stems = [self.cases.stems[number] for number in numbers]
        if cell.method.keeps:
            height, width = self.cases.portrait(numbers[0]).shape[:2]
            kept = self._store.load_pictures(cell.name, stems, (height, width))
            if kept is not None:
                return kept
        pictures = cell.method.complete(self.cases, cell.bin_name, numbers, sample=0)
        if cell.method.keeps:
            self._store.save_pictures(cell.name, stems, pictures)
        return pictures

    def _batches(self, cell: Cell) -> Iterator[range]:
        count = self.cases.portraits if cell.method is None else len(self.cases.stems)
        return (range(start, min(start + BATCH, count)) for start in range(0, count, BATCH))

    def _measure_batch(self, cell: Cell, batch: int, numbers: Sequence[int]) -> dict[str, Rows]:
        wanted = {metric.rows_key: metric for metric in self.applicable(cell)}
        rows = self._store.load_rows(cell.name, batch, wanted, len(numbers))
        missing = [metric for key, metric in wanted.items() if key not in rows]
        if missing:
            comparison = self._compare(cell, numbers, any("second" in metric.needs for metric in missing))
            rows |= {metric.rows_key: metric.measure(comparison) for metric in missing}
            self._store.save_rows(cell.name, batch, rows)
        return rows

    def _read_truth(self, numbers: tuple[int, ...]) -> ImageBatch:
        return ImageBatch(np.stack([self.cases.portrait(number) for number in numbers]))

    def _compare(self, cell: Cell, numbers: Sequence[int], second: bool) -> Comparison:
        truth = self._truth(tuple(numbers))
        if cell.method is None:
            return Comparison(truth, truth)
        completed = ImageBatch(np.stack(self.pictures(cell, numbers)))
        masks = [self.cases.mask(cell.bin_name, number) for number in numbers]
        known = [mask for mask in masks if mask is not None]
        others = cell.method.complete(self.cases, cell.bin_name, numbers, sample=1) if second else None
        return Comparison(
            completed,
            truth,
            mask=np.stack(known) if len(known) == len(masks) else None,
            second=None if others is None else ImageBatch(np.stack(others)),
        )


@dataclass(frozen=True)
class Cell:
    """One method on one bin of holes, or (`method` None) the true pictures and exemplars by themselves."""

    bin_name: str
    method: Method | None = None

    @property
    def name(self) -> str:
        """Unique in an evaluation; method and bin are folders of the output."""
        return _PORTRAITS if self.method is None else f"{self.method.name}/{self.bin_name}"


def _joined(batches: Sequence[dict[str, Rows]]) -> dict[str, Rows]:
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


class Store:
    """An output folder: the plan it was begun with, rows of each batch, completed pictures.

    Args:
        folder: Made where it is missing.
        plan: JSON types; what completed pictures depend on.

    Raises:
        InputError: The folder belongs to another evaluation, is something else, or cannot be written.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / PLAN
        try:
            if path.is_file():
                begun = json.loads(path.read_text(encoding="utf-8"))
                changed = [key for key in plan if begun.get(key) != json.loads(json.dumps(plan[key]))]
                if changed:
                    raise InputError(
                        f"{folder} holds an evaluation with another {', '.join(changed)}; give another output folder"
                    )
                return
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise InputError(f"{folder} is in the way and holds no evaluation; give another output folder")
            folder.mkdir(parents=True, exist_ok=True)
            write_output(path, json_text(plan, ascii_only=False))
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({reason(error)}); choose another output") from error
        except (ValueError, AttributeError) as error:
            raise InputError(f"{path} cannot be read ({error}); give another output folder") from error

    def load_rows(self, cell: str, batch: int, wanted: Iterable[str], count: int) -> dict[str, Rows]:
        """Rows [count, D] of a batch that are there, by key; a damaged file is as if it were not there."""
        try:
            # NumPy itself would leave a damaged file open.
            with self._rows(cell, batch).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                found = {key: np.asarray(file[key]) for key in wanted if key in file.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return {}
        return {key: rows for key, rows in found.items() if rows.ndim == 2 and len(rows) == count}

    def save_rows(self, cell: str, batch: int, rows: Mapping[str, Rows]) -> None:
        """Keep rows of a batch, beside their place and renamed when complete."""
        path = self._rows(cell, batch)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, **dict(rows))  # type: ignore[arg-type]
        except OSError as error:
            raise InputError(f"{path} cannot be written ({reason(error)}); make room, then go on") from error

    def load_pictures(self, cell: str, stems: Iterable[str], size_hw: tuple[int, int]) -> list[Pixels] | None:
        """Pictures kept earlier, or None where one is missing or damaged."""
        try:
            pictures = [np.array(read_photo(self.picture(cell, stem))) for stem in stems]
        except InputError:
            return None
        return pictures if all(picture.shape[:2] == size_hw for picture in pictures) else None

    def save_pictures(self, cell: str, stems: Iterable[str], pictures: Iterable[Pixels]) -> None:
        """Keep completed pictures without loss."""
        for stem, picture in zip(stems, pictures, strict=True):
            path = self.picture(cell, stem)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_photo(Image.fromarray(picture), path)

    def picture(self, cell: str, stem: str) -> Path:
        """Where the completed picture of a case is kept."""
        return self.folder / _PICTURES / _safe(cell) / f"{stem}.png"

    def _rows(self, cell: str, batch: int) -> Path:
        return self.folder / _ROWS / _safe(cell) / f"{batch:04}.npz"


def write_output(path: Path, text: str) -> None:
    """Write a text file of an evaluation, whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    try:
        write_text(path, text)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({reason(error)}); choose another place") from error


def _safe(cell: str) -> str:
    """A cell's name as a folder's, its parts below each other."""
    return re.sub(r"[^\w/-]+", "-", cell)
