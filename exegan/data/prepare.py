"""`exegan prepare`: a folder of raw photos becomes a set of aligned faces, in parallel and resumable."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tqdm import tqdm

from exegan.data.crops import SUFFIX, CropOptions, Photo, Record, crop_photos
from exegan.data.source import is_picture
from exegan.errors import ConfigError, InputError, Interrupted
from exegan.io.files import reason, replacing, write_text

_JOURNAL = "journal.jsonl"
CROPS = "crops"


class Staging:
    """Finished crops under provisional names, and a journal with a line for each photo that is done.

    A line is written after the photo's crops are, so that a kill at any moment loses the photos in flight and no more.

    Args:
        path: The folder; made where it is missing.
        options: JSON types; what the crops depend on. An unfinished set with others cannot be resumed.
        restart: Start anew where the options differ, instead of an error.

    Raises:
        InputError: The folder is not ours, belongs to other options, or cannot be made.
    """

    def __init__(self, path: Path, options: dict[str, Any], restart: bool = False) -> None:
        self.path, self.crops = path, path / CROPS
        self.records: dict[str, Record] = {}
        self._journal: IO[str] | None = None
        self._remains = path.with_name(f".{path.name}.done")
        if path.exists():
            begun = self._load()
            if begun != options:
                changed = ", ".join(key for key in options if begun.get(key) != options[key])
                if not restart:
                    raise InputError(
                        f"{path} is an unfinished set made with another {changed or 'version'}; "
                        "give the same options to go on, or --overwrite to start anew"
                    )
                shutil.rmtree(path)
                self.records = {}
        try:
            self.crops.mkdir(parents=True, exist_ok=True)
            self._rewrite(options)
            self._journal = (path / _JOURNAL).open("a", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path} cannot be written ({reason(error)}); choose another output") from error

    def _load(self) -> dict[str, Any]:
        """Read what an earlier run left; a line cut short by a kill is as if it were not there."""
        try:
            lines = (self.path / _JOURNAL).read_text(encoding="utf-8").splitlines()
            begun = json.loads(lines[0])["prepare"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(f"{self.path} is in the way and not of exegan prepare; move it elsewhere") from error
        for line in lines[1:]:
            try:
                record: Record = json.loads(line)
            except ValueError:
                continue
            self.records[record["photo"]] = record
        return dict(begun)

    def _rewrite(self, options: dict[str, Any]) -> None:
        lines = [{"prepare": options}, *self.records.values()]
        write_text(self.path / _JOURNAL, "".join(json.dumps(line) + "\n" for line in lines))

    def has(self, photo: str, stamp: tuple[int, int]) -> bool:
        """Whether a photo is done, unchanged since, and its crops are whole."""
        record = self.records.get(photo)
        if record is None or (record["size"], record["mtime_ns"]) != stamp:
            return False
        files = ((self.crops / crop["file"], crop["bytes"]) for crop in record["crops"])
        return all(file.is_file() and file.stat().st_size == size for file, size in files)

    def add(self, record: Record) -> None:
        """Journal a photo whose crops are written."""
        assert self._journal is not None
        self.records[record["photo"]] = record
        self._journal.write(json.dumps(record) + "\n")
        self._journal.flush()

    def keep(self, photos: Iterable[str]) -> list[Record]:
        """Records of these photos, in their order; others, of photos that are gone, are forgotten."""
        return [self.records[photo] for photo in photos]

    def close(self) -> None:
        """Stop writing; everything stays for the next run."""
        if self._journal is not None:
            self._journal.close()

    def remove(self) -> None:
        """The set is finished: the folder has served. It loses its name first, since a kill may cut removing short."""
        self.close()
        shutil.rmtree(self._remains, ignore_errors=True)
        self.path.rename(self._remains)
        shutil.rmtree(self._remains)


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
    write_text(path, text)


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
        with replacing(output, built), zipfile.ZipFile(built, "w", zipfile.ZIP_STORED) as archive:
            for name, file in files:
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())  # without a date: same faces, same bytes
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


_VERSION = 2  # of the crops; 2 pads them as FFHQ


@dataclass(frozen=True)
class Prepared:
    """What a run made.

    Args:
        output: The set.
        report: JSON file that says what became of each photo.
        faces: Crops in the set.
        photos: Raw photos looked at.
        skipped: Photos without a crop, by reason.
        others: Files that are no pictures, left alone.
        already_done: The set was complete before, nothing was done.
    """

    output: Path
    report: Path
    faces: int
    photos: int
    skipped: dict[str, int]
    others: int
    already_done: bool = False

    def __str__(self) -> str:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(self.skipped.items()))
        text = f"{self.output}: {self.faces} faces of {self.photos} photos"
        text += f"; skipped {sum(self.skipped.values())} ({why})" if why else ""
        text += f"; {self.others} other files left alone" if self.others else ""
        return text + ("; was complete already" if self.already_done else f"; report: {self.report}")


def prepare(
    raw_dir: Path,
    output: Path,
    options: CropOptions,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Prepared:
    """Detect, align and crop the faces of all photos below a folder.

    Work in progress lies in `OUTPUT.partial`; the same call resumes it. The set appears under its name when it is
    complete, and is the same whatever the number of workers.

    Args:
        raw_dir: Folder of photos, searched with all below it.
        output: A `.zip`, or else a folder.
        options: What the crops are like.
        workers: Processes; 0 works in this one, None takes one for each CPU.
        overwrite: Replace an earlier set, or an unfinished one with other options.
        show_progress: Draw a bar on stderr where that is a terminal.

    Raises:
        InputError: Paths do not fit, something is in the way, or no photo gave a face.
        Interrupted: By Ctrl-C, with a sentence that says how to go on.
    """
    if workers is not None and workers < 0:
        raise ConfigError(f"workers is {workers}, expected at least 0")
    partial, report = output.with_name(output.name + ".partial"), report_path(output)
    photos, others = _find_photos(raw_dir, (output, partial))
    depends_on = {"version": _VERSION, "raw_dir": str(raw_dir.resolve()), **asdict(options)}
    earlier = read_report(report)
    if earlier is not None and output.exists() and not partial.exists() and not overwrite:
        done = [(record["photo"], (record["size"], record["mtime_ns"])) for record in earlier["photos"]]
        if earlier["options"] == depends_on and done == photos:
            return _sum_up(output, earlier["photos"], others, already_done=True)
    check_free(output, earlier, overwrite)
    staging = Staging(partial, depends_on, restart=overwrite)
    try:
        _crop_missing(staging, photos, raw_dir, options, workers, show_progress)
        records = staging.keep(photo for photo, _ in photos)
        names = name_crops(records)
        write_report(report, depends_on, records, names)
        summary = _sum_up(output, records, others)
        if not summary.faces:
            raise InputError(f"no photo gave a face to use; {summary}")
        write_set(output, staging, names)
        staging.remove()
    except KeyboardInterrupt as stop:
        raise Interrupted("interrupted; what is done is kept, the same command goes on from there") from stop
    except OSError as error:
        raise InputError(
            f"{error.filename or output} cannot be written ({reason(error)}); fix that, the same command resumes"
        ) from error
    finally:
        staging.close()
    return summary


def _find_photos(raw_dir: Path, leave_out: tuple[Path, ...]) -> tuple[list[Photo], int]:
    """Pictures below a folder, sorted by path, and how many files are none."""
    if not raw_dir.is_dir():
        raise InputError(f"{raw_dir} is no folder; expected a folder of photos")
    ours = {str(path.resolve()) for path in leave_out}
    photos, others = [], 0
    root = raw_dir.resolve()
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if os.path.join(folder, name) not in ours]
        for path in (Path(folder, name) for name in files if os.path.join(folder, name) not in ours):
            name = path.relative_to(root).as_posix()
            if is_picture(name) and path.is_file():
                stat = path.stat()
                photos.append((name, (stat.st_size, stat.st_mtime_ns)))
            else:
                others += 1
    if not photos:
        raise InputError(f"{raw_dir} holds no picture ({others} other files); give a folder of photos")
    return sorted(photos), others


def _crop_missing(
    staging: Staging, photos: list[Photo], raw_dir: Path, options: CropOptions, workers: int | None, show: bool
) -> None:
    missing = [photo for photo in photos if not staging.has(*photo)]
    workers = min(_count_cpus() if workers is None else workers, len(missing))
    done = {name for name, _ in photos} - {name for name, _ in missing}
    skipped = sum(bool(staging.records[name]["skipped"]) for name in done)
    bar = tqdm(total=len(photos), initial=len(done), unit="photo", disable=None if show else True)
    with bar:
        for record in crop_photos(missing, raw_dir, options, staging.crops, workers):
            staging.add(record)
            skipped += bool(record["skipped"])
            bar.set_postfix(skipped=skipped, refresh=False)
            bar.update()


def _count_cpus() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sum_up(output: Path, records: list[Record], others: int, already_done: bool = False) -> Prepared:
    faces = sum(len(record["crops"]) for record in records)
    skipped = dict(Counter(record["skipped"] for record in records if record["skipped"]))
    return Prepared(output, report_path(output), faces, len(records), skipped, others, already_done)
