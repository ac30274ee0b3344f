"""Folders and zips of faces behind one interface; what cannot be used is named."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from helpers import write_pictures, zip_folder
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

from exegan.data.folder_zip import ZipSource, open_source
from exegan.data.source import FaceSource
from exegan.errors import InputError

NAMES = ["00.png", "01.png", "02.png", "deep/er/00.png", "deep/er/01.png", "é 漢.JPG"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures in several folders, among files that are none."""
    folder = tmp_path / "faces"
    write_pictures(folder, 3)
    write_pictures(folder / "deep" / "er", 2)
    Image.new("RGB", (20, 20), (90, 0, 0)).save(folder / "é 漢.JPG")
    (folder / "readme.txt").write_text("no picture")
    (folder / "png").write_text("no suffix")
    return folder


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    return folder if request.param == "folder" else zip_folder(folder, tmp_path / "faces.ZIP")


def reds(source: FaceSource, indices: list[int]) -> list[int]:
    return [source.read(index).getpixel((0, 0))[0] for index in indices]  # type: ignore[index]


def test_all_pictures_below_by_name(path: Path) -> None:
    source = open_source(str(path))
    assert source.names == NAMES
    assert reds(source, [0, 1, 2, 3, 4]) == [0, 10, 20, 0, 10]
    assert reds(source, [5])[0] == pytest.approx(90, abs=3)
    assert (source.read(5).mode, source.read(5).size) == ("RGB", (20, 20))


def test_what_only_looks_like_a_picture_is_left_out(path: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "album.png").mkdir()
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._00.png").write_bytes(b"\0\5\x16\7")  # what a Mac packs beside every file
    if path != folder:
        zip_folder(folder, path)
    assert open_source(path).names == NAMES


class Reds(Dataset[int]):
    """Red of each picture, through a data loader."""

    def __init__(self, source: FaceSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> int:
        return reds(self.source, [index])[0]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_worker_processes_read(path: Path) -> None:
    source = open_source(path)
    assert reds(source, [1]) == [10]
    loader = DataLoader(Reds(source), batch_size=2, num_workers=2, multiprocessing_context="fork")
    assert torch.cat(list(loader)).tolist() == [0, 10, 20, 0, 10]
    copy = pickle.loads(pickle.dumps(source))  # what a spawned worker gets
    assert copy.names == source.names and reds(copy, [0, 1, 2, 3, 4]) == [0, 10, 20, 0, 10]


def test_forked_worker_does_not_move_this_process_s_place_in_the_zip(folder: Path, tmp_path: Path) -> None:
    write_pictures(folder / "large", 3, size=20)
    (folder / "large" / "01.png").write_bytes(bytes(100_000))  # more than a read buffer between the others
    source = open_source(zip_folder(folder, tmp_path / "a.zip"))
    assert isinstance(source, ZipSource)
    first, last = source.names.index("large/00.png"), source.names.index("large/02.png")
    source.read(first)
    file = source._archive.fp
    assert file is not None
    place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
    loader = DataLoader(Subset(Reds(source), [last]), num_workers=1, multiprocessing_context="fork")
    assert torch.cat(list(loader)).tolist() == [20]
    assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == place
    source.read(last)
    assert os.lseek(file.fileno(), 0, os.SEEK_CUR) != place


@pytest.mark.parametrize("content", [b"", b"no picture", b"truncated"])
def test_damaged_picture_is_named(content: bytes, path: Path, folder: Path) -> None:
    whole = (folder / "01.png").read_bytes()
    (folder / "01.png").write_bytes(whole[: len(whole) // 2] if content == b"truncated" else content)
    if path != folder:
        zip_folder(folder, path)
    source = open_source(path)
    with pytest.raises(InputError, match=rf"{path}[/:]01\.png "):
        source.read(1)
    assert reds(source, [2]) == [20], "the others are still readable"


def test_picture_that_vanished_is_named(folder: Path) -> None:
    source = open_source(folder)
    (folder / "01.png").unlink()
    with pytest.raises(InputError, match=rf"{folder}/01\.png"):
        source.read(1)


def test_damage_inside_a_zip_is_named(folder: Path, tmp_path: Path) -> None:
    path = zip_folder(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("01.png")
    content = bytearray(path.read_bytes())
    content[entry.header_offset + 30 + len("01.png") + 20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path}:01\.png"):
        open_source(path).read(1)


def test_unsuitable_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none does not exist; give a folder or a zip"):
        open_source(tmp_path / "none")
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.tar is a \.tar file; expected a folder, a \.zip"):
        open_source(tmp_path / "a.tar")
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(InputError, match="is a plain file"):
        open_source(tmp_path / "plain")
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 no zip")
    with pytest.raises(InputError, match=r"bad\.zip is not a readable zip file"):
        open_source(tmp_path / "bad.zip")


def test_no_picture(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "a.txt").write_text("")
    for path in (folder, zip_folder(folder, tmp_path / "empty.zip")):
        with pytest.raises(InputError, match=r"holds no picture; expected files ending in .*\.bmp, .*\.jpeg"):
            open_source(path)


def test_encrypted_member_is_named(folder: Path, tmp_path: Path) -> None:
    path = zip_folder(folder, tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("01.png")
    directory = content.rindex(b"PK\1\2", 0, content.index(b"01.png", archive.start_dir))
    content[directory + 8] |= 1  # the flag that says encrypted
    path.write_bytes(content)
    assert entry.flag_bits & 1 == 0
    with pytest.raises(InputError, match=rf"{path}:01\.png cannot be unpacked .*encrypted"):
        open_source(path).read(1)
