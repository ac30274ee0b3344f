"""Parquet files in the layout of Hugging Face datasets, on disk, on a (pretended) network and by a hub name."""

from __future__ import annotations

import builtins
import io
import pickle
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset

from exegan.config import MaskConfig
from exegan.data import parquet as parquet_module
from exegan.data.folder_zip import open_source
from exegan.data.parquet import ParquetSource, Shard, hub_shards
from exegan.data.samples import SampleStream
from exegan.data.source import WINDOW_BLOCKS, FaceSource
from exegan.errors import DataError, InputError


def png(red: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def table(reds: Sequence[int], paths: Sequence[str | None] | None = None, column: str = "image") -> pa.Table:
    rows = [{"bytes": png(red), "path": paths[i] if paths else None} for i, red in enumerate(reds)]
    image = pa.array(rows, type=pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    return pa.table({"label": list(reds), column: image})


def write(path: Path, content: pa.Table, rows: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, row_group_size=rows)
    return path


def reds(source: FaceSource) -> list[int]:
    return [source.read(index).getpixel((0, 0))[0] for index in range(len(source.names))]  # type: ignore[index]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards of ten and five rows in row groups of four."""
    write(tmp_path / "set/data/train-00000-of-00002.parquet", table(range(10)))
    write(tmp_path / "set/data/train-00001-of-00002.parquet", table(range(10, 15)))
    (tmp_path / "set/README.md").write_text("card")
    return tmp_path / "set"


def test_shards_in_order_with_names_by_row(folder: Path) -> None:
    source = open_source(folder)
    assert reds(source) == list(range(15))
    assert source.names[9:11] == ["data/train-00000-of-00002:9", "data/train-00001-of-00002:0"]
    assert source.block_of is None
    single = open_source(folder / "data/train-00001-of-00002.parquet")
    assert reds(single) == list(range(10, 15)) and single.names[0] == "train-00001-of-00002:0"


def test_written_by_datasets_with_its_own_names(tmp_path: Path) -> None:
    pictures = [{"bytes": png(red), "path": f"{red:05}.png"} for red in (7, 8, 9)]
    features = datasets.Features({"thumb": {"bytes": datasets.Value("binary")}, "face": datasets.Image()})
    rows = {"thumb": [{"bytes": b""}] * 3, "face": pictures}
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert source.names == ["00007.png", "00008.png", "00009.png"] and reds(source) == [7, 8, 9]


def test_names_that_repeat_are_no_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", table([1, 2], ["image.png", "image.png"]))
    assert open_source(path).names == ["a:0", "a:1"]
    path = write(tmp_path / "b.parquet", table([1, 2], ["x.png", None]))
    assert open_source(path).names == ["b:0", "b:1"]


def test_image_column(tmp_path: Path) -> None:
    one, other = table([1, 2]), table([3, 4], column="mask")
    both = write(tmp_path / "both.parquet", one.append_column("mask", other["mask"]))
    with pytest.raises(
        InputError, match=r"both\.parquet has several image columns \(image, mask\), expected one; name"
    ):
        open_source(both)
    assert reds(open_source(both, image_column="mask")) == [3, 4]
    with pytest.raises(InputError, match=r"has no column 'faces', expected one of label, image, mask"):
        open_source(both, image_column="faces")
    plain = write(tmp_path / "plain.parquet", pa.table({"label": [1], "png": pa.array([png(5)], pa.binary())}))
    assert reds(open_source(plain)) == [5]
    none = write(tmp_path / "none.parquet", pa.table({"label": [1]}))
    with pytest.raises(InputError, match="has no image column among label"):
        open_source(none)


def test_splits_of_a_folder(folder: Path) -> None:
    write(folder / "data/validation-00000-of-00001.parquet", table([99]))
    with pytest.raises(
        InputError, match=r"several splits \(train, validation\), expected one; choose it as .*/set#SPLIT"
    ):
        open_source(folder)
    assert reds(open_source(f"{folder}#validation")) == [99]
    assert len(open_source(f"{folder}#train").names) == 15
    with pytest.raises(InputError, match="has no split 'test', expected one of train, validation"):
        open_source(f"{folder}#test")


def test_pictures_beside_parquet_files(folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(folder / "a.png")
    with pytest.raises(InputError, match="holds pictures and parquet files"):
        open_source(folder)


def test_what_is_damaged_is_named(folder: Path) -> None:
    (folder / "data/train-00001-of-00002.parquet").write_bytes(b"PAR1 no PAR1")
    with pytest.raises(InputError, match=r"train-00001-of-00002\.parquet cannot be read"):
        open_source(folder)
    rows = [{"bytes": b"no picture", "path": None}, {"bytes": None, "path": None}, {"bytes": png(3), "path": None}]
    damaged = pa.table({"image": pa.array([*rows, None], table([1])["image"].type)})
    source = open_source(write(folder.parent / "bad.parquet", damaged))
    for index, said in (
        (0, r"bad\.parquet:bad:0 is not a picture"),
        (1, "bad:1 has no picture"),
        (3, "bad:3 has no pict"),
    ):
        with pytest.raises(InputError, match=said):
            source.read(index)
    assert source.read(2).getpixel((0, 0)) == (3, 0, 0)


def test_options_of_parquet_do_not_fit_other_sets(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    for options in ({"streaming": True}, {"image_column": "image"}):
        with pytest.raises(InputError, match=r"is not parquet, which data\.streaming and"):
            open_source(tmp_path, **options)  # type: ignore[arg-type]


def test_missing_package_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        package = name.partition(".")[0]
        if package in ("pyarrow", "datasets"):
            raise ModuleNotFoundError("gone", name=package)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"need the package pyarrow; pip install 'exegan\[data\]'"):
        open_source(folder)
    with pytest.raises(InputError, match=r"need the package datasets; pip install 'exegan\[data\]'"):
        open_source("hf:owner/name")


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_worker_processes_read(folder: Path) -> None:
    source = open_source(folder)
    source.read(0)
    copy = pickle.loads(pickle.dumps(source))
    assert reds(copy) == list(range(15))
    stream = SampleStream(source, 20, MaskConfig(), 0.0, False, 0, shuffle=False)
    loader = DataLoader(Subset(stream, range(15)), num_workers=2, multiprocessing_context="fork")
    assert [round((batch["image"][0, 0, 0, 0].item() + 1) * 127.5) for batch in loader] == list(range(15))


def test_memory_stays_small(folder: Path) -> None:
    source = open_source(folder)
    assert isinstance(source, ParquetSource)
    for index in np.random.default_rng(0).integers(0, 15, 50):
        assert source.read(int(index)).getpixel((0, 0)) == (index, 0, 0)
        assert len(source._kept) <= WINDOW_BLOCKS


class Remote:
    """A folder of shards behind fsspec's memory file system, which counts how often they are opened and may fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.system = fsspec.filesystem("memory")
        self.failures, self.opened = 0, 0
        self.shards = []
        for file in sorted(folder.rglob("*.parquet")):
            self.system.pipe(f"/{file.name}", file.read_bytes())
            self.shards.append(Shard(file.stem, f"memory://{file.name}"))
        open_parquet = parquet_module._open

        def counted(shard: Shard, metadata: Any) -> Any:
            self.opened += 1
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no route")
            return open_parquet(shard, metadata)

        monkeypatch.setattr(parquet_module, "_open", counted)
        monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def remote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    remote = Remote(folder, monkeypatch)
    yield remote
    remote.system.store.clear()


def test_streaming_fetches_each_row_group_once_an_epoch(remote: Remote) -> None:
    source = ParquetSource(remote.shards, "far", streaming=True)
    assert source.block_of is not None and source.block_of.tolist() == [0] * 4 + [1] * 4 + [2] * 2 + [3] * 4 + [4]
    assert remote.opened == 2, "the two tables of contents"
    stream = SampleStream(source, 20, MaskConfig(), 0.0, True, 0)
    for epoch in range(2):
        remote.opened = 0
        names = [stream[15 * epoch + number]["name"] for number in range(15)]
        assert sorted(names) == sorted(source.names)
        assert 1 <= remote.opened <= 5, "row groups, in windows of two and three"


def test_network_gets_further_chances_and_no_face_is_blamed(remote: Remote) -> None:
    source = ParquetSource(remote.shards, "far", streaming=True)
    remote.failures = 2
    assert source.read(3).getpixel((0, 0)) == (3, 0, 0)
    remote.failures = 99
    with pytest.raises(DataError, match=r"memory://train-00001.* cannot be fetched \(no route\); check the network"):
        SampleStream(source, 20, MaskConfig(), 0.0, True, 0, shuffle=False)[14]


def test_hub_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "data/validation-00000-of-00001.parquet", table([99]))
    whole, asked = datasets.load_dataset_builder, []

    def local(*arguments: Any, **options: Any) -> Any:
        asked.append((*arguments, *options.values()))
        return whole(str(folder))

    monkeypatch.setattr(datasets, "load_dataset_builder", local)
    for streaming in (False, True):
        source = open_source("hf:owner/faces-1.0:small@refs/convert/parquet#train", streaming=streaming)
        assert reds(source) == list(range(15)) and source.names[10] == "train-00001-of-00002:0"
        assert (source.block_of is not None) is streaming
    assert asked == [("owner/faces-1.0", "small", "refs/convert/parquet")] * 2
    assert reds(open_source("hf://owner/faces#validation")) == [99]
    with pytest.raises(InputError, match=r"several splits or none \(train, validation\), expected one; choose"):
        hub_shards("hf:owner/faces", True)
    with pytest.raises(InputError, match="has no such split, expected one of train, validation"):
        hub_shards("hf:owner/faces#test", True)


def test_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach 'owner/faces' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset_builder", fail)
    with pytest.raises(InputError, match=r"hf:owner/faces is unavailable on the hub \(Couldn't reach .*; check name"):
        open_source("hf:owner/faces")
    with pytest.raises(InputError, match=r"'hf:faces' is no hub name, expected hf:OWNER/NAME"):
        open_source("hf:faces")


def test_hub_set_of_loose_pictures_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (9, 9)).save(tmp_path / f"{name}.png")
    whole = datasets.load_dataset_builder
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: whole(str(tmp_path)))
    with pytest.raises(InputError, match="is not stored as parquet; try the hub's own copy"):
        open_source("hf:owner/faces")


def test_samples_are_the_same_however_read(folder: Path) -> None:
    first, second = (SampleStream(open_source(folder), 16, MaskConfig(), 0.2, True, 3) for _ in range(2))
    assert all(torch.equal(first[n]["image"], second[n]["image"]) for n in (0, 20, 7))
