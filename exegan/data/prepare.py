"""`exegan prepare`: a folder of raw photos becomes a set of aligned faces, in parallel and resumable."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from exegan.data.crops import CropOptions, Record
from exegan.data.packing import check_free, name_crops, read_report, report_path, write_report, write_set
from exegan.data.sources import is_picture
from exegan.data.staging import Staging
from exegan.data.workers import Photo, crop_photos
from exegan.errors import ConfigError, InputError, Interrupted

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

    Work in progress lies in `OUTPUT.partial`; the same call goes on with it. The set appears under its name when it is
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
            f"{error.filename or output} cannot be written ({error.strerror}); mend that, the same command goes on"
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
