"""What can be known of inputs without decoding them: whether they are there and begin like pictures."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Sequence
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError

from exegan.batch import files
from exegan.batch.plan import Item, Problem
from exegan.errors import InputError
from exegan.images import MAX_PIXELS
from exegan.inpainter.styles import STYLE_SUFFIX

_PORTS = {"http": 80, "https": 443, "ftp": 21}
_ANSWER_S = 10


def check_inputs(items: Sequence[Item]) -> list[Problem]:
    """What is wrong with the files of each item, whatever that is."""
    known: dict[str, str] = {}
    silent: dict[str, str] = {}
    problems = []
    for item in items:
        for path in item.job.inputs.values():
            if path not in known:
                known[path] = _silence_of(path, silent) or _problem_of(path)
            if known[path]:
                problems.append(Problem(item.output, known[path]))
    return problems


def _silence_of(url: str, known: dict[str, str]) -> str:
    """One sentence where a URL's server does not answer, which is asked once for all of its files."""
    address = url.rsplit("::", 1)[-1]
    if not address.startswith(tuple(f"{protocol}://" for protocol in _PORTS)):
        return ""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        server = f"{host}:{port}"
        if server not in known:
            socket.create_connection((host, port), _ANSWER_S).close()
            known[server] = ""
    except OSError as error:
        known[server] = f"{server} does not answer ({files.reason_of(error)}); try later, or copy its files here"
    except ValueError as error:
        return f"{url} is no address ({error}); write it again"
    return known[server]


def _problem_of(path: str) -> str:
    """One sentence, or nothing."""
    try:
        if not files.exists(path):
            return f"{path} does not exist; check the path"
        if path.endswith(STYLE_SUFFIX):
            return ""  # a saved style, whose model has to be known before anything can be said of it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about damage that it gets over and of sizes checked below
            with files.opened(path) as file, Image.open(file) as picture:
                pixels = picture.width * picture.height
    except InputError as error:
        return str(error)
    except UnidentifiedImageError:
        return f"{path} is not a picture or is cut short; get the file again"
    except Exception as error:  # decoders raise what they like at damaged files
        return f"{path} cannot be read ({files.reason_of(error)}); get the file again"
    return (
        f"{path} has more than {MAX_PIXELS // 10**6} megapixels; make it smaller first" if pixels > MAX_PIXELS else ""
    )
