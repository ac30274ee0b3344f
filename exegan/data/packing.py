"""The last step of `exegan prepare`: names, the report, and the set under its final name, all at once."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from exegan.data.crops import SUFFIX, Record
from exegan.data.staging import Staging
from exegan.errors import InputError


def is_zip(output: Path) -> bool:
    """Whether a set of that name is a zip file; else it is a folder."""
    return output.suffix.lower() == ".zip"


def report_path(output: Path) -> Path:
    """Where the report of a set lies: beside it."""
    stem = output.stem if is_zip(output) else output.name
    return output.with_name(f"{stem}.report.json")


def name_crops(records: Sequence[Record]) -> dict[str, str]:
    """Name in the set of each crop's file: the photo's path with another suffix.

    Further faces of a photo are `.face2` and so on. Where two photos would get one name, as `a.jpg` and `a.png` do, or
    names differ in case alone, the later one keeps its suffix, or else gets a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for record in records:
        # Bytes that are no UTF-8 have no name in a zip.
        photo = record["photo"].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for number, crop in enumerate(record["crops"], start=1):
            face = f".face{number}" if number > 1 else ""
            stem = PurePosixPath(photo).with_suffix("").as_posix()
            tries = (stem, photo, *(f"{photo}.{again}" for again in range(2, len(records) + 2)))
            name = next(f"{base}{face}{SUFFIX}" for base in tries if f"{base}{face}".casefold() not in taken)
            taken.add(name.removesuffix(SUFFIX).casefold())
            names[crop["file"]] = name
    return names


def read_report(path: Path) -> dict[str, Any] | None:
    """The report of an earlier run, or None where there is none of ours."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return dict(report) if {"options", "photos"} <= report.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def write_report(path: Path, options: dict[str, Any], records: Sequence[Record], names: dict[str, str]) -> None:
    """Write what became of each photo: one JSON document with a line a photo."""
    photos = []
    for record in records:
        crops = [{"name": names[crop["file"]], "side": crop["side"]} for crop in record["crops"]]
        photos.append(json.dumps({**record, "crops": crops}))
    text = f'{{"options": {json.dumps(options)},\n"photos": [\n' + ",\n".join(photos) + "\n]}\n"
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def check_free(output: Path, earlier: dict[str, Any] | None, overwrite: bool) -> None:
    """Make sure that no file of anybody else's would be replaced.

    Args:
        output: The set to be.
        earlier: Its report, where an earlier run left one.
        overwrite: A set of an earlier run may be replaced.

    Raises:
        InputError: Something is in the way.
    """
    report = report_path(output)
    if not output.parent.is_dir():
        raise InputError(f"the output's folder {output.parent} does not exist; make it first")
    if report.exists() and earlier is None:
        raise InputError(f"{report} is in the way and no report of exegan prepare; move it elsewhere")
    if not output.exists():
        return
    if output.is_dir() == is_zip(output):
        raise InputError(f"the output {output} is a {'folder' if is_zip(output) else 'file'}; choose another name")
    if output.is_dir():
        _check_folder(output, earlier)
    if not overwrite and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(
            f"{output} exists already, not made of these photos and options; give --overwrite or a new name"
        )


def _check_folder(output: Path, earlier: dict[str, Any] | None) -> None:
    ours = {crop["name"] for photo in (earlier or {"photos": []})["photos"] for crop in photo["crops"]}
    for path in output.rglob("*"):
        if not path.is_dir() and path.relative_to(output).as_posix() not in ours:
            raise InputError(f"{output} holds {path.name}, which prepare did not write; choose another name")


def write_set(output: Path, staging: Staging, names: dict[str, str]) -> None:
    """Build the set in the staging folder and rename it, so that it is there whole or not at all."""
    built = staging.path / f"set{'.zip' if is_zip(output) else ''}"
    files = sorted((name, staging.crops / file) for file, name in names.items())
    if is_zip(output):
        with zipfile.ZipFile(built, "w", zipfile.ZIP_STORED) as archive:
            for name, file in files:
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())  # without a date: same faces, same bytes
        os.replace(built, output)
        return
    shutil.rmtree(built, ignore_errors=True)
    for name, file in files:
        target = built / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:  # a file system without hard links
            shutil.copyfile(file, target)
    if output.exists():
        shutil.rmtree(output)  # of an earlier run entirely, see `check_free`
    built.rename(output)
