"""What became of each item, a JSON line each, kept so that a killed run goes on where it stood."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from typing import Any

from exegan.batch.files import OutputFolder, reason_of
from exegan.errors import InputError, Interrupted

MANIFEST = "manifest.jsonl"
DONE, FAILED = "done", "failed"
_PART, _PARTS = "manifest-{number:06}.jsonl", r"manifest-(\d+)\.jsonl"

Entry = dict[str, Any]


class Manifest:
    """The last line of an output counts; one that a kill cut short, or that is no entry, is as if it were not there.

    Object stores cannot append, so there each batch's lines are a file of their own.

    Args:
        folder: Where the outputs are.

    Raises:
        InputError: It is there and cannot be read.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self.entries: dict[str, Entry] = {}
        self._file: Any = None
        numbers = {name: int(found[1]) for name in folder.names() if (found := re.fullmatch(_PARTS, name))}
        self._parts = max(numbers.values(), default=0)
        noted = folder.read_text(MANIFEST) or ""
        self._is_cut = bool(noted) and not noted.endswith("\n")
        for text in [noted, *(folder.read_text(name) or "" for name in sorted(numbers))]:
            for line in text.split("\n"):  # names may have what else Unicode takes for ends of lines
                if (entry := _parse(line)) is not None:
                    self.entries[entry["output"]] = entry

    def add(self, entries: Iterable[Entry]) -> None:
        """Write lines, safely on the disk when this returns.

        Raises:
            InputError: They cannot be written.
        """
        entries = list(entries)
        text = "".join(_line(entry) for entry in entries)
        try:
            self._write(text)
        except Interrupted:
            raise
        except Exception as error:
            self.close()
            raise InputError(
                f"{MANIFEST} in {self._folder.url} cannot be written ({reason_of(error)}); make room, "
                "the same command goes on from there"
            ) from error
        for entry in entries:
            self.entries[entry["output"]] = entry

    def _write(self, text: str) -> None:
        if not self._folder.is_local:
            self._parts += 1
            with self._folder.open_text(_PART.format(number=self._parts), "w") as file:
                file.write(text)
            return
        if self._file is None:
            self._file = self._folder.open_text(MANIFEST, "a")
        self._file.write("\n" + text if self._is_cut else text)
        self._is_cut = False
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Stop writing."""
        if self._file is not None:
            # Closing tries once more to write what a full disk refused, which `add` has told of; all else is synced.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _line(entry: Entry) -> str:
    """JSON as people read it, or with escapes where a name has bytes that are no text, or ends of lines."""
    text = json.dumps(entry, ensure_ascii=False)
    return (text if text.isprintable() else json.dumps(entry)) + "\n"


def _parse(line: str) -> Entry | None:
    """The entry of a line, with every part that the plan is compared with; None where it is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("output"), str):
        return None
    if entry.get("status") not in (DONE, FAILED):
        return None
    for part in ("inputs", "options"):
        entry[part] = entry[part] if isinstance(entry.get(part), dict) else {}
    entry["inputs"] = {kind: facts for kind, facts in entry["inputs"].items() if isinstance(facts, dict)}
    if entry["status"] == FAILED and not isinstance(entry.get("error"), str):
        entry["error"] = "it failed before, for a reason that was not noted; --retry-failed tries it again"
    return entry
