"""What the manifest notes of the files that an item was made from."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from exegan.batch import files
from exegan.errors import InputError

_KEPT = 1024


def describe(path: str) -> dict[str, Any]:
    """What tells an input from another; without a hash where it cannot be read."""
    try:
        size, mtime_ns = files.stamp(path)
        return {"path": path, "size": size, "mtime_ns": mtime_ns, "sha256": _sha256(path, size, mtime_ns)}
    except InputError:
        return {"path": path, "size": None, "mtime_ns": None, "sha256": None}


@lru_cache(_KEPT)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    """Hash of a file that many items share, taken again when the file has changed."""
    return files.sha256_of(path)
