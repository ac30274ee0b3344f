"""The folder of uploads and results: which files lie there, who may fetch which, and when they are deleted.

Gradio keeps uploads and results in one folder and hands them to everybody who knows their address. Addresses cannot be
guessed; besides, each file is bound to the visitors (browsers, by cookie) to whom a response of the server named it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import Image

from exegan.errors import ExeGanError, InputError
from exegan.io.decode import DECODED

MAX_SESSIONS_REMEMBERED = 10_000
MAX_FILES_REMEMBERED = 20_000
FILE_LIFETIME_SECONDS = 3000  # with the time between two sweeps less than the hour that the page states
_SWEEP_INTERVAL_SECONDS = 300

ANONYMOUS = ""
"""The one visitor that all programs without cookies are together."""


class FileAccess:
    """Which visitor may fetch which file and use which session.

    Args:
        folder: Of uploads and results; each lies in a subfolder of its own, which is what access is given to.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        # By the folder's name alone, a random one, so that a path is found however it is written.
        self._mention = re.compile(re.escape(self.folder.name.encode()) + rb"[/\\]+([\w.-]+)")
        self._visitors: dict[bytes, set[str]] = {}
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def record_paths(self, visitor: str, response: bytes) -> None:
        """Give a visitor access to all files that a response to it mentions."""
        names = self._mention.findall(response)
        with self._lock:
            for name in names:
                self._visitors.setdefault(name, set()).add(visitor)
            if names and len(self._visitors) > MAX_FILES_REMEMBERED:
                present = {name.encode() for name in os.listdir(self.folder)}
                self._visitors = {name: who for name, who in self._visitors.items() if name in present}

    def may_mention(self, visitor: str, request: bytes) -> bool:
        """Whether a visitor has access to all files that its request mentions anywhere: a response may repeat them."""
        return all(visitor in self._visitors.get(name, ()) for name in self._mention.findall(request))

    def may_read(self, visitor: str, path: str) -> bool:
        """Whether a path is that of a file that a visitor has access to, spelled as the server spelled it.

        Nobody may read anything elsewhere, on this machine or another, whether it exists or not.
        """
        if not is_regular_below(path, self.folder):
            return False
        name = Path(path).relative_to(self.folder).parts[:1]
        return bool(name) and visitor in self._visitors.get(os.fsencode(name[0]), ())

    def owns_session(self, visitor: str, session: str) -> bool:
        """Whether a session, of a tab say, is a visitor's; it belongs to whoever named it first."""
        with self._lock:
            owner = self._sessions.setdefault(session, visitor)
            self._sessions.move_to_end(session)
            if len(self._sessions) > MAX_SESSIONS_REMEMBERED:
                self._sessions.popitem(last=False)
        return owner == visitor


def is_regular_below(path: str | Path, folder: str | Path) -> bool:
    """Whether a path, spelled without detours, is a regular file below a folder, or one that no longer exists.

    Nothing is opened: a pipe would block whoever opens it, a link may lead anywhere.

    Args:
        path: Absolute; links, `..` and trailing slashes are detours.
        folder: As `os.path.realpath` spells it.
    """
    path = os.fspath(path)
    if not os.path.isabs(path):
        return False
    try:
        if os.path.realpath(path) != path or not Path(path).is_relative_to(folder):
            return False
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # below a file, or no path at all
        return False


def files_folder() -> Path:
    """Folder of all uploads and results; nothing else on this machine is read or written for visitors."""
    return Path(os.path.realpath(os.environ["GRADIO_TEMP_DIR"]))


def make_folder() -> Path:
    """Make a subfolder in it, with a name that nobody can guess."""
    folder = files_folder() / secrets.token_hex(16)
    folder.mkdir()
    return folder


def check_page_file(path: Path, label: str) -> None:
    """Make sure that a file is an upload or result that was not deleted yet.

    Args:
        path: The file.
        label: Its name in errors, which never show a path of the server.

    Raises:
        InputError: It lies elsewhere, is no regular file, or was deleted.
    """
    if not is_regular_below(path, files_folder()):
        raise InputError(f"{label} is no upload; drop it again")
    if not path.exists():
        raise InputError(f"{label} is gone, pictures are kept for less than an hour; drop it again")


@contextlib.contextmanager
def page_file(path: Path, label: str) -> Iterator[None]:
    """Check a file by `check_page_file`, and call it by its label in errors of the block."""
    check_page_file(path, label)
    try:
        yield
    except ExeGanError as error:
        raise type(error)(str(error).replace(str(path), label)) from error


def count_pixels(path: str | Path) -> int:
    """Pixels of a picture file by its header; 0 where there are none or too many, which decoding will report."""
    try:
        with Image.open(path, formats=DECODED) as picture:
            return picture.width * picture.height
    except Exception:  # Pillow raises errors of many kinds for damaged files
        return 0


def delete_regularly(folder: Path) -> threading.Event:
    """Delete old files of a folder in a thread, until the event returned is set; files that are in it now stay.

    Gradio's own `delete_cache` loses track of files whose components an event changed.
    """
    stopped, own = threading.Event(), frozenset(folder.rglob("*"))

    def sweep() -> None:
        while not stopped.wait(_SWEEP_INTERVAL_SECONDS):
            delete_old_files(folder, FILE_LIFETIME_SECONDS, own)

    threading.Thread(target=sweep, name="sweep", daemon=True).start()
    return stopped


def delete_old_files(folder: Path, lifetime_seconds: float, own: Collection[Path] = ()) -> None:
    """Delete what lies below a folder and is older than that, empty folders too; `own` stays."""
    oldest = time.time() - lifetime_seconds
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds before the folder
        # In the meantime somebody else may delete a file, or put one into a folder.
        with contextlib.suppress(OSError):
            if path not in own and path.lstat().st_ctime < oldest:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
