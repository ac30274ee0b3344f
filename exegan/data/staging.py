"""The folder beside an unfinished set that lets `exegan prepare` go on after any interruption."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from exegan.data.crops import Record
from exegan.errors import InputError

_JOURNAL = "journal.jsonl"
CROPS = "crops"


class Staging:
    """Finished crops under provisional names, and a journal with a line for each photo that is done.

    A line is written after the photo's crops are, so that a kill at any moment loses the photos in flight and no more.

    Args:
        path: The folder; made where it is missing.
        options: JSON types; what the crops depend on. An unfinished set of others is not gone on with.
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
            raise InputError(f"{path} cannot be written ({error.strerror}); choose another output") from error

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
        temporary = self.path / f"{_JOURNAL}.tmp"
        lines = [{"prepare": options}, *self.records.values()]
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(temporary, self.path / _JOURNAL)

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
