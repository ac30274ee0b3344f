"""What an output folder keeps of an evaluation, so that it goes on after any interruption."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from exegan.errors import InputError
from exegan.evaluation.cases import Pixels
from exegan.images import read_photo, save_photo
from exegan.metrics.comparison import Rows

PLAN, RESULTS, TABLE = "evaluation.json", "results.json", "results.md"
SHEET, PAIRS = "sheet.png", "pairs.csv"
_ROWS, _PICTURES = "rows", "pictures"


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
            write_text(path, json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror}); choose another output") from error
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
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.savez(file, **dict(rows))  # type: ignore[arg-type]
            os.replace(temporary, path)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}); make room, then go on") from error
        finally:
            temporary.unlink(missing_ok=True)

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


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place and rename it when complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def _safe(cell: str) -> str:
    """A cell's name as a folder's, its parts below each other."""
    return re.sub(r"[^\w/-]+", "-", cell)
