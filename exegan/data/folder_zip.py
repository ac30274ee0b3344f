"""Faces in a folder or a zip of pictures, and `open_source`, which opens any set of faces."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.data.source import FaceSource, is_picture, to_square
from exegan.errors import InputError
from exegan.io import FORMATS, decode_photo, read_photo


class FolderSource:
    """All pictures below a folder; a name is the path relative to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.block_of: NDArray[np.int64] | None = None
        names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        self.names = sorted(filter(is_picture, names))

    def read(self, index: int) -> Image.Image:
        return read_photo(self.folder / self.names[index])


class ZipSource:
    """All pictures of a zip file; a name is the path inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.block_of: NDArray[np.int64] | None = None
        self._process = -1
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile as error:
            raise InputError(f"{path} is not a readable zip file ({error}); make it again or give a folder") from error
        self.names = sorted(filter(is_picture, names))

    def read(self, index: int) -> Image.Image:
        # A worker process forked from this one would share the file position, so each opens the file itself.
        if self._process != os.getpid():
            self._archive, self._process = zipfile.ZipFile(self.path), os.getpid()
        name = self.names[index]
        where = f"{self.path}:{name}"
        try:
            data = self._archive.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            # The last two: encrypted, or packed by a method unknown here.
            raise InputError(f"{where} cannot be unpacked ({error}); make the zip again, plainly") from error
        return decode_photo(data, where)

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "names": self.names, "block_of": None, "_process": -1}


class CachedSource:
    """Another source, shrunk to `resolution` once and kept in memory (3 bytes a pixel); small pictures stay small."""

    def __init__(self, source: FaceSource, resolution: int) -> None:
        self.names, self.block_of = source.names, source.block_of
        self._source, self._resolution = source, resolution
        self._encoded: dict[int, Image.Image] = {}

    def read(self, index: int) -> Image.Image:
        if index not in self._encoded:
            picture = self._source.read(index)
            is_small = min(picture.size) < self._resolution
            self._encoded[index] = picture if is_small else to_square(picture, self._resolution)
        return self._encoded[index]


class JoinedSource:
    """Several sources as one; each name is preceded by its set's."""

    def __init__(self, sources: dict[str, FaceSource]) -> None:
        self._places = [(source, index) for source in sources.values() for index in range(len(source.names))]
        self.names = [f"{set_name}/{name}" for set_name, source in sources.items() for name in source.names]
        self.block_of: NDArray[np.int64] | None = None

    def read(self, index: int) -> Image.Image:
        source, place = self._places[index]
        return source.read(place)


def open_source(path: str | Path, image_column: str | None = None, streaming: bool = False) -> FaceSource:
    """Open a set of faces.

    Args:
        path: Folder or zip of pictures; `FILE.parquet`, a folder of such files or `FOLDER#SPLIT`; or
            `hf:OWNER/NAME[:CONFIG][@REVISION][#SPLIT]` on the Hugging Face hub.
        image_column: Column of parquet files that holds the pictures; None finds it.
        streaming: Draw samples from a few parquet row groups at a time, and leave those of the hub there until then.

    Raises:
        InputError: The path is missing, is none of these, or holds no picture.
        DataError: The hub does not respond.
    """
    from exegan.data.parquet import ParquetSource, hub_shards, is_hub_name, local_shards

    name = str(path)
    path = Path(path)
    shards = hub_shards(name, streaming) if is_hub_name(name) else local_shards(path)
    if shards:
        if path.is_dir() and FolderSource(path).names:
            raise InputError(
                f"{path} holds pictures and parquet files, expected one of both; give the folder of either"
            )
        source: FaceSource = ParquetSource(shards, name, image_column, streaming)
    elif streaming or image_column is not None:
        raise InputError(f"{path} is not parquet, which data.streaming and data.image_column are for; leave them out")
    else:
        source = _open_pictures(path)
    if not source.names:
        raise InputError(f"{path} holds no picture; expected files ending in {', '.join(sorted(FORMATS))}")
    return source


def _open_pictures(path: Path) -> FaceSource:
    if not path.exists():
        raise InputError(f"the data path {path} does not exist; give a folder or a zip of face pictures, or parquet")
    if path.is_dir():
        return FolderSource(path)
    if path.suffix.lower() == ".zip":
        return ZipSource(path)
    raise InputError(
        f"the data path {path} is a {path.suffix or 'plain'} file; expected a folder, a .zip or a .parquet"
    )
