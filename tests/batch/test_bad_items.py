"""One bad item costs itself: whatever its files, its place or a library does, the others are done and it is noted."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import EXAMPLES, run_command, write_raw_photos
from PIL import Image

from exegan.batch import worker
from exegan.batch.engines import _RayWorker
from exegan.batch.manifest import Settings
from exegan.batch.pairing import plan_batch
from exegan.batch.plan import BatchPlan
from exegan.batch.run import Summary, run_batch
from exegan.batch.worker import Worker
from exegan.errors import InputError, Interrupted, WeightsError
from exegan.inpainter import Inpainted, Inpainter
from exegan.inpainter import run as running
from exegan.io import FORMATS


def plan(root: Path) -> BatchPlan:
    return plan_batch(*(str(root / kind) for kind in ("photos", "masks", "exemplars")))


def run(root: Path, model: Path, **options: Any) -> Summary:
    settings = Settings(str(model), aligned=True, batch_size=4)
    return run_batch(plan(root), str(root / "out"), settings, show_progress=False, **options)


def noted(root: Path, status: str) -> set[str]:
    lines = (root / "out/manifest.jsonl").read_text().splitlines()
    return {entry["output"] for entry in map(json.loads, lines) if entry["status"] == status}


def written(root: Path) -> set[str]:
    return {path.relative_to(root / "out").as_posix() for path in (root / "out").rglob("*.png")}


def test_a_region_beyond_the_photos_edge(tmp_path: Path) -> None:
    write_raw_photos(tmp_path, 2)
    out = tmp_path / "out"
    arguments = [tmp_path / "photos", "--masks", "region:chin", "--exemplars", EXAMPLES / "face-3.jpg", "-o", out]
    assert run_command("batch", *arguments, "--device", "cpu", "--batch-size", "1", "--quiet") == 1
    assert written(tmp_path) == noted(tmp_path, "done") == {"1_0.png"}
    assert noted(tmp_path, "failed") == {"0_0.png"}
    assert "nothing of 'chin' is left as a hole" in (out / "manifest.jsonl").read_text()


@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        ("decode", KeyError(320)),
        ("plan", ZeroDivisionError()),
        ("complete", RuntimeError("shapes differ")),
        ("paste", MemoryError()),
        ("save", RuntimeError("Error setting\nfrom dictionary")),
        ("save", OSError(errno.EIO, "Input/output error")),
    ],
)
def test_any_exception_of_an_item_is_its_entry(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, stage: str, fault: Exception
) -> None:
    break_at_photo_6(folders, stage)(monkeypatch, fault)
    summary = run(folders, model_dir)
    assert (summary.done, summary.exit_code) == (9, 1)
    (problem,) = summary.problems
    assert problem.output == "6_0.png" and "\n" not in problem.reason
    printed = type(fault).__name__ if not isinstance(fault, OSError) else "Input/output error"
    assert f"photos/6.jpg cannot be completed ({printed}" in problem.reason
    assert noted(folders, "failed") == {"6_0.png"} and noted(folders, "done") == written(folders)
    assert not [path for path in (folders / "out").rglob(".*") if "partial" in path.name]
    monkeypatch.undo()
    assert run(folders, model_dir, retry_failed=True).done == 1


def break_at_photo_6(root: Path, stage: str) -> Callable[[pytest.MonkeyPatch, BaseException], None]:
    """What makes a stage raise for `photos/6.jpg` alone."""
    with Image.open(root / "photos/6.jpg") as image:
        pixels = image.convert("RGB").tobytes()

    def wrap(place: Any, name: str, is_bad: Callable[..., bool]) -> Callable[[pytest.MonkeyPatch, BaseException], None]:
        def apply(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
            whole = getattr(place, name)

            def faulty(*arguments: Any, **options: Any) -> Any:
                if is_bad(*arguments):
                    raise fault
                return whole(*arguments, **options)

            monkeypatch.setattr(place, name, faulty)

        return apply

    return {
        "decode": wrap(worker, "open_photo", lambda path: path.name == "6.jpg"),
        "plan": wrap(Inpainter, "plan", lambda self, photo, hole, styles: photo.image.tobytes() == pixels),
        "complete": wrap(
            Worker, "_run", lambda self, batch: any(planned.item.output == "6_0.png" for planned in batch)
        ),
        "paste": wrap(running, "paste", lambda photo, drawn, hole, affine: photo.tobytes() == pixels),
        "save": wrap(Inpainted, "save", lambda self, path: path.name.startswith(".6_0")),
    }[stage]


@pytest.mark.parametrize("fault", [SystemExit(3), KeyboardInterrupt()], ids=lambda fault: type(fault).__name__)
def test_an_end_is_an_end(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    break_at_photo_6(folders, "save")(monkeypatch, fault)
    with pytest.raises(type(fault)):
        run(folders, model_dir)
    assert noted(folders, "done") == written(folders)
    monkeypatch.undo()
    assert run(folders, model_dir).problems == [] and len(written(folders)) == 10


def test_networks_that_always_fail_stop_the_batch(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("CUDA error:\nout of memory")

    monkeypatch.setattr(Inpainter, "generate", broken)
    places = [folders / "photos", "--masks", folders / "masks", "--exemplars", folders / "exemplars"]
    assert run_command("batch", *places, "--aligned", "--model", model_dir, "-o", folders / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "the networks cannot complete any picture (RuntimeError: CUDA error: out of memory)" in line
    assert written(folders) == set()
    monkeypatch.undo()
    assert run(folders, model_dir).done == 10


def test_a_second_signal_within_the_networks_is_no_fault_of_theirs(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Any:
        raise Interrupted("interrupted twice")

    monkeypatch.setattr(Inpainter, "generate", interrupted)
    with pytest.raises(Interrupted):
        run(folders, model_dir)


@pytest.mark.parametrize("error", [WeightsError("damaged"), InputError("the disk is full")])
def test_what_stops_a_batch_is_a_row_for_ray(error: Exception) -> None:
    """Ray makes a page of text of an exception, and tries again."""

    def broken() -> Any:
        raise error

    assert _RayWorker(broken)({"items": []}) == {"entries": "[]", "stopped": str(error)}


def avif_without_data(path: Path) -> None:
    """Pillow raises RuntimeError where it opens one: the extent of its only item says 0 bytes."""
    Image.new("RGB", (32, 32)).save(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"iloc") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    data[end - 4 : end] = bytes(4)
    path.write_bytes(data)


@pytest.mark.skipif(".avif" not in FORMATS, reason="this Pillow has no AVIF")
def test_whatever_a_decoder_raises_is_a_problem_of_the_plan(
    folders: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    avif_without_data(folders / "photos/6.avif")
    (folders / "photos/6.jpg").unlink()
    places = [folders / "photos", "--masks", folders / "masks", "--exemplars", folders / "exemplars"]
    command = ["batch", *places, "--aligned", "--model", model_dir, "-o", folders / "out"]
    assert run_command(*command, "--dry-run") == 1
    printed = capsys.readouterr().out
    assert "6.avif" in printed and "cannot be decoded (RuntimeError: Failed to decode image" in printed
    assert run_command(*command) == 1
    assert noted(folders, "failed") == {"6_0.png"} and len(written(folders)) == 9


def test_an_outputs_name_is_taken_by_a_folder_or_its_folder_by_a_file(folders: Path, model_dir: Path) -> None:
    (folders / "out/3_0.png").mkdir(parents=True)
    (folders / "out/.4_0.partial.png").mkdir()
    (folders / "out/more").write_bytes(b"a file")
    summary = run(folders, model_dir, overwrite=True)
    reasons = {problem.output: problem.reason for problem in summary.problems}
    assert set(reasons) == {"3_0.png", "4_0.png", "more/8_0.png", "more/9_0.png"}
    assert "3_0.png exists and is no file" in reasons["3_0.png"]
    assert [path.name for path in (folders / "out").rglob(".*") if path.is_file()] == [".batch.lock"]
    (folders / "out/3_0.png").rmdir()
    (folders / "out/.4_0.partial.png").rmdir()
    (folders / "out/more").unlink()
    assert run(folders, model_dir, retry_failed=True).done == 4


def test_a_folder_that_appears_between_note_and_name(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def hindered(source: Any, target: Any) -> None:
        if str(target).endswith("out/3_0.png"):
            os.mkdir(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", hindered)
    summary = run(folders, model_dir)
    (problem,) = summary.problems
    assert summary.done == 9 and "3_0.png cannot get its name (Is a directory)" in problem.reason
    assert [path.name for path in (folders / "out").rglob(".*")] == [".batch.lock"]
    monkeypatch.undo()
    (folders / "out/3_0.png").rmdir()
    assert (again := run(folders, model_dir)).done == 0 and again.problems[0].output == "3_0.png"
    assert run(folders, model_dir, retry_failed=True).done == 1


def test_long_names(folders: Path, model_dir: Path) -> None:
    """A name that leaves room for the output's has it, however long its staged file would be called."""
    for kind, suffix in (("photos", "jpg"), ("masks", "png"), ("exemplars", "png")):
        (folders / kind / f"5.{suffix}").rename(folders / kind / f"{'x' * 245}.{suffix}")
        (folders / kind / f"6.{suffix}").rename(folders / kind / f"{'y' * 251}.{suffix}")
    summary = run(folders, model_dir)
    assert f"{'x' * 245}_0.png" in written(folders) and summary.done == 9
    (problem,) = summary.problems
    assert problem.output.startswith("yyy") and "File name too long" in problem.reason
    assert run(folders, model_dir).done_before == 9
    assert [path.name for path in (folders / "out").rglob(".*")] == [".batch.lock"]


def table(root: Path, rows: list[dict[str, Any]]) -> str:
    good = {"photo": "photos/0.jpg", "mask": "masks/0.png", "exemplar": "exemplars/0.png"}
    (root / "jobs.jsonl").write_text("\n".join(json.dumps({**good, **row}) for row in [*rows, {}]))
    return str(root / "jobs.jsonl")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("zip://a.png::none.zip", "cannot be reached"),
        ("zip://a.png::jobs.jsonl", "BadZipFile"),
        ("ftp://127.0.0.1:1/a.png", "Connection refused"),
        ("http://127.0.0.1:1/a.png", "Connection refused"),
        ("zip://a.png::http://127.0.0.1:1/a.zip", "Connection refused"),
        ("http://nowhere.invalid/a.png", "cannot be reached"),
        ("http://host:99999/a.png", "is no address"),
        ("http://[::1/a.png", "Invalid IPv6"),
        ("foo://a.png", "install what its protocol needs"),
        ("github://a.png", "cannot be reached (TypeError"),
        (f"http://127.0.0.1:1/{'x' * 300}.png", "Connection refused"),
        ("x" * 300 + ".png", "does not exist"),
        ("\ud800.png", "does not exist"),
        ("\0.png", "does not exist"),
    ],
)
def test_places_that_cannot_be_reached(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, said: str
) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.chdir(folders)
    planned = plan_batch(pairs=table(folders, [{"photo": url}, {"exemplar": url}]))
    assert len(planned.sound) == 1 and len(planned.problems) == 2
    assert all(said in problem.reason and "\n" not in problem.reason for problem in planned.problems)
    assert run_command("batch", "--pairs", "jobs.jsonl", "-o", "out", "--dry-run") == 1
    assert capsys.readouterr().err == ""


def test_a_server_that_says_nothing_is_waited_for_once(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("exegan.batch.files._SILENCE_S", 0.2)
    monkeypatch.setattr("exegan.batch.plan._CONNECT_TIMEOUT_S", 0.1)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        planned = plan_batch(pairs=table(folders, [{"photo": f"{address}/{number}.png"} for number in range(3)]))
    assert len(planned.problems) == 3 and len({problem.reason for problem in planned.problems}) == 1
    assert "or its server does not answer" in planned.problems[0].reason


def test_an_input_that_went_away_after_the_plan(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(folders)
    (folders / "photos/6.jpg").unlink()
    summary = run_batch(planned, str(folders / "out"), Settings(str(model_dir), aligned=True), show_progress=False)
    assert summary.done == 9 and "does not exist" in summary.problems[0].reason


def test_a_full_disk_for_temporary_files_stops_the_batch(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_at_photo_6(folders, "decode")(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(InputError, match="is full; make room"):
        run(folders, model_dir)
    assert noted(folders, "failed") == set() and noted(folders, "done") == written(folders)
    monkeypatch.undo()
    assert run(folders, model_dir).problems == []
