"""Raw photos become a set of aligned faces: whole or not at all, resumable, and nobody's files are touched."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from exegan.data import crops as workers_module
from exegan.data import prepare as prepare_module
from exegan.data.crops import CropOptions
from exegan.data.folder_zip import open_source
from exegan.data.prepare import Prepared, prepare
from exegan.errors import ConfigError, InputError, Interrupted
from exegan.faces.detect import Face

SIZE = 200


class FakeDetector:
    """Finds as many faces as the first pixel's red says, the second half as large as the first and so on."""

    seen = 0

    def detect(self, photo: Image.Image) -> list[Face]:
        FakeDetector.seen += 1
        faces = []
        for number in range(photo.getpixel((0, 0))[0]):  # type: ignore[index]
            side = 80 / 2**number
            landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * side + 40
            faces.append(Face((40, 40, 40 + side, 40 + side), landmarks, 1.0))
        return faces[::-1]  # not the largest first


@pytest.fixture(autouse=True)
def detector(monkeypatch: pytest.MonkeyPatch) -> type[FakeDetector]:
    monkeypatch.setattr(workers_module, "FaceDetector", FakeDetector)
    FakeDetector.seen = 0
    return FakeDetector


def photo(path: Path, faces: int = 1, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIZE, SIZE), (faces, colour, 90)).save(path, lossless=True)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    photo(raw / "b.png", colour=10)
    photo(raw / "a" / "é 1.png", colour=20)
    photo(raw / "two.png", faces=2, colour=30)
    photo(raw / "none.png", faces=0)
    (raw / "broken.jpg").write_bytes(b"no picture")
    (raw / "notes.txt").write_text("hello")
    return raw


def run(raw: Path, output: Path, workers: int = 0, overwrite: bool = False, **options: Any) -> Prepared:
    return prepare(raw, output, CropOptions(**({"resolution": 32} | options)), workers=workers, overwrite=overwrite)


def report(output: Path) -> dict[str, Any]:
    text = output.with_name(f"{output.name.removesuffix('.zip')}.report.json").read_text()
    return {record["photo"]: record for record in json.loads(text)["photos"]}


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["faces.zip", "faces"])
def test_set_and_report(raw: Path, tmp_path: Path, name: str) -> None:
    done = run(raw, tmp_path / name)
    source = open_source(tmp_path / name)
    assert source.names == ["a/é 1.webp", "b.webp", "two.webp"]
    for index, green in enumerate((20, 10, 30)):
        crop = source.read(index)
        assert crop.size == (32, 32)
        assert np.abs(np.asarray(crop)[..., 1].astype(int) - green).max() <= 1
    assert (done.faces, done.photos, done.others) == (3, 5, 1)
    assert done.skipped == {"no face": 1, "unreadable": 1}
    assert str(done).startswith(f"{tmp_path / name}: 3 faces of 5 photos; skipped 2 (1 no face, 1 unreadable); 1 other")
    said = report(tmp_path / name)
    assert sorted(said) == ["a/é 1.png", "b.png", "broken.jpg", "none.png", "two.png"]
    assert "is not a picture" in said["broken.jpg"]["detail"] and said["none.png"]["detail"].startswith("no face")
    assert said["two.png"]["detail"] == "2 faces, 1 left out (the largest was taken)"
    assert [crop["name"] for crop in said["b.png"]["crops"]] == ["b.webp"]
    assert left(tmp_path) == {"raw", name, "faces.report.json"}, "nothing unfinished is left"


def test_all_faces_and_the_smallest(raw: Path, tmp_path: Path) -> None:
    run(raw, tmp_path / "all.zip", all_faces=True, min_face=1)
    assert open_source(tmp_path / "all.zip").names == ["a/é 1.webp", "b.webp", "two.face2.webp", "two.webp"]
    first, second = (crop["side"] for crop in report(tmp_path / "all.zip")["two.png"]["crops"])
    assert first == pytest.approx(2 * second, rel=0.01)
    between = round((first + second) / 2)
    run(raw, tmp_path / "some.zip", all_faces=True, min_face=between)
    assert report(tmp_path / "some.zip")["two.png"]["detail"] == "2 faces, 1 left out (too small)"
    with pytest.raises(
        InputError, match=r"no photo gave a face to use; .*: 0 faces of 5 photos; skipped 5 .*3 too small"
    ):
        run(raw, tmp_path / "few.zip", min_face=round(first) + 1)
    assert not (tmp_path / "few.zip").exists() and "few.report.json" in left(tmp_path)


def test_one_name_for_several_photos(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name, green in (("a.png", 10), ("a.webp", 20), ("A.bmp", 30), ("a.webp.png", 40)):
        photo(raw / name, colour=green)
    run(raw, tmp_path / "f.zip")
    source = open_source(tmp_path / "f.zip")
    greens = {name: source.read(index).getpixel((9, 9))[1] for index, name in enumerate(source.names)}  # type: ignore[index]
    assert greens == {"A.webp": 30, "a.png.webp": 10, "a.webp.webp": 20, "a.webp.png.webp": 40}


def test_an_interrupted_run_goes_on(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(raw, tmp_path / "whole.zip")
    whole_crop, calls = workers_module.crop_photo, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole_crop(*arguments)

    monkeypatch.setattr(workers_module, "crop_photo", interrupted)
    with pytest.raises(Interrupted, match="the same command goes on"):
        run(raw, tmp_path / "f.zip")
    assert left(tmp_path) >= {"f.zip.partial"} and "f.zip" not in left(tmp_path)
    with (tmp_path / "f.zip.partial" / "journal.jsonl").open("a") as journal:
        journal.write('{"photo": "two.png", "si')  # what a kill in the middle of a line leaves
    with pytest.raises(InputError, match="unfinished set made with another resolution, min_face; give the same"):
        run(raw, tmp_path / "f.zip", resolution=64)
    run(raw, tmp_path / "f.zip")
    assert [arguments[2] for arguments in calls] == [
        "a/é 1.png", "b.png", "broken.jpg", "broken.jpg", "none.png", "two.png",
    ]  # fmt: skip
    assert (tmp_path / "f.zip").read_bytes() == (tmp_path / "whole.zip").read_bytes()
    assert "f.zip.partial" not in left(tmp_path)


def test_what_changed_meanwhile_is_done_again(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detector: type[FakeDetector]
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "f.zip")

    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, "write_set", fail)
        with pytest.raises(InputError, match=r"cannot be written \(No space left"):
            run(raw, tmp_path / "f.zip")
    assert detector.seen == 4
    photo(raw / "b.png", colour=99)
    os.utime(raw / "b.png", (1, 1))
    next((tmp_path / "f.zip.partial" / "crops").glob("*-1.webp")).write_bytes(b"")  # lost with the power
    (raw / "two.png").unlink()
    run(raw, tmp_path / "f.zip")
    assert 5 <= detector.seen <= 6, "only what was missing"
    source = open_source(tmp_path / "f.zip")
    assert source.names == ["a/é 1.webp", "b.webp"] and source.read(1).getpixel((5, 5))[1] == 99  # type: ignore[index]
    assert source.read(0).size == (32, 32)


def test_a_finished_set_is_left_alone(raw: Path, tmp_path: Path, detector: type[FakeDetector]) -> None:
    run(raw, tmp_path / "f.zip")
    before, seen = (tmp_path / "f.zip").stat(), detector.seen
    again = run(raw, tmp_path / "f.zip")
    assert again.already_done and again.faces == 3 and "was complete already" in str(again)
    assert (tmp_path / "f.zip").stat().st_mtime_ns == before.st_mtime_ns and detector.seen == seen
    for changes in ({"resolution": 64}, {"all_faces": True}):
        with pytest.raises(InputError, match="exists already, not made of these photos and options"):
            run(raw, tmp_path / "f.zip", **changes)
    photo(raw / "new.png")
    with pytest.raises(InputError, match="exists already"):
        run(raw, tmp_path / "f.zip")
    assert run(raw, tmp_path / "f.zip", overwrite=True).faces == 4
    assert len(open_source(tmp_path / "f.zip").names) == 4


def test_nobodys_files_are_touched(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    (tmp_path / "x.report.json").write_text("{}")
    (tmp_path / "y.zip.partial").mkdir()
    (tmp_path / "z.zip").mkdir()
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for output, overwrite, said in (
        ("mine.zip", False, "exists already"),
        ("folder", True, r"holds mine\.txt, which prepare did not write"),
        ("x.zip", True, r"x\.report\.json is in the way"),
        ("y.zip", True, r"y\.zip\.partial is in the way"),
        ("z.zip", True, "is a folder; choose another name"),
        ("file", True, "is a file; choose another name"),
        ("no/where.zip", False, "does not exist; make it first"),
    ):
        with pytest.raises(InputError, match=said):
            run(raw, tmp_path / output, overwrite=overwrite)
    assert sorted(tmp_path.rglob("*")) == before


def test_folder_set_is_replaced_whole(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()  # an empty one is nobody's loss
    run(raw, tmp_path / "faces")
    (raw / "b.png").unlink()
    run(raw, tmp_path / "faces", overwrite=True)
    assert open_source(tmp_path / "faces").names == ["a/é 1.webp", "two.webp"]


def test_set_inside_the_raw_folder_is_no_photo(raw: Path) -> None:
    run(raw, raw / "faces")
    assert run(raw, raw / "faces").already_done


def test_unsuitable_folder_and_options(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        run(tmp_path / "none", tmp_path / "f.zip")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(InputError, match=r"holds no picture \(1 other files\)"):
        run(tmp_path, tmp_path / "f.zip")
    with pytest.raises(ConfigError, match="resolution is 8, expected 16 to 2048"):
        run(tmp_path, tmp_path / "f.zip", resolution=8)
    with pytest.raises(ConfigError, match="workers is -1"):
        run(tmp_path, tmp_path / "f.zip", workers=-1)


def test_one_odd_photo_does_not_end_the_run(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(self: FakeDetector, photo: Image.Image) -> list[Face]:
        if photo.getpixel((0, 0))[0] == 2:  # type: ignore[index]
            raise RuntimeError("odd")
        return detected(self, photo)

    detected = FakeDetector.detect
    monkeypatch.setattr(FakeDetector, "detect", detect)
    assert run(raw, tmp_path / "f.zip").skipped == {"failed": 1, "no face": 1, "unreadable": 1}
    assert report(tmp_path / "f.zip")["two.png"]["detail"] == "RuntimeError: odd"


def test_processes_make_the_same_set_of_real_photos(
    tmp_path: Path, shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the real detector
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("male-05", "female-00"):
        with Image.open(shared(f"photos/{name}.jpg")) as image:
            image.resize((400, 400)).save(raw / f"{name}.jpg")
    Image.new("RGB", (300, 300), (90, 90, 90)).save(raw / "grey.png")
    assert run(raw, tmp_path / "one.zip", resolution=64).faces == 2
    assert run(raw, tmp_path / "two.zip", workers=2, resolution=64).skipped == {"no face": 1}
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        crop = np.asarray(Image.open(io.BytesIO(archive.read("male-05.webp"))).convert("RGB"))
    assert crop.shape == (64, 64, 3) and crop.std() > 20


def test_killed_worker_is_one_sentence_and_the_others_end(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    photos = [("none.png", (1, 1))] * 9
    records = workers_module.crop_photos(photos, raw, CropOptions(32), tmp_path / "crops", workers=2)
    assert next(records)["photo"] == "none.png"
    first, second = multiprocessing.active_children()
    first.kill()
    with pytest.raises(InputError, match="a worker process was ended from outside"):
        list(records)
    assert not second.is_alive()
