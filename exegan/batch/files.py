"""Files wherever they are: paths and, through fsspec, URLs (`s3://`, `gs://`, `memory://`)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from exegan.errors import InputError
from exegan.images import FORMATS
from exegan.images.saving import being_written

_PARTIAL = ".partial"


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    try:
        return url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{url} cannot be reached ({error}); install what its protocol needs, or copy it here"
        ) from error


def is_folder(url: str) -> bool:
    """Whether there is a folder."""
    fs, path = _open(url)
    return bool(fs.isdir(path))


def exists(url: str) -> bool:
    """Whether there is a file."""
    fs, path = _open(url)
    return bool(fs.isfile(path))


def join(folder: str, relative: str) -> str:
    """URL of what lies in a folder."""
    return f"{folder.rstrip('/')}/{relative}" if folder != "/" else f"/{relative}"


def list_pictures(folder: str) -> list[str]:
    """Relative paths, with `/`, of all pictures below a folder, sorted; hidden ones are left out.

    Raises:
        InputError: There is no such folder.
    """
    fs, root = _open(folder)
    if not fs.isdir(root):
        raise InputError(f"{folder} is no folder; expected a folder of pictures")
    found = [PurePosixPath(path).relative_to(PurePosixPath(root)) for path in fs.find(root)]
    return sorted(str(path) for path in found if path.suffix.lower() in FORMATS and not _is_hidden(path))


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def opened(url: str) -> Any:
    """A file to read bytes from.

    Raises:
        OSError: It cannot be opened.
    """
    fs, path = _open(url)
    return fs.open(path, "rb")


def stamp(url: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds (0 where the place keeps none).

    Raises:
        OSError: It is not there.
    """
    fs, path = _open(url)
    if isinstance(fs, LocalFileSystem):
        found = os.stat(path)
        return found.st_size, found.st_mtime_ns
    return int(fs.info(path)["size"]), 0


def sha256_of(url: str) -> str:
    """SHA-256 of a file as hex digits.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with opened(url) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """A local path to read a file from: itself, or a copy that is gone afterwards.

    Raises:
        InputError: It cannot be fetched.
    """
    fs, path = _open(url)
    if isinstance(fs, LocalFileSystem):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="exegan-") as folder:
        copy = Path(folder, PurePosixPath(path).name)
        try:
            fs.get_file(path, str(copy))
        except OSError as error:
            raise InputError(f"{url} cannot be fetched ({error}); check the address") from error
        yield copy


class OutputFolder:
    """Where outputs go: each appears under its name when it is whole and noted, or not at all.

    Args:
        url: Folder, made where missing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = _open(url)
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def has(self, relative: str) -> bool:
        """Whether there is such a file."""
        return bool(self._fs.isfile(join(self._root, relative)))

    @contextlib.contextmanager
    def staging(self, relative: str) -> Iterator[Path]:
        """A local path of the output's suffix to write to; what is there in the end waits beside its place."""
        target = self._staged(relative)
        self._fs.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
        if self.is_local:
            try:
                yield Path(target)
            except BaseException:
                Path(target).unlink(missing_ok=True)
                raise
            return
        with tempfile.TemporaryDirectory(prefix="exegan-") as folder:
            copy = Path(folder, PurePosixPath(relative).name)
            yield copy
            self._fs.put_file(str(copy), target)

    def publish(self, relative: str) -> None:
        """Give a staged output its name."""
        staged, target = self._staged(relative), join(self._root, relative)
        if self.is_local:
            os.replace(staged, target)
        else:
            self._fs.mv(staged, target)

    def is_staged(self, relative: str, sha256: str) -> bool:
        """Whether a killed run left an output whole, but without its name."""
        staged = self._staged(relative)
        return bool(self._fs.isfile(staged)) and sha256_of(self._fs.unstrip_protocol(staged)) == sha256

    def sweep(self, outputs: Iterable[str]) -> None:
        """Remove what writers that were killed, or worked twice, left beside the places of outputs."""
        staged: dict[str, set[str]] = {}
        for path in (PurePosixPath(self._staged(relative)) for relative in outputs):
            staged.setdefault(str(path.parent), set()).add(path.name)
        for folder, names in staged.items():
            self._fs.invalidate_cache(folder)
            for found in self._fs.ls(folder, detail=False) if self._fs.isdir(folder) else []:
                name = PurePosixPath(found).name
                if name in names or being_written(name) in names:
                    with contextlib.suppress(FileNotFoundError):  # its writer was quicker
                        self._fs.rm_file(found)

    def _staged(self, relative: str) -> str:
        path = PurePosixPath(join(self._root, relative))
        return str(path.with_name(f".{path.stem}{_PARTIAL}{path.suffix}"))

    def read_text(self, relative: str) -> str | None:
        """Content of a text file, None where there is none."""
        path = join(self._root, relative)
        if not self._fs.isfile(path):
            return None
        with self._fs.open(path, "rb") as file:
            return bytes(file.read()).decode("utf-8", errors="replace")

    def open_text(self, relative: str, mode: str) -> Any:
        """A text file to append to or to write."""
        self._fs.makedirs(self._root, exist_ok=True)
        return self._fs.open(join(self._root, relative), mode, encoding="utf-8")

    def names(self) -> list[str]:
        """Names of what lies directly in the folder."""
        if not self._fs.isdir(self._root):
            return []
        return sorted(PurePosixPath(path).name for path in self._fs.ls(self._root, detail=False))
