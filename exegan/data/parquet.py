"""Faces in parquet files of the Hugging Face `datasets` layout, local or on the hub."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.data.source import WINDOW_BLOCKS
from exegan.errors import DataError, ExeGanError, InputError
from exegan.io import decode_photo
from exegan.io.files import reason

SUFFIX = ".parquet"
_HUB = re.compile(r"hf:/{0,2}([\w.-]+/[\w.-]+)(?::([\w.-]+))?(?:@([^#]+))?(?:#([\w.-]+))?")
_SHARD = re.compile(r"(.+)-\d+-of-\d+")


@dataclass(frozen=True)
class Shard:
    """A parquet file: what rows are called after, and where it is (a path or an fsspec URL)."""

    label: str
    location: str

    @property
    def is_remote(self) -> bool:
        """Whether it is read over a network."""
        return "://" in self.location


def missing_package(error: ImportError) -> ExeGanError:
    """The sentence for a set whose packages are not installed."""
    return InputError(f"parquet and hub data need the package {error.name}; pip install 'exegan[data]'")


def is_hub_name(path: str) -> bool:
    """Whether a data path means a set on the hub."""
    return path.startswith("hf:")


def local_shards(path: Path) -> list[Shard]:
    """Parquet files of `FILE.parquet`, `FOLDER` or `FOLDER#SPLIT`, sorted; an empty list where there are none.

    Raises:
        InputError: The folder holds several splits and none is chosen, or not the chosen one.
    """
    if path.suffix.lower() == SUFFIX and path.is_file():
        return [Shard(path.stem, str(path))]
    folder, split = path, ""
    if not path.exists() and "#" in path.name:
        stem, _, split = path.name.rpartition("#")
        folder = path.with_name(stem) if stem else path.parent
    # An image folder may have a table of its pictures under that name.
    files = sorted(file for file in folder.rglob(f"*{SUFFIX}") if file.is_file() and file.stem != "metadata")
    splits = {_split_name(file) for file in files}
    if split:
        chosen = [file for file in files if split in (_split_name(file), file.parent.name)]
        if files and not chosen:
            raise InputError(f"{folder} has no split {split!r}, expected one of {', '.join(sorted(splits))}")
        files = chosen
    elif len(splits) > 1 and any(_SHARD.fullmatch(file.stem) for file in files):
        known = ", ".join(sorted(splits))
        raise InputError(f"{folder} holds several splits ({known}), expected one; choose it as {folder}#SPLIT")
    return [Shard(file.relative_to(folder).with_suffix("").as_posix(), str(file)) for file in files]


def _split_name(file: Path) -> str:
    match = _SHARD.fullmatch(file.stem)
    return match[1] if match else file.stem


def hub_shards(name: str, streaming: bool) -> list[Shard]:
    """Parquet files of a set on the hub, downloaded to the cache of `datasets` or, to be streamed, left where they are.

    Args:
        name: `hf:OWNER/NAME`, then as needed `:CONFIG`, `@REVISION` and `#SPLIT`, in this order.
        streaming: Leave the files on the hub.

    Raises:
        InputError: The name, split or revision is unknown, the set is not stored as parquet, or `datasets` is missing.
    """
    match = _HUB.fullmatch(name)
    if match is None:
        raise InputError(f"the data path {name!r} is no hub name, expected hf:OWNER/NAME[:CONFIG][@REVISION][#SPLIT]")
    repository, config, revision, split = match.groups()
    try:
        import datasets
    except ImportError as error:
        raise missing_package(error) from error
    try:
        builder = datasets.load_dataset_builder(repository, config, revision=revision)
        urls = _choose_split(name, builder.config.data_files or {}, split)
        locations = urls if streaming else _download(datasets, urls)
    except ExeGanError:
        raise
    except Exception as error:  # of datasets, huggingface_hub, httpx or the socket: all mean the same here
        raise InputError(
            f"{name} is unavailable on the hub ({reason(error)}); check name and network, or log in (`hf auth login`)"
        ) from error
    return [Shard(label, location) for label, location in zip(_labels(urls), locations, strict=True)]


def _choose_split(name: str, files: Any, split: str | None) -> list[str]:
    known = ", ".join(map(str, files)) or "none"
    if split is None and len(files) != 1:
        raise InputError(f"{name} has several splits or none ({known}), expected one; choose it as {name}#SPLIT")
    split = split or str(next(iter(files)))
    if split not in files:
        raise InputError(f"{name} has no such split, expected one of {known}")
    urls = [str(url) for url in files[split]]
    if not all(url.endswith(SUFFIX) for url in urls):
        raise InputError(f"{name} is not stored as parquet; try the hub's own copy, hf:OWNER/NAME@refs/convert/parquet")
    return urls


def _download(datasets: Any, urls: Sequence[str]) -> list[str]:
    return [str(path) for path in datasets.DownloadManager().download(list(urls))]


def _labels(urls: Sequence[str]) -> list[str]:
    """Paths below the folder that all share, without suffix: the same wherever and whenever the set is read."""
    parts = [url.removesuffix(SUFFIX).split("/") for url in urls]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


_WAITS = (1.0, 4.0)  # seconds before a remote read is tried again
_CONNECTIONS = 8


class ParquetSource:
    """All rows of some parquet files; a row group is read as a whole and the last few are kept, still encoded.

    A name is the row's `path` where every row has one of its own, else `SHARD:ROW`.

    Args:
        shards: The files, in the order of their rows.
        where: What errors call the set.
        image_column: Column of the pictures; None finds it.
        streaming: Samples are to be drawn from a few row groups at a time (`block_of`), so that each is read once.

    Raises:
        InputError: A file is damaged, has no such column, or `pyarrow` is missing.
        DataError: A file on the network does not respond.
    """

    def __init__(
        self, shards: Sequence[Shard], where: str, image_column: str | None = None, streaming: bool = False
    ) -> None:
        self._shards, self._where, self._column = list(shards), where, image_column
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            # The first one alone, so that what is wrong with all is said before all are asked.
            inspected = [self._inspect(self._shards[0]), *pool.map(self._inspect, self._shards[1:])]
        self._metadata = [metadata for metadata, _ in inspected]
        paths = [path for _, names in inspected for path in names]
        rows = [f"{s.label}:{row}" for s, m in zip(shards, self._metadata, strict=True) for row in range(m.num_rows)]
        own = [path for path in paths if path]
        self.names: list[str] = own if len(set(own)) == len(rows) else rows
        self._groups = [(s, group) for s, m in enumerate(self._metadata) for group in range(m.num_row_groups)]
        sizes = [self._metadata[s].row_group(group).num_rows for s, group in self._groups]
        self._ends = np.cumsum(sizes)
        self.block_of: NDArray[np.int64] | None = np.repeat(np.arange(len(sizes)), sizes) if streaming else None
        self._kept: OrderedDict[int, Any] = OrderedDict()

    def read(self, index: int) -> Image.Image:
        block = int(np.searchsorted(self._ends, index, side="right"))
        where = f"{self._where}:{self.names[index]}"
        column = self._block(block, where)
        data = column[index - int(self._ends[block]) + len(column)].as_py()
        if data is None:
            raise InputError(f"{where} has no picture in its row; write the set with the pictures inside")
        return decode_photo(data, where)

    def _block(self, block: int, where: str) -> Any:
        """Encoded pictures of a row group."""
        if block not in self._kept:
            shard, group = self._groups[block]
            self._kept[block] = self._try(self._shards[shard], lambda: self._read_group(shard, group), where)
            if len(self._kept) > WINDOW_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(block)
        return self._kept[block]

    def _read_group(self, shard: int, group: int) -> Any:
        with _open(self._shards[shard], self._metadata[shard]) as file:
            is_struct = str(file.schema_arrow.field(self._column).type).startswith("struct")
            leaf = f"{self._column}.bytes" if is_struct else self._column
            column = file.read_row_group(group, columns=[leaf], use_threads=False).column(0).combine_chunks()
        return _flat(column) if is_struct else column

    def _inspect(self, shard: Shard) -> tuple[Any, list[str | None]]:
        """Metadata of a file and the `path` of its rows."""

        def read() -> tuple[Any, list[str | None]]:
            with _open(shard, None) as file:
                schema = file.schema_arrow
                if self._column is None or self._column not in schema.names:
                    self._column = find_image_column(schema, self._where, self._column)
                type_ = schema.field(self._column).type
                if "path: string" not in str(type_):
                    return file.metadata, [None] * file.metadata.num_rows
                column = file.read(columns=[f"{self._column}.path"], use_threads=False).column(0)
                return file.metadata, [row and row["path"] for row in column.to_pylist()]

        metadata, names = self._try(shard, read, shard.location)
        return metadata, names

    def _try(self, shard: Shard, read: Any, where: str) -> Any:
        """Read from a file; one on the network gets further chances, since its rows are not to blame."""
        for wait in (*_WAITS, None):
            try:
                return read()
            except InputError:
                raise
            except ImportError as error:
                raise missing_package(error) from error
            except Exception as error:
                if not shard.is_remote:
                    raise InputError(f"{where} cannot be read ({error}); get {shard.location} again") from error
                if wait is None:
                    raise DataError(
                        f"{shard.location} cannot be fetched ({error}); check the network, then go on from the last "
                        "checkpoint, or download the set (data.streaming=false)"
                    ) from error
                time.sleep(wait)
        raise AssertionError("not reached: the last chance returns or raises")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": OrderedDict()}


def find_image_column(schema: Any, where: str, wanted: str | None = None) -> str:
    """Name of the column that holds pictures.

    `datasets` writes into the file which columns are images; else it is a struct with `bytes`, or else binary.

    Raises:
        InputError: There is none, there are several, or not the wanted one.
    """
    known = ", ".join(schema.names)
    if wanted is not None:
        raise InputError(f"{where} has no column {wanted!r}, expected one of {known}; correct data.image_column")
    features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    types = {field.name: str(field.type) for field in schema}
    kinds = (
        [name for name, feature in features.items() if name in types and _says_image(feature)],
        [name for name, type_ in types.items() if type_.startswith("struct<") and "bytes: " in type_],
        [name for name, type_ in types.items() if type_ in ("binary", "large_binary")],
    )
    found: list[str] = next(filter(None, kinds), [])
    if len(found) != 1:
        got = f"several image columns ({', '.join(found)})" if found else f"no image column among {known}"
        raise InputError(f"{where} has {got}, expected one; name it as data.image_column, or give another set")
    return found[0]


def _says_image(feature: Any) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "Image"


def _flat(column: Any) -> Any:
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes")  # null where the row is


def _open(shard: Shard, metadata: Any) -> Any:
    """A parquet file, ready to read parts of; closed after use, so that worker processes share no file position."""
    import pyarrow.parquet as pq

    if not shard.is_remote:
        return pq.ParquetFile(shard.location, metadata=metadata, memory_map=True)
    from fsspec.core import url_to_fs

    system, path = url_to_fs(shard.location)
    # Exactly the ranges that are asked for: reading ahead would fetch megabytes for a file's table of contents.
    return pq.ParquetFile(system.open(path, "rb", cache_type="none"), metadata=metadata, pre_buffer=True)
