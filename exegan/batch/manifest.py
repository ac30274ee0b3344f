"""What became of each item, a JSON line each, kept so that a killed run goes on where it stood."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from exegan.batch.files import OutputFolder
from exegan.errors import InputError

MANIFEST = "manifest.jsonl"
_PART = "manifest-{number:06}.jsonl"

Entry = dict[str, Any]


class Manifest:
    """The last line of an output counts; a line cut short by a kill is as if it were not there.

    Object stores cannot append, so there each batch's lines are a file of their own.

    Args:
        folder: Where the outputs are.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self.entries: dict[str, Entry] = {}
        self._parts = 0
        self._file: Any = None
        self._load()

    def _load(self) -> None:
        names = self._folder.names()
        parts = [name for name in names if name.startswith("manifest-") and name.endswith(".jsonl")]
        self._parts = len(parts)
        whole = True
        for name in [MANIFEST, *parts]:
            text = self._folder.read_text(name) or ""
            whole = not text or text.endswith("\n")
            for line in text.splitlines():
                try:
                    entry = json.loads(line)
                    self.entries[entry["output"]] = entry
                except (ValueError, KeyError, TypeError):
                    continue
        if self._folder.is_local and not whole:
            with self._folder.open_text(MANIFEST, "a") as file:
                file.write("\n")  # ends the line that a kill cut short

    def add(self, entries: Iterable[Entry]) -> None:
        """Write lines, safely on the disk when this returns.

        Raises:
            InputError: They cannot be written.
        """
        entries = list(entries)
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        try:
            if self._folder.is_local:
                if self._file is None:
                    self._file = self._folder.open_text(MANIFEST, "a")
                self._file.write(text)
                self._file.flush()
                os.fsync(self._file.fileno())
            else:
                self._parts += 1
                with self._folder.open_text(_PART.format(number=self._parts), "w") as file:
                    file.write(text)
        except OSError as error:
            raise InputError(
                f"{MANIFEST} in {self._folder.url} cannot be written ({error.strerror or error}); make room, "
                "the same command goes on from there"
            ) from error
        for entry in entries:
            self.entries[entry["output"]] = entry

    def close(self) -> None:
        """Stop writing."""
        if self._file is not None:
            self._file.close()
            self._file = None
