"""Jobs of a table: CSV, JSONL or parquet with a row for each."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from exegan.batch.files import local_copy
from exegan.batch.plan import REGION, Job, Problem
from exegan.errors import ConfigError, InputError, MaskError
from exegan.faces.exemplars import ExemplarWord, parse_exemplar
from exegan.io.files import reason, short_repr
from exegan.masks.regions import parse_regions

_log = logging.getLogger(__name__)

_REQUIRED = ("photo", "exemplar")
_OPTIONAL = ("mask", "face", "seed", "exemplar_strength", "exemplar_b")
_RENAMED = {"strength": "exemplar_strength"}  # the name before 0.2
_BETWEEN = "|"  # several exemplars of a cell
_SHOWN = 40  # characters of a wrong cell

Row = Mapping[str, Any]


def read_table(table: str, defaults: Mapping[str, Any]) -> tuple[list[Job], list[Problem]]:
    """A job for each row.

    Args:
        table: `.csv`, `.jsonl` or `.parquet` with the columns photo and exemplar, and, where wanted, mask (needed but
            where exemplars are for regions), face, seed, exemplar_strength and exemplar_b. Relative paths start at the
            table's folder. Exemplars are written as on the command line (`exegan.faces.select`), several in a cell with
            `|` between them, or as a list.
        defaults: `face`, `seed` and `exemplar_strength` of rows without them.

    Returns:
        The jobs in the order of the rows, and what is wrong with the others.

    Raises:
        InputError: The table is missing, unreadable, empty, or has other columns.
    """
    with local_copy(table) as path:
        if not os.path.isfile(path):
            raise InputError(f"the table {table} does not exist; check the path")
        try:
            rows = _reader(table)(path)
        except OSError as error:
            raise InputError(f"the table {table} cannot be read ({reason(error)}); check it") from error
    columns = {name for row in rows for name in row}
    for old in columns & _RENAMED.keys():
        _log.warning("%s: the column %s is called %s; the old name goes with version 0.2", table, old, _RENAMED[old])
        rows = [{_RENAMED.get(name, name): value for name, value in row.items()} for row in rows]
        columns = columns - {old} | {_RENAMED[old]}
    missing, surplus = [name for name in _REQUIRED if name not in columns], sorted(columns - {*_REQUIRED, *_OPTIONAL})
    if not rows or missing or surplus:
        got = ", ".join(sorted(columns)) or "no rows"
        raise InputError(
            f"{table} has {got}; expected the columns {', '.join(_REQUIRED)} and, if wanted, {', '.join(_OPTIONAL)}"
        )
    jobs, problems = [], []
    for number, row in enumerate(rows, start=1):
        given = {name: value for name, value in row.items() if value not in (None, "") and not _is_nan(value)}
        try:
            jobs.append(_make_job(table[: table.rfind("/") + 1], {**defaults, **given}))
        except (ValueError, KeyError, MaskError) as error:
            problems.append(Problem(f"row {number}", f"row {number} of {table}: {_reason(error)}; fix the row"))
    return jobs, problems


def _reader(table: str) -> Callable[[Path], list[Row]]:
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    suffix = PurePosixPath(table).suffix.lower()
    if suffix not in readers:
        raise InputError(f"{table} is no table; expected one of {', '.join(readers)}")
    return readers[suffix]


def _read_csv(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: list[Row] = [*csv.DictReader(file, restkey="more cells than columns")]
            return rows
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as CSV ({error}); save it as UTF-8") from error


def _read_jsonl(path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"line {number} of {path.name} is no JSON ({error}); expected an object a line"
                ) from error
            if not isinstance(row, dict):
                raise InputError(f"line {number} of {path.name} is {line.strip()[:40]!r}, expected an object")
            rows.append(row)
    return rows


def _read_parquet(path: Path) -> list[Row]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            "parquet tables need the package datasets; run pip install 'exegan[data]' or use CSV"
        ) from error
    try:
        return list(parquet.read_table(path).to_pylist())
    except Exception as error:  # pyarrow's own kinds, some of them for values that Python has not
        raise InputError(f"{path.name} cannot be read as parquet ({reason(error)}); write it again") from error


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _make_job(folder: str, row: Row) -> Job:
    """Raises ValueError, KeyError or MaskError for what is no job."""
    for name in ("photo", "mask"):
        if not isinstance(row.get(name, ""), str):
            raise ValueError(f"{name} is {short_repr(row[name], _SHOWN)}, expected a path as text")
    if not isinstance(row["face"], str | int) or isinstance(row["face"], bool):
        raise ValueError(f"face is {short_repr(row['face'], _SHOWN)}, expected auto, all or numbers")
    seed = int(_number("seed", row["seed"], int))
    strength = float(_number("exemplar_strength", row["exemplar_strength"], float))
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}, expected 0 to 2**63 - 1")
    if not 0 <= strength <= 1:
        raise ValueError(f"exemplar_strength is {strength}, expected 0 to 1")
    exemplars, exemplars_b = (_words(folder, name, row.get(name)) for name in ("exemplar", "exemplar_b"))
    mask = row.get("mask")
    if not exemplars or (mask is None and not any(word.has_regions for word in exemplars)):
        raise KeyError("mask" if exemplars else "exemplar")
    if mask is not None and mask.startswith(REGION):
        parse_regions(mask.removeprefix(REGION))
    relative = PurePosixPath(row["photo"])
    # A photo from elsewhere has no place in the tree of outputs but its name.
    inside = not relative.is_absolute() and ".." not in relative.parts and "://" not in str(relative)
    name = str(relative.with_suffix("")) if inside else relative.stem
    mask = None if mask is None else _place(folder, mask)
    return Job(_place(folder, row["photo"]), mask, exemplars, name, str(row["face"]), seed, strength, exemplars_b)


def _words(folder: str, column: str, cell: Any) -> tuple[ExemplarWord, ...]:
    """The exemplars of a cell: one or several words, or a list of them."""

    def exists(path: str) -> bool:
        return "://" not in (place := _place(folder, path)) and os.path.exists(place)

    if cell is None:
        return ()
    if isinstance(cell, str):
        cell = [cell] if exists(cell) else cell.split(_BETWEEN)
    if not isinstance(cell, list) or not all(isinstance(word, str) and word.strip() for word in cell):
        raise ValueError(f"{column} is {short_repr(cell, _SHOWN)}, expected a path as text, or several")
    words = (parse_exemplar(word.strip(), exists) for word in cell)
    return tuple(word._replace(path=_place(folder, word.path)) for word in words)


def _number(name: str, value: Any, kind: type[int] | type[float]) -> int | float:
    """A number of a cell, which CSV has as text and parquet, where cells are empty, as a float."""
    expected = "a whole number" if kind is int else "a number"
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError
        number = kind(value)
        if not isinstance(value, str) and number != value:
            raise ValueError
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} is {short_repr(value, _SHOWN)}, expected {expected}") from error
    return number


def _place(folder: str, path: str) -> str:
    anchored = path.startswith(REGION) or "://" in path or PurePosixPath(path).is_absolute()
    return path if anchored else folder + path


def _reason(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)
