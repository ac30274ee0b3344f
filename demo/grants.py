"""Who may fetch which file of the page: nobody but those whom the server itself told of it.

Gradio keeps uploads and results in one folder and hands them to everybody who knows their address. Its addresses cannot
be guessed; here each is bound, besides, to the visitors (browsers, by cookie) whom an answer of the server named it to.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections import OrderedDict
from pathlib import Path

MOST_SESSIONS = 10_000
MOST_FILES = 20_000

EVERYBODY_WITHOUT_COOKIE = ""
"""The visitor that all programs without cookies are together."""


def is_regular_below(path: str | Path, folder: str | Path) -> bool:
    """Whether a path, spelled without detours, is a regular file below a folder, or one that is there no more.

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


class Grants:
    """What each visitor was told of.

    Args:
        folder: Where files lie that pass through the page; each in a folder of its own, which is what is granted.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        # By its name alone, a random one, so that it is found however a path is written.
        self._mention = re.compile(re.escape(self.folder.name.encode()) + rb"[/\\]+([\w.-]+)")
        self._visitors: dict[bytes, set[str]] = {}
        self._sessions: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def told(self, visitor: str, answer: bytes) -> None:
        """Grant a visitor all files that an answer to it mentions."""
        names = self._mention.findall(answer)
        with self._lock:
            for name in names:
                self._visitors.setdefault(name, set()).add(visitor)
            if names and len(self._visitors) > MOST_FILES:
                present = {name.encode() for name in os.listdir(self.folder)}
                self._visitors = {name: who for name, who in self._visitors.items() if name in present}

    def may_mention(self, visitor: str, request: bytes) -> bool:
        """Whether a visitor was told of all files that its request mentions anywhere, as answers may repeat it."""
        return all(visitor in self._visitors.get(name, ()) for name in self._mention.findall(request))

    def may_name(self, visitor: str, path: str) -> bool:
        """Whether a path is that of a file that a visitor was told of, spelled as it was told.

        What lies elsewhere, on this machine or another, nobody may name, whether it is there or not.
        """
        if not is_regular_below(path, self.folder):
            return False
        name = Path(path).relative_to(self.folder).parts[:1]
        return bool(name) and visitor in self._visitors.get(os.fsencode(name[0]), ())

    def owns_session(self, visitor: str, session: str) -> bool:
        """Whether a session, a tab say, is a visitor's; it belongs to whoever named it first."""
        with self._lock:
            owner = self._sessions.setdefault(session, visitor)
            self._sessions.move_to_end(session)
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return owner == visitor
