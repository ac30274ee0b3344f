"""Finding the parquet files of a set: on disk, or on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exegan.errors import ExeGanError, InputError

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
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{name} cannot be had from the hub ({reason}); check name and network, and `hf auth login` if it is gated"
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
