"""The photo on the page: its faces, and what is shown of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from made_pages import half_shown, make_inpainter, save_made
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.web.completion import StyleCache
from exegan.web.hole import HoleParts, make_hole, make_preview_hole, read_strokes
from exegan.web.photo import ALL_FACES, PREVIEW_SIDE, TEAL, OpenedPhoto, draw_preview, open_photo_file, reduce


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
    with pytest.raises(InputError, match=r"text\.png"):
        open_photo_file(inpainter, tmp_path / "text.png")


def test_a_click_chooses_the_smallest_face_around_it(opened: OpenedPhoto) -> None:
    assert opened.face_at(150, 50) == 1
    assert opened.face_at(5, 99) is None


def test_a_large_photo_is_shown_reduced_and_its_faces_with_it(opened: OpenedPhoto) -> None:
    large = Image.new("RGB", (4000, 3000))
    assert reduce(large).size == (PREVIEW_SIDE, PREVIEW_SIDE * 3 // 4)
    half = half_shown(opened)
    assert half.preview_faces[1].box_xyxy == pytest.approx((55, 1.5, 95, 41.5))
    assert half.face_at(75, 25) == 1


def test_the_hole_is_coloured_and_the_chosen_faces_stand_out(opened: OpenedPhoto) -> None:
    hole = np.zeros((100, 300), dtype=bool)
    hole[60:70, 140:160] = True
    before, shown = np.asarray(opened.preview).astype(int), np.asarray(draw_preview(opened, 1, hole)).astype(int)
    assert np.abs(shown[hole] - (0.4 * before[hole] + 0.6 * np.array(TEAL))).max() <= 1
    beside = np.s_[60:70, 20:80]
    assert np.array_equal(shown[beside], before[beside]), "what is no hole is seen as it is"
    teal = [(np.asarray(draw_preview(opened, chosen, None)) == TEAL).all(axis=-1).sum() for chosen in (1, ALL_FACES)]
    assert 0 < 2 * teal[0] < teal[1]


def test_what_is_shown_is_a_new_file_each_time(opened: OpenedPhoto) -> None:
    files = [opened.save_preview(opened.preview) for _ in range(2)]
    assert files[0] != files[1]
    with Image.open(files[1]) as shown:
        assert shown.size == opened.preview.size
    assert opened.preview_copy == opened.preview_copy
    opened.path.unlink()
    with pytest.raises(InputError, match="the photo is gone"):
        opened.save_preview(opened.preview)


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
        lambda: opened.preview,
        lambda: make_hole(own, parts),
        lambda: make_preview_hole(own, parts),
        lambda: read_strokes([path]),
        lambda: StyleCache().style(inpainter, [path], "the exemplar"),
    ]
    for refused in tries:
        with pytest.raises(InputError, match="is no upload; drop it again"):
            refused()
    assert set(tmp_path.rglob("*")) - before == {folder / "face.png", own.preview_path, own.preview_path.parent}
