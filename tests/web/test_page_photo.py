"""The photo on the page: its faces, and what is shown of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_pages import half_shown, make_inpainter, save_made
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.web.exemplars import Exemplar, ExemplarCache
from exegan.web.hole import HoleParts, make_hole, make_preview_hole
from exegan.web.photo import PREVIEW_SIDE, OpenedPhoto, open_photo_file, reduce


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenedPhoto:
    return open_photo_file(make_inpainter(monkeypatch, tmp_path), save_made(tmp_path / "photo.png", faces=3))


def test_a_photo_is_opened_with_its_faces(opened: OpenedPhoto) -> None:
    assert opened.size_hw == (100, 300)
    assert [face.box_xyxy[0] for face in opened.faces] == [10, 110, 210]


def test_a_photo_without_face_and_a_file_without_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inpainter = make_inpainter(monkeypatch, tmp_path)
    with pytest.raises(NoFaceFound, match=r"no face was found in the photo \(100×100 pixels\); choose one"):
        open_photo_file(inpainter, save_made(tmp_path / "empty.png", faces=0))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match="the photo is not a picture"):
        open_photo_file(inpainter, tmp_path / "text.png")


def test_a_large_photo_is_shown_reduced_and_its_faces_with_it(opened: OpenedPhoto) -> None:
    large = Image.new("RGB", (4000, 3000))
    assert reduce(large).size == (PREVIEW_SIDE, PREVIEW_SIDE * 3 // 4)
    half = half_shown(opened)
    assert half.preview_faces[1].box_xyxy == pytest.approx((55, 1.5, 95, 41.5))


def test_what_is_shown_is_a_new_file_each_time(opened: OpenedPhoto) -> None:
    picture = Image.new("RGB", (30, 20))
    files = [opened.save_preview(picture) for _ in range(2)]
    assert files[0] != files[1]
    with Image.open(files[1]) as shown:
        assert shown.size == (30, 20)
    opened.path.unlink()
    with pytest.raises(InputError, match="the photo is gone"):
        opened.save_preview(picture)


@pytest.fixture
def _not_for_ever() -> Iterator[None]:
    """Who opens a pipe waits until somebody writes to it."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it was opened"))
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_not_for_ever")
@pytest.mark.parametrize("kind", ["elsewhere", "pipe", "link", "folder", "detour"])
def test_only_files_of_the_page_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    folder, outside = tmp_path / "page", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    inpainter, photo = make_inpainter(monkeypatch, folder), save_made(outside / "face.png", faces=1)
    (folder / "link.png").symlink_to(photo)
    os.mkfifo(folder / "pipe.png")
    path = {
        "elsewhere": photo,
        "pipe": folder / "pipe.png",
        "link": folder / "link.png",
        "folder": folder,
        "detour": folder / ".." / "outside" / "face.png",
    }[kind]
    before = set(tmp_path.rglob("*"))
    opened = OpenedPhoto(path, (100, 100), (), path, (100, 100))
    parts = HoleParts(mask_file=path)
    own = open_photo_file(inpainter, save_made(folder / "face.png", faces=1))
    tries: list[Callable[[], object]] = [
        lambda: open_photo_file(inpainter, path),
        lambda: opened.save_preview(Image.new("RGB", (1, 1))),
        lambda: make_hole(own, parts),
        lambda: make_preview_hole(own, parts),
        lambda: ExemplarCache().style(inpainter, [Exemplar(path)]),
    ]
    for refused in tries:
        with pytest.raises(InputError, match="is no upload; drop it again"):
            refused()
    assert set(tmp_path.rglob("*")) - before == {folder / "face.png", own.preview_path, own.preview_path.parent}
