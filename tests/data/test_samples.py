"""Samples are a pure function of their number, and distributed as asked for."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import write_pictures
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from exegan.config import MaskConfig
from exegan.data.folder_zip import CachedSource, open_source
from exegan.data.samples import EndlessSampler, Sample, SampleStream
from exegan.data.source import WINDOW_BLOCKS, FaceSource, repeat_faces
from exegan.errors import InputError

COUNT = 7


@pytest.fixture
def source(tmp_path: Path) -> FaceSource:
    write_pictures(tmp_path / "faces", COUNT)
    return CachedSource(open_source(tmp_path / "faces"), 16)


def make_stream(source: FaceSource, **changes: Any) -> SampleStream:
    options = {"resolution": 16, "masks": MaskConfig(), "self_exemplar_prob": 0.3, "mirror": True, "seed": 0}
    return SampleStream(source, **(options | changes))


def assert_same(a: Sample, b: Sample) -> None:
    assert a.keys() == b.keys() and a["name"] == b["name"] and a["unreadable"] == b["unreadable"]
    for key in ("image", "exemplar", "mask", "is_self"):
        assert torch.equal(a[key], b[key]), key  # type: ignore[literal-required]


def number_of(picture: Tensor) -> int:
    return round((picture[0].mean().item() + 1) * 12.75)


def is_mirrored(picture: Tensor) -> bool:
    return bool(picture[1, :, 0].mean() > picture[1, :, -1].mean())


def test_a_sample(source: FaceSource) -> None:
    sample = make_stream(source)[3]
    assert sample["image"].shape == sample["exemplar"].shape == (3, 16, 16) and sample["mask"].shape == (1, 16, 16)
    assert sample["image"].dtype == sample["mask"].dtype == torch.float32 and sample["is_self"].dtype == torch.bool
    assert sample["image"].min() >= -1 and set(sample["mask"].unique().tolist()) == {0.0, 1.0}
    assert sample["name"] == f"{number_of(sample['image']):02}.png"


def test_same_number_same_sample_in_any_order(source: FaceSource) -> None:
    forwards = make_stream(source)
    samples = [forwards[number] for number in range(20)]
    backwards = make_stream(source)
    for number in reversed(range(20)):
        assert_same(backwards[number], samples[number])
    assert len({sample["mask"].numpy().tobytes() for sample in samples}) == 20


@pytest.mark.parametrize("change", ["jitter_self", "vary_self"])
def test_only_faces_that_are_their_own_exemplar_are_changed(source: FaceSource, change: str) -> None:
    plain, changed = make_stream(source), make_stream(source, **{change: True})
    for number in range(60):
        before, after = plain[number], changed[number]
        wanted = bool(before["is_self"]) and float(before["mask"].mean()) < 0.7
        assert torch.equal(before["exemplar"], after["exemplar"]) == (not wanted)
        assert_same({**after, "exemplar": before["exemplar"]}, before)
    assert_same(make_stream(source, **{change: True})[3], changed[3])


def test_image_and_exemplar_are_photographed_each_for_itself(source: FaceSource) -> None:
    plain = make_stream(source, self_exemplar_prob=1.0)
    photographed = make_stream(source, self_exemplar_prob=1.0, photographed=True)
    changed = []
    for number in range(40):
        before, after = plain[number], photographed[number]
        assert_same({**after, "image": before["image"], "exemplar": before["exemplar"]}, before)
        changed.append([not torch.equal(before[key], after[key]) for key in ("image", "exemplar")])  # type: ignore[literal-required]
    both = np.array(changed)
    assert 0.5 < both.mean() < 0.95 and (both[:, 0] != both[:, 1]).any()


def test_no_face_is_another_of_itself_where_it_comes_several_times(source: FaceSource) -> None:
    often = repeat_faces(source, {r"^0[01]": 9, r"^02": 0})
    assert sorted(set(often.names)) == [f"{number:02}.png" for number in (0, 1, 3, 4, 5, 6)]
    stream = make_stream(often, self_exemplar_prob=0.0)
    samples = [stream[number] for number in range(60)]
    assert all(number_of(sample["image"]) != number_of(sample["exemplar"]) for sample in samples)
    share = np.mean([number_of(sample["image"]) < 2 for sample in samples])
    assert share > 0.6, "two faces come nine times each, four once"


def test_seed_changes_order_and_holes(source: FaceSource) -> None:
    one, other = ([make_stream(source, seed=seed)[number] for number in range(COUNT)] for seed in (0, 1))
    assert [sample["name"] for sample in one] != [sample["name"] for sample in other]
    assert not any(torch.equal(a["mask"], b["mask"]) for a, b in zip(one, other, strict=True))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_workers_and_batches_change_nothing(workers: int, source: FaceSource) -> None:
    stream = make_stream(source)
    loader = DataLoader(stream, batch_size=3, sampler=EndlessSampler(5), num_workers=workers)
    for k, batch in enumerate(itertools.islice(loader, 3)):
        for i in range(3):
            sample: Any = {key: value[i] for key, value in batch.items()}
            assert_same(sample, stream[5 + 3 * k + i])


def test_processes_share_the_numbers() -> None:
    ranks = [list(itertools.islice(EndlessSampler(10 + rank, 3), 4)) for rank in range(3)]
    assert sorted(itertools.chain(*ranks)) == list(range(10, 22)) and ranks[1] == [11, 14, 17, 20]


def test_every_image_once_an_epoch(source: FaceSource) -> None:
    stream = make_stream(source)
    epochs = [[stream[COUNT * epoch + i]["name"] for i in range(COUNT)] for epoch in range(3)]
    assert all(sorted(names) == source.names for names in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_exemplars(source: FaceSource) -> None:
    stream = make_stream(source, self_exemplar_prob=0.3)
    samples = [stream[number] for number in range(300)]
    own = [sample for sample in samples if sample["is_self"]]
    assert len(own) / 300 == pytest.approx(0.3, abs=0.06)
    assert all(torch.equal(sample["exemplar"], sample["image"]) for sample in own)
    distances = [
        (number_of(sample["exemplar"]) - number_of(sample["image"])) % COUNT
        for sample in samples
        if not sample["is_self"]
    ]
    assert 0 not in distances, "an exemplar is another face"
    for distance in range(1, COUNT):
        assert distances.count(distance) / len(distances) == pytest.approx(1 / (COUNT - 1), abs=0.07)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_never_and_always_its_own_exemplar(probability: float, source: FaceSource) -> None:
    stream = make_stream(source, self_exemplar_prob=probability)
    assert {bool(stream[number]["is_self"]) for number in range(50)} == {bool(probability)}


@pytest.mark.parametrize("mirror", [False, True])
def test_mirror(mirror: bool, source: FaceSource) -> None:
    stream = make_stream(source, mirror=mirror, self_exemplar_prob=0.0)
    flips = [
        (is_mirrored(sample["image"]), is_mirrored(sample["exemplar"]))
        for sample in map(stream.__getitem__, range(200))
    ]
    for pair in itertools.product([False, True], repeat=2):
        wanted = 0.25 if mirror else float(pair == (False, False))
        assert flips.count(pair) / 200 == pytest.approx(wanted, abs=0.08)


def test_holes_are_as_configured(source: FaceSource) -> None:
    stream = make_stream(source, masks=MaskConfig("large_holes", min_hole=0.2, max_hole=0.4))
    shares = [stream[number]["mask"].mean().item() for number in range(10)]
    assert min(shares) >= 0.2 and max(shares) <= 0.4


def test_one_face_is_too_few(tmp_path: Path) -> None:
    write_pictures(tmp_path, 1)
    with pytest.raises(InputError, match="holds 1 face; expected at least 2"):
        make_stream(open_source(tmp_path))
    write_pictures(tmp_path, 2)
    stream = make_stream(open_source(tmp_path), self_exemplar_prob=0.0)
    assert all(number_of(stream[i]["image"]) + number_of(stream[i]["exemplar"]) == 1 for i in range(6))


def test_without_shuffling_faces_come_in_order_and_never_the_same_pair(source: FaceSource) -> None:
    stream = make_stream(source, shuffle=False, self_exemplar_prob=0.0)
    assert [stream[number]["name"] for number in range(2 * COUNT)] == source.names * 2
    assert_same(stream[3], make_stream(source, shuffle=False, self_exemplar_prob=0.0)[3])


@pytest.fixture
def damaged(tmp_path: Path, source: FaceSource) -> FaceSource:
    """The same faces, of which 02 and 04 cannot be read."""
    for name in ("02.png", "04.png"):
        (tmp_path / "faces" / name).write_bytes(b"no picture")
    return open_source(tmp_path / "faces")


def test_unreadable_face_is_replaced_and_named(damaged: FaceSource, tmp_path: Path) -> None:
    samples = [make_stream(damaged)[number] for number in range(100)]
    assert {sample["name"] for sample in samples} == set(damaged.names) - {"02.png", "04.png"}
    for sample in samples:
        assert sample["name"] == f"{number_of(sample['image']):02}.png"
        assert sample["is_self"] == (number_of(sample["exemplar"]) == number_of(sample["image"]))
    said = {line for sample in samples for line in sample["unreadable"].splitlines()}
    assert len(said) == 2 and all(f"{tmp_path}/faces/0" in line and "is not a picture" in line for line in said)


def test_samples_beside_an_unreadable_face_stay_as_they_were(source: FaceSource, tmp_path: Path) -> None:
    before = [make_stream(source)[number] for number in range(60)]
    (tmp_path / "faces" / "02.png").write_bytes(b"no picture")
    damaged = CachedSource(open_source(tmp_path / "faces"), 16)
    for number, sample in enumerate(make_stream(damaged)[number] for number in range(60)):
        touched = sample["unreadable"] != ""
        assert touched == (2 in (number_of(before[number]["image"]), number_of(before[number]["exemplar"])))
        assert torch.equal(sample["mask"], before[number]["mask"])
        if not touched:
            assert_same(sample, before[number])


def test_replacement_depends_on_the_number_alone(damaged: FaceSource) -> None:
    forwards, backwards = make_stream(damaged), make_stream(damaged)
    samples = [forwards[number] for number in range(40)]
    for number in reversed(range(40)):
        assert_same(backwards[number], samples[number])


def test_no_pair_left(source: FaceSource, tmp_path: Path) -> None:
    for name in source.names[1:]:
        (tmp_path / "faces" / name).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"too few faces can be read to make a pair \(.*0\d\.png is not a picture"):
        make_stream(open_source(tmp_path / "faces"), self_exemplar_prob=0.0)[0]


def test_a_set_that_is_mostly_unreadable_is_given_up(tmp_path: Path) -> None:
    names = write_pictures(tmp_path, 25)
    for name in names[:20]:
        (tmp_path / name).write_bytes(b"no picture")
    stream = make_stream(open_source(tmp_path))
    with pytest.raises(InputError, match=r"(\d+) of the \d+ faces tried cannot be read"):
        [stream[number] for number in range(25)]


def test_small_pictures_are_told_also_from_memory(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3, size=20)
    Image.new("RGB", (12, 40)).save(tmp_path / "03.png")
    for source in (open_source(tmp_path), CachedSource(open_source(tmp_path), 16)):
        stream = make_stream(source, self_exemplar_prob=1.0, shuffle=False)
        assert [stream[number]["enlarged"] for number in range(4)] == ["", "", "", "03.png"]
        assert stream[3]["image"].shape == (3, 16, 16)


class Blocks:
    """Faces 0..39 whose red is their number, in blocks of five; remembers what was read."""

    def __init__(self) -> None:
        self.names = [f"{number:02}" for number in range(40)]
        self.block_of = np.arange(40) // 5

    def read(self, index: int) -> Image.Image:
        return Image.new("RGB", (16, 16), (index, 0, 0))


@pytest.mark.parametrize("shuffle", [False, True])
def test_blocks_are_mixed_a_few_at_a_time(shuffle: bool) -> None:
    stream = make_stream(Blocks(), self_exemplar_prob=0.0, mirror=False, shuffle=shuffle)
    epochs = []
    for epoch in range(2):
        samples = [stream[40 * epoch + number] for number in range(40)]
        faces = [int(sample["name"]) for sample in samples]
        others = [round((sample["exemplar"][0, 0, 0].item() + 1) * 127.5) for sample in samples]
        assert sorted(faces) == list(range(40)) and all(a != b for a, b in zip(faces, others, strict=True))
        for half in (slice(0, 20), slice(20, 40)):  # windows of four blocks
            assert len({face // 5 for face in faces[half] + others[half]}) == WINDOW_BLOCKS
        epochs.append(faces)
    assert (epochs[0] == epochs[1] == list(range(40))) is not shuffle
    if shuffle:
        assert {face // 5 for face in epochs[0][:20]} != {face // 5 for face in epochs[1][:20]}
