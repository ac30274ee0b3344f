"""Inputs and outputs of a batch by path or, through fsspec, by URL (`s3://`, `gs://`, `memory://`).

Functions read: what is there, how it is opened, stamped, hashed or copied here. `OutputFolder` writes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import filelock
import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from exegan.errors import ExeGanError, InputError, Interrupted
from exegan.io import FORMATS
from exegan.io.files import being_written, reason, sha256_of_file

_PARTIAL = ".partial"
_LOCK = ".batch.lock"
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_FULL = {errno.ENOSPC, errno.EDQUOT}
# Of a name of 255 bytes, what a staged output and the temporary file it is written to add: dots, pid, suffixes.
_LONGEST_STAGED = 200
_CONNECT_S, _SILENCE_S, _TRANSFER_S = 20, 60, 600


def list_pictures(folder: str, without: Sequence[str] = ()) -> list[str]:
    """Relative paths, with `/`, of all pictures below a folder, sorted; hidden ones are left out.

    Args:
        folder: Path or URL.
        without: Folders whose pictures are left out where they lie in this one.

    Raises:
        InputError: There is no such folder, or it cannot be read.
    """
    if not is_folder(folder):
        raise InputError(f"{folder} is no folder; expected a folder of pictures")
    fs, root = _open(folder)
    with _reading(folder):
        found = [PurePosixPath(path).relative_to(PurePosixPath(root)) for path in fs.find(root)]
    pictures = [path for path in found if path.suffix.lower() in FORMATS and not _is_hidden(path)]
    nested = {path_in(one, folder) for one in without} - {None, PurePosixPath(".")}
    return sorted(str(path) for path in pictures if nested.isdisjoint(path.parents))


def is_folder(url: str) -> bool:
    """Whether there is a folder."""
    fs, path = _open(url)
    with _reading(url):
        return bool(fs.isdir(path))


def exists(url: str) -> bool:
    """Whether there is a file."""
    fs, path = _open(url)
    with _reading(url):
        return bool(fs.isfile(path))


def opened(url: str) -> Any:
    """A file to read bytes from.

    Raises:
        InputError: It cannot be opened.
    """
    fs, path = _open(url)
    with _reading(url):
        return fs.open(path, "rb")


def stamp(url: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds (0 where the place keeps none).

    Raises:
        InputError: It is not there.
    """
    fs, path = _open(url)
    with _reading(url):
        if isinstance(fs, LocalFileSystem):
            found = os.stat(path)
            return found.st_size, found.st_mtime_ns
        return int(fs.info(path)["size"]), 0


def sha256_of(url: str) -> str:
    """SHA-256 of a file as hex digits.

    Raises:
        InputError: It cannot be read.
    """
    with _reading(url), opened(url) as file:
        return sha256_of_file(file)


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
        copy = Path(folder, _short_name(path))
        try:
            fs.get_file(path, str(copy))
        except Exception as error:
            raise InputError(f"{url} cannot be fetched ({reason(error)}); check the address") from error
        yield copy


def place(url: str) -> str:
    """The same text for each way to write a place: of a path its real one."""
    fs, path = _open(url)
    return Path(os.path.realpath(path)).as_posix() if isinstance(fs, LocalFileSystem) else fs.unstrip_protocol(path)


def path_in(url: str, folder: str) -> PurePosixPath | None:
    """Path of what lies in a folder, seen from there (`.` for the folder itself), None for what lies elsewhere."""
    inner, outer = PurePosixPath(place(url)), PurePosixPath(place(folder))
    return inner.relative_to(outer) if outer in (inner, *inner.parents) else None


def join(folder: str, relative: str) -> str:
    """URL of what lies in a folder."""
    return f"{folder.rstrip('/')}/{relative}" if folder != "/" else f"/{relative}"


class OutputFolder:
    """Where outputs go: each appears under its name when it is whole and noted, or not at all.

    Args:
        url: Folder, made where missing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = _open(url)
        self.is_local = isinstance(self._fs, LocalFileSystem)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other batches out of the folder; made where missing, and gone again if nothing was put into it.

        The system takes the lock of a process that ends in whatever way. Object stores have no locks.

        Raises:
            InputError: Another batch is at work there, or nothing can be written.
        """
        if not self.is_local:
            yield
            return
        made = [folder for folder in (Path(self._root), *Path(self._root).parents) if not os.path.lexists(folder)]
        lock = filelock.FileLock(join(self._root, _LOCK), timeout=0)
        try:
            os.makedirs(self._root, exist_ok=True)
            lock.acquire()
        except filelock.Timeout as error:
            wrong = f"another batch is writing to {self.url}"
            raise InputError(f"{wrong}; wait for its end, or give another output folder") from error
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _WITHOUT_LOCKS:
                wrong = f"nothing can be written to {self.url} ({reason(error)})"
                raise InputError(f"{wrong}; give another output folder") from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError, InputError):  # housekeeping, which hides no other error
                if made and self.names() == [_LOCK]:
                    os.remove(join(self._root, _LOCK))
                    for folder in made:
                        folder.rmdir()
            lock.release()

    def has(self, relative: str) -> bool:
        """Whether there is such a file."""
        return bool(self._fs.isfile(join(self._root, relative)))

    def is_blocked(self, relative: str) -> bool:
        """Whether something that is no file has an output's name, such as a folder."""
        path = join(self._root, relative)
        return self.is_local and os.path.lexists(path) and not os.path.isfile(path)

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
            copy = Path(folder, _short_name(relative))
            yield copy
            self._fs.put_file(str(copy), target)

    def publish(self, relative: str) -> None:
        """Give a staged output its name.

        Raises:
            InputError: The place refuses it.
        """
        staged, target = self._staged(relative), join(self._root, relative)
        try:
            if self.is_local:
                os.replace(staged, target)
            else:
                self._fs.mv(staged, target)
        except Interrupted:
            raise
        except Exception as error:
            wrong = f"{relative} cannot get its name ({reason(error)})"
            raise InputError(f"{wrong}; make its place free, the same command goes on from there") from error

    def is_staged(self, relative: str, sha256: str | None) -> bool:
        """Whether a killed run left an output whole, but without its name."""
        staged = self._staged(relative)
        return bool(self._fs.isfile(staged)) and sha256_of(self._fs.unstrip_protocol(staged)) == sha256

    def sweep(self, outputs: Iterable[str]) -> None:
        """Remove what writers that were killed, or worked twice, left beside the places of outputs."""
        staged: dict[str, set[str]] = {}
        for path in (PurePosixPath(self._staged(relative)) for relative in outputs):
            staged.setdefault(str(path.parent), set()).add(path.name)
        for folder, names in staged.items():
            # Its writer was quicker, or the disk refuses: no reason to hide how the run itself ended.
            with contextlib.suppress(OSError):
                self._sweep(folder, names)

    def _sweep(self, folder: str, names: set[str]) -> None:
        self._fs.invalidate_cache(folder)
        for found in self._fs.ls(folder, detail=False) if self._fs.isdir(folder) else []:
            name = PurePosixPath(found).name
            if (name in names or being_written(name) in names) and self._fs.isfile(found):
                with contextlib.suppress(FileNotFoundError):
                    self._fs.rm_file(found)

    def _staged(self, relative: str) -> str:
        path = PurePosixPath(join(self._root, relative))
        stem = path.stem.encode(errors="surrogatepass")
        short = path.stem if len(stem) <= _LONGEST_STAGED else hashlib.sha256(stem).hexdigest()
        return str(path.with_name(f".{short}{_PARTIAL}{path.suffix}"))

    def read_text(self, relative: str) -> str | None:
        """Content of a text file, None where there is none.

        Raises:
            InputError: It cannot be read.
        """
        path = join(self._root, relative)
        with _reading(join(self.url, relative)):
            if not self._fs.isfile(path):
                return None
            with self._fs.open(path, "rb") as file:
                return bytes(file.read()).decode("utf-8", errors="replace")

    def open_text(self, relative: str, mode: str) -> Any:
        """A text file to append to or to write."""
        self._fs.makedirs(self._root, exist_ok=True)
        return self._fs.open(join(self._root, relative), mode, encoding="utf-8")

    def names(self) -> list[str]:
        """Names of what lies directly in the folder.

        Raises:
            InputError: It cannot be read.
        """
        with _reading(self.url):
            if not self._fs.isdir(self._root):
                return []
            return sorted(PurePosixPath(path).name for path in self._fs.ls(self._root, detail=False))


def is_full(error: BaseException) -> bool:
    """Whether an exception, or its cause, means that a disk or a quota is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        cause = cause.__cause__
    return False


def _open(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    try:
        return url_to_fs(url, **_time_limits(url))  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{url} cannot be reached ({error}); install what its protocol needs, or copy it here"
        ) from error
    except Exception as error:  # archives are opened here and servers called, with errors of each library
        raise InputError(f"{url} cannot be reached ({reason(error)}); check the address") from error


def _time_limits(url: str) -> dict[str, Any]:
    """Options by protocol: a web server may be silent or slow for so long (FTP has 30 s of its own)."""
    protocols = {*re.findall(r"(https?)://", url)}
    if not protocols:
        return {}
    try:
        from aiohttp import ClientTimeout
    except ImportError:  # for which fsspec has the better message
        return {}
    limit = ClientTimeout(total=_TRANSFER_S, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    return {protocol: {"client_kwargs": {"timeout": limit}} for protocol in protocols}


@contextlib.contextmanager
def _reading(url: str) -> Iterator[None]:
    """Whatever a file system raises, as one sentence."""
    try:
        yield
    except ExeGanError:
        raise
    except Exception as error:
        raise InputError(f"{url} cannot be read ({reason(error)}); check the address and its permissions") from error


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _short_name(path: str) -> str:
    """End of a path that any disk takes as a name: stores have longer ones."""
    return PurePosixPath(path).name.encode(errors="surrogatepass")[-100:].decode(errors="ignore")
