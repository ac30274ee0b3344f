"""What is trained on, what is held out, and what is said about faces that cannot be used."""

from __future__ import annotations

import io
import itertools
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers import write_pictures
from PIL import Image

from exegan.config import MaskConfig
from exegan.errors import ConfigError, InputError
from exegan.training.datamodule import FaceDataModule


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "faces", 25)
    return tmp_path / "faces"


def make_data(faces: Path, **changes: Any) -> FaceDataModule:
    options = {"resolution": 16, "masks": MaskConfig(), "batch_size": 3, "num_workers": 0, "validation_fraction": 0.3}
    return FaceDataModule(str(faces), **(options | changes))


def test_held_out_faces_are_never_trained_on(faces: Path) -> None:
    data = make_data(faces)
    assert data.validation_stream is not None and 4 <= data.validation_count <= 12
    held_out = set(data.validation_stream.source.names)
    assert set(data.stream.source.names) == {path.name for path in faces.iterdir()} - held_out
    trained = [data.stream[number] for number in range(100)]
    reds = {round((sample[key][0].mean().item() + 1) * 12.75) for sample in trained for key in ("image", "exemplar")}  # type: ignore[literal-required]
    assert reds == {int(name[:2]) for name in data.stream.source.names}
    assert set(data.grid_batch(8)["name"]) <= held_out


def test_validation_batches_hold_each_face_once_and_always_the_same(faces: Path) -> None:
    data = make_data(faces)
    batches = list(data.validation_batches())
    names = [name for batch in batches for name in batch["name"]]
    assert data.validation_stream is not None and names == sorted(names) == data.validation_stream.source.names
    assert not any(batch["is_self"].any() for batch in batches)
    again = list(make_data(faces, self_exemplar_prob=1.0).validation_batches(batch_size=1))
    for key in ("image", "exemplar", "mask"):
        ours, theirs = (torch.cat([batch[key] for batch in part]) for part in (batches, again))  # type: ignore[literal-required]
        assert torch.equal(ours, theirs)


def test_processes_share_validation(faces: Path) -> None:
    data = make_data(faces)
    parts = [[n for b in data.validation_batches(limit=4, rank=rank, ranks=3) for n in b["name"]] for rank in range(3)]
    assert [len(part) for part in parts] == [2, 1, 1]
    assert data.validation_stream is not None
    assert sorted(itertools.chain(*parts)) == data.validation_stream.source.names[:4]


def test_nothing_held_out(faces: Path) -> None:
    data = make_data(faces, validation_fraction=0.0)
    assert data.validation_stream is None and data.validation_count == 0 and list(data.validation_batches()) == []
    assert len(data.stream.source.names) == 25
    assert len(data.grid_batch(2)["name"]) == 2


def test_unusable_faces_are_named_once_and_counted(faces: Path, caplog: pytest.LogCaptureFixture) -> None:
    (faces / "07.png").write_bytes(b"")
    data = make_data(faces, resolution=32, validation_fraction=0.0)
    loader = iter(data.train_dataloader())
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            data.on_before_batch_transfer(next(loader), 0)
        data.teardown("fit")
    said = [record.getMessage() for record in caplog.records]
    assert sum("07.png is empty" in line for line in said) == 1
    assert sum("smaller than 32 px and is enlarged" in line for line in said) == 1
    assert said[-2:] == [
        "faces that could not be read and were skipped, named above: 1",
        "faces smaller than 32 px that were enlarged: 24",
    ]


def test_batch_larger_than_the_set(faces: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.batch_size is 26, but .* has 25 faces to train on; .* lower"):
        make_data(faces, batch_size=26, validation_fraction=0.0)


def test_one_face(tmp_path: Path) -> None:
    write_pictures(tmp_path, 1)
    with pytest.raises(InputError, match="holds 1 face; expected at least 2"):
        make_data(tmp_path, batch_size=1)


def test_streamed_parquet(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, "PNG")
    table = pa.table({"image": [{"bytes": buffer.getvalue(), "path": f"{number}.png"} for number in range(60)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5)
    data = make_data(tmp_path / "a.parquet", streaming=True, image_column="image", cache=True)
    trained = [data.stream[number]["name"] for number in range(60 - data.validation_count)]
    held_out = [name for batch in data.validation_batches() for name in batch["name"]]
    assert (
        sorted(trained + held_out, key=lambda name: int(name[:-4]))
        == table["image"].combine_chunks().field("path").to_pylist()
    )


def test_joined_sets(faces: Path, tmp_path: Path) -> None:
    write_pictures(tmp_path / "more", 9)
    data = make_data(faces, also=[str(tmp_path / "more")], weights={"^more/": 3})
    trained = data.stream.source.names
    assert data.validation_stream is not None
    assert len(set(trained)) + data.validation_count == 25 + 9
    assert {name.split("/")[0] for name in data.validation_stream.source.names} <= {"faces", "more"}
    assert all(trained.count(name) == (3 if name.startswith("more/") else 1) for name in set(trained))
    sample = next(sample for sample in map(data.stream.__getitem__, range(99)) if sample["name"].startswith("more/"))
    assert f"more/{round((sample['image'][0].mean().item() + 1) * 12.75):02}.png" == sample["name"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weights": {"(": 2}}, "no regular expression"),
        ({"weights": {"a": -1}}, "whole numbers from 0"),
        ({"also": ["SAME"]}, "different names"),
    ],
)
def test_sets_that_cannot_be_joined(faces: Path, changes: dict[str, Any], sentence: str) -> None:
    changes = {key: [str(faces)] if value == ["SAME"] else value for key, value in changes.items()}
    with pytest.raises(ConfigError, match=sentence):
        make_data(faces, **changes)
