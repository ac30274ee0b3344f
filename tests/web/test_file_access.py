"""Pictures of visitors do not outlive their time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from exegan.web.file_access import delete_old_files, delete_regularly


def make_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"picture")
    return path


def test_what_is_old_goes_and_what_is_new_stays(tmp_path: Path) -> None:
    old = make_file(tmp_path / "a" / "old.png")
    time.sleep(0.3)
    new = make_file(tmp_path / "b" / "new.png")
    delete_old_files(tmp_path, 0.2)
    assert not old.exists() and new.exists()


def test_files_of_the_page_itself_stay(tmp_path: Path) -> None:
    own = make_file(tmp_path / "a" / "example.jpg")
    delete_old_files(tmp_path, -1, {own, own.parent})
    assert own.exists()


def test_empty_folders_go_in_the_end(tmp_path: Path) -> None:
    make_file(tmp_path / "a" / "b" / "old.png")
    for _ in range(3):  # a folder is as young as its last change
        delete_old_files(tmp_path, -1)
    assert list(tmp_path.iterdir()) == []


def test_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exegan.web.file_access._SWEEP_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr("exegan.web.file_access.FILE_LIFETIME_SECONDS", -1)
    own = make_file(tmp_path / "example.jpg")
    stopped = delete_regularly(tmp_path)
    try:
        for name in ("first.png", "second.png"):
            path = make_file(tmp_path / name)
            end = time.monotonic() + 5
            while path.exists() and time.monotonic() < end:
                time.sleep(0.02)
            assert not path.exists()
    finally:
        stopped.set()
    assert own.exists()
