"""Who may fetch which file of the page: nobody but those whom the server itself told of it.

Gradio keeps uploads and results in one folder and hands them to everybody who knows their address. Its addresses cannot
be guessed; here each is bound, besides, to the visitors (browsers, by cookie) whom an answer of the server named it to.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from pathlib import Path

MOST_SESSIONS = 10_000
MOST_FILES = 20_000

EVERYBODY_WITHOUT_COOKIE = ""
"""The visitor that all programs without cookies are together."""


def is_remote_path(path: str) -> bool:
    """Whether a file's path is an address of another host, which Gradio would fetch it from."""
    return re.match(r"\s*[a-z][a-z0-9+.-]+:/", path, re.IGNORECASE) is not None


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

    def holds(self, path: str) -> bool:
        """Whether a file lies where uploads do."""
        return self._inside(path) is not None

    def may_fetch(self, visitor: str, path: str) -> bool:
        """Whether a visitor may have a file. Of other hosts nobody may; files elsewhere are Gradio's to refuse."""
        name = self._inside(path)
        return not is_remote_path(path) if name is None else visitor in self._visitors.get(name, ())

    def _inside(self, path: str) -> bytes | None:
        """First part of a path below the folder."""
        try:
            parts = Path(os.path.realpath(path)).relative_to(self.folder).parts
        except (ValueError, OSError):  # elsewhere, or no path at all
            return None
        return parts[0].encode() if parts else b""

    def owns_session(self, visitor: str, session: str) -> bool:
        """Whether a session, a tab say, is a visitor's; it belongs to whoever named it first."""
        with self._lock:
            owner = self._sessions.setdefault(session, visitor)
            self._sessions.move_to_end(session)
            if len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return owner == visitor
