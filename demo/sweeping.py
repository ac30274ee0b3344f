"""Pictures are deleted when their time is over. Gradio loses sight of files whose components an event changed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection
from pathlib import Path

KEPT_SECONDS = 3000  # with the time between two sweeps less than the hour that the page states
_EVERY_SECONDS = 300


def sweep_regularly(folder: Path) -> threading.Event:
    """Sweep a folder in a thread of its own, for ever or until what is returned is set; files in it now stay."""
    stopped, own = threading.Event(), frozenset(folder.rglob("*"))

    def go_on() -> None:
        while not stopped.wait(_EVERY_SECONDS):
            sweep(folder, KEPT_SECONDS, own)

    threading.Thread(target=go_on, name="sweep", daemon=True).start()
    return stopped


def sweep(folder: Path, kept_seconds: float, own: Collection[Path] = ()) -> None:
    """Delete what lies below a folder and was not touched for so long, empty folders too; `own` stays."""
    oldest = time.time() - kept_seconds
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds before the folder
        # In the meantime somebody else may delete a file, or put one into a folder.
        with contextlib.suppress(OSError):
            if path not in own and path.lstat().st_ctime < oldest:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
