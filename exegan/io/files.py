"""Files on this machine: written whole or not at all, hashed, and why the system refused one.

`replacing` is the one way in which this project puts a file where another may be: it is written beside its place and
renamed when complete, so that a reader, a full disk or a kill never meets half a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_TEMPORARY = ".tmp"
_LONGEST_REASON = 300  # characters of what a library says


@contextlib.contextmanager
def replacing(path: str | Path, temporary: Path | None = None, sync: bool = False) -> Iterator[Path]:
    """A place beside `path` to write a file or a folder to, which gets the name `path` when the block has ended.

    Whatever is raised in the block leaves `path` as it was, and nothing beside it.

    Args:
        path: Where the file is to be; its folder exists.
        temporary: Where it is written meanwhile, on the same disk; by default a hidden name of this process. A fixed
            one is for large files, since what a killed process left there is overwritten by the next.
        sync: Wait until the file is on the disk before it gets its name, so that a power cut leaves the old or the new.

    Raises:
        OSError: It cannot be written or renamed.
    """
    path = Path(path)
    if temporary is None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        yield temporary
        if sync:
            with temporary.open("r+b") as file:  # Windows refuses for files that are open for reading alone
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError, ValueError):  # a name that no disk takes; what matters was raised above
            shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)


def being_written(name: str) -> str | None:
    """Name of the file that a temporary file of `replacing` was to become; None if it is no such file."""
    found = re.fullmatch(rf"\.(.+)\.\d+{re.escape(_TEMPORARY)}", name)
    return found and found[1]


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file by `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any, ascii_only: bool = True) -> str:
    """JSON as this project's files have it: indented, with its last line ended."""
    return json.dumps(value, indent=2, ensure_ascii=ascii_only) + "\n"


def sha256_of_file(file: IO[bytes]) -> str:
    """SHA-256 of an open file, from where it stands, as 64 lower-case hex digits."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def reason(error: BaseException, plain: tuple[type, ...] = (OSError, SyntaxError, ValueError)) -> str:
    """What an exception says, on one line to be put into a sentence.

    Args:
        error: The exception.
        plain: Kinds whose text says enough; of all others the kind is named as well.
    """
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    if not text or not isinstance(error, plain):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return shortened(text, _LONGEST_REASON)


def short_repr(value: object, most: int = 200) -> str:
    """A value for a message, which in a damaged file or a mistaken request may be of any length."""
    return shortened(repr(value), most)


def shortened(text: str, most: int) -> str:
    """The text, or its first `most` characters and an ellipsis."""
    return text if len(text) <= most else f"{text[:most]}…"


def sample_paths(output: Path, count: int) -> list[Path]:
    """Where each of several completions goes: `out_0.png`, `out_1.png` for `out.png`; one goes to `output` itself."""
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}_{number}{output.suffix}") for number in range(count)]
