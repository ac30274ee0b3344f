"""What can be known of inputs without decoding them: whether they are there and begin like pictures."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from exegan.batch import files
from exegan.batch.plan import Item, Problem
from exegan.errors import InputError
from exegan.images import check_picture
from exegan.inpainter.styles import STYLE_SUFFIX

_PORTS = {"http": 80, "https": 443, "ftp": 21}
_ANSWER_S = 10


def check_inputs(items: Sequence[Item]) -> list[Problem]:
    """What is wrong with the files of each item, whatever that is."""
    known: dict[str, str] = {}
    silent: dict[tuple[str, int], str] = {}
    problems = []
    for item in items:
        for path in item.job.inputs.values():
            if path not in known:
                known[path] = _problem_of_url(path, silent) if "://" in path else _problem_of(path)
            if known[path]:
                problems.append(Problem(item.output, known[path]))
    return problems


def _problem_of_url(url: str, silent: dict[tuple[str, int], str]) -> str:
    """As `_problem_of`, but a server that does not answer is waited for once and not for each of its files."""
    address = url.rsplit("::", 1)[-1]
    if not address.startswith(tuple(f"{protocol}://" for protocol in _PORTS)):
        return _problem_of(url)
    try:
        parts = urlsplit(address)
        server = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if server not in silent:
            socket.create_connection(server, _ANSWER_S).close()
            silent[server] = ""
    except OSError as error:
        silent[server] = f"{address} cannot be reached ({files.reason_of(error)}); try later, or copy its files here"
    except ValueError as error:
        return f"{url} is no address ({error}); write it again"
    start = time.monotonic()
    problem = silent[server] or _problem_of(url)
    if problem and time.monotonic() - start > _ANSWER_S:
        silent[server] = problem
    return problem


def _problem_of(path: str) -> str:
    """One sentence, or nothing."""
    try:
        if not files.exists(path):
            unreachable = ", or its server does not answer" if "://" in path else ""
            return f"{path} does not exist{unreachable}; check the path"
        if path.endswith(STYLE_SUFFIX):
            return ""  # a saved style, whose model has to be known before anything can be said of it
        with files.opened(path) as file:
            check_picture(file, path)
    except InputError as error:
        return str(error)
    except Exception as error:  # places and decoders raise what they like
        return f"{path} cannot be read ({files.reason_of(error)}); get the file again"
    return ""
