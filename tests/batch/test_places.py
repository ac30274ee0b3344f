"""Where a batch reads and writes: names of any bytes, two batches at once, a full disk, outputs among inputs."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import EXAMPLES, run_command, write_raw_photos
from PIL import Image

from exegan.batch.files import OutputFolder
from exegan.batch.manifest import Manifest, Settings
from exegan.batch.pairing import plan_batch
from exegan.batch.plan import printable
from exegan.batch.run import Summary, run_batch
from exegan.batch.worker import Worker
from exegan.errors import InputError


@pytest.fixture
def command(folders: Path, model_dir: Path) -> list[Any]:
    """`exegan batch` of ten aligned faces; `-o` and a folder come after it."""
    places = [folders / "photos", "--masks", folders / "masks", "--exemplars", folders / "exemplars"]
    return ["batch", *places, "--aligned", "--model", model_dir, "--batch-size", 4]


def run(root: Path, model: Path, **options: Any) -> Summary:
    planned = plan_batch(*(str(root / kind) for kind in ("photos", "masks", "exemplars")), output=str(root / "out"))
    settings = Settings(str(model), aligned=True, batch_size=4)
    return run_batch(planned, str(root / "out"), settings, show_progress=False, **options)


def lines(root: Path) -> list[str]:
    return (root / "out/manifest.jsonl").read_text(encoding="utf-8", errors="replace").split("\n")[:-1]


NAMES = [b"caf\xe9", "größe".encode(), "a\u2028b".encode(), "x\x85y".encode(), b"two\nlines", b"bell\x07", b"\x1b[31m"]


def renamed(root: Path) -> list[str]:
    """Photos, masks and exemplars with names that are no text, or break lines; their outputs."""
    for number, name in enumerate(NAMES):
        for kind, suffix in (("photos", b".jpg"), ("masks", b".png"), ("exemplars", b".png")):
            folder = os.fsencode(root / kind)
            try:
                os.rename(os.path.join(folder, b"%d" % number + suffix), os.path.join(folder, name + suffix))
            except OSError:
                pytest.skip("this disk has no such names")
    return [os.fsdecode(name) + "_0.png" for name in NAMES]


def test_names_of_any_bytes(folders: Path, command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = renamed(folders)
    out = folders / "out"
    for encoding in ("utf-8", "ascii"):
        printed = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding))
        assert run_command(*command, "-o", out, "--dry-run") == 0
        sys.stdout.flush()
        shown = printed.getvalue().decode(encoding).splitlines()
        assert len(shown) == 11 and shown[-1] == "10 items, 0 problems"
        assert any(line.startswith(r"caf\udce9_0.png <- ") for line in shown)
        assert any(line.startswith(r"two\nlines_0.png <- ") for line in shown)
    monkeypatch.undo()
    assert run_command(*command, "-o", out, "--quiet") == 0
    before = {name: (out / name).read_bytes() for name in outputs}
    noted = [json.loads(line)["output"] for line in lines(folders)]
    assert sorted(noted) == sorted([*outputs, "7_0.png", "more/8_0.png", "more/9_0.png"])
    assert noted == [json.loads(line)["output"] for line in "\n".join(lines(folders)).splitlines()]
    assert "größe" in "".join(lines(folders)), "what is text is written as such"
    assert run_command(*command, "-o", out, "--quiet") == 0
    assert len(lines(folders)) == 10, "all is found again"
    assert {name: (out / name).read_bytes() for name in outputs} == before


def test_a_manifest_of_an_earlier_version_with_ends_of_lines_in_names(folders: Path, model_dir: Path) -> None:
    renamed(folders)
    assert run(folders, model_dir).done == 10
    entries = [json.loads(line) for line in lines(folders) if r"\udc" not in line]
    old = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    assert len(old.splitlines()) > len(entries)
    (folders / "out/manifest.jsonl").write_text(old, encoding="utf-8")
    summary = run(folders, model_dir)
    assert summary.done_before == len(entries) == 9
    (problem,) = summary.problems
    assert "is not of this batch" in problem.reason and printable(problem.output).startswith(r"caf\udce9")
    assert str(summary).isascii()


def test_an_output_folder_of_any_bytes(folders: Path, command: list[Any]) -> None:
    out = os.fsdecode(os.fsencode(folders) + b"/o\xff\n")
    try:
        os.mkdir(out)
    except OSError:
        pytest.skip("this disk has no such names")
    assert run_command(*command, "-o", out) == 0
    assert len(Manifest(OutputFolder(out)).entries) == 10


@pytest.fixture
def other_batch(folders: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of the output folder."""
    (folders / "out").mkdir()
    code = "import filelock, sys\nwith filelock.FileLock(sys.argv[1]): print('in', flush=True), input()"
    lock = str(folders / "out/.batch.lock")  # the class takes seconds to import
    process = subprocess.Popen(
        [sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "in\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("engine", ["threads", "ray"])
def test_a_second_batch_into_a_folder_is_refused_until_the_first_was_killed(
    folders: Path,
    command: list[Any],
    other_batch: subprocess.Popen[str],
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    assert run_command(*command, "-o", folders / "out", "--engine", engine) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"another batch is writing to {folders / 'out'}; wait for its end" in line
    assert [path.name for path in (folders / "out").iterdir()] == [".batch.lock"]
    assert run_command(*command, "-o", folders / "other", "--quiet") == 0
    other_batch.send_signal(signal.SIGKILL)
    other_batch.wait()
    assert run_command(*command, "-o", folders / "out", "--quiet") == 0


def test_two_batches_at_once(folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    whole = Worker.complete

    def slow(self: Worker, slots: Any) -> Any:
        at_work.set()
        assert go_on.wait(60)
        return whole(self, slots)

    monkeypatch.setattr(Worker, "complete", slow)
    summaries: list[Summary] = []
    first = threading.Thread(target=lambda: summaries.append(run(folders, model_dir)))
    first.start()
    assert at_work.wait(60)
    try:
        with pytest.raises(InputError, match="another batch is writing"):
            run(folders, model_dir)
    finally:
        go_on.set()
        first.join(120)
    assert [(one.done, one.problems) for one in summaries] == [(10, [])]
    assert run(folders, model_dir).done_before == 10


def test_an_output_folder_that_is_a_file(folders: Path, command: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "out").write_bytes(b"mine")
    for out in (folders / "out", folders / "out/below", "x" * 300):
        assert run_command(*command, "-o", out) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "nothing can be written to" in line
    assert (folders / "out").read_bytes() == b"mine"


class FullDisk:
    """A file that has room for so many calls of one operation; from then on it and closing find the disk full."""

    def __init__(self, file: Any, operation: str, room: int) -> None:
        self._file, self._operation, self._room = file, operation, room

    def _call(self, operation: str, *arguments: Any) -> Any:
        if operation == self._operation:
            self._room -= 1
            if self._room < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return getattr(self._file, operation)(*arguments)

    def write(self, text: str) -> Any:
        return self._call("write", text)

    def flush(self) -> None:
        self._call("flush")

    def fileno(self) -> Any:
        return self._call("fileno")  # which is for `fsync`

    def close(self) -> None:
        self._file.close()
        if self._room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("operation", ["write", "flush", "fileno"])
def test_a_disk_full_at_the_manifest(
    folders: Path,
    command: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    operation: str,
) -> None:
    """At the second batch of three."""
    opened = OutputFolder.open_text
    monkeypatch.setattr(
        OutputFolder, "open_text", lambda self, name, mode: FullDisk(opened(self, name, mode), operation, 2)
    )
    (folders / "masks/2.png").unlink()  # a first line, before the batches
    assert run_command(*command, "-o", folders / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "manifest.jsonl in" in line and "(No space left on device); make room" in line
    monkeypatch.undo()
    assert run_command(*command, "-o", folders / "out", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["done"] + report["done_before"] == 9 and report["done_before"] >= 3
    assert not [path for path in (folders / "out").rglob(".*") if "partial" in path.name]


def test_closing_a_manifest_that_is_on_the_disk_raises_nothing(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = OutputFolder.open_text
    monkeypatch.setattr(OutputFolder, "open_text", lambda self, name, mode: FullDisk(opened(self, name, mode), "", 0))
    assert run(folders, model_dir).done == 10
    monkeypatch.undo()
    assert run(folders, model_dir).done_before == 10


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_manifest_on_a_full_device(folders: Path, command: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "out").mkdir()
    (folders / "out/manifest.jsonl").symlink_to("/dev/full")
    (folders / "masks/2.png").unlink()  # noted before anything else, so the first line fails
    assert run_command(*command, "-o", folders / "out") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "(No space left on device); make room" in line


def test_outputs_within_the_photos_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Raw photos, and all that belongs to them in folders below; three runs."""
    write_raw_photos(tmp_path, 2)
    photos = tmp_path / "photos"
    (photos / "exemplars").mkdir()
    for number in range(2):
        (photos / f"exemplars/{number}.jpg").write_bytes((EXAMPLES / f"face-{number + 2}.jpg").read_bytes())
    command = [
        "batch",
        photos,
        "--masks",
        "region:nose",
        "--exemplars",
        photos / "exemplars",
        "--json",
        "--batch-size",
        "1",
    ]
    (tmp_path / "link").symlink_to(photos, target_is_directory=True)
    for out, done in ((photos / "out", 2), (photos / "out/", 0), (tmp_path / "link/out", 0)):
        assert run_command(*command, "--device", "cpu", "-o", out) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["planned"], report["done"]) == (2, done)
    assert sorted(path.name for path in (photos / "out").glob("*.png")) == ["0_0.png", "1_0.png"]


def test_masks_and_outputs_within_the_photos(folders: Path, model_dir: Path) -> None:
    for kind in ("masks", "exemplars"):
        (folders / kind).rename(folders / "photos" / kind)
    photos = folders / "photos"
    places = [str(photos), str(photos / "masks"), str(photos / "exemplars")]
    for out, before in ((photos / "exemplars/out", 0), (photos / "exemplars/out", 10)):
        planned = plan_batch(*places, output=str(out))
        assert len(planned.items) == 10 and planned.problems == []
        summary = run_batch(planned, str(out), Settings(str(model_dir), aligned=True), show_progress=False)
        assert summary.done_before == before


@pytest.mark.parametrize("kind", ["photos", "masks", "exemplars"])
def test_outputs_among_the_inputs_are_refused(
    folders: Path, command: list[Any], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    before = sorted((folders / kind).rglob("*"))
    for extra in ([], ["--dry-run"]):
        assert run_command(*command, "-o", folders / kind, *extra) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert f"the outputs would lie among the {kind} in {folders / kind}" in line
        assert f"{folders / kind}/out for example" in line
    assert sorted((folders / kind).rglob("*")) == before


def test_the_photos_folder_within_the_outputs(folders: Path, model_dir: Path) -> None:
    """Beside it there is place; but not where an output's path leads into it."""
    places = [str(folders / kind) for kind in ("photos", "masks", "exemplars")]
    planned = plan_batch(*places, output=str(folders))
    summary = run_batch(planned, str(folders), Settings(str(model_dir), aligned=True), show_progress=False)
    assert summary.done == 10 and (folders / "more/8_0.png").exists()
    for kind in ("photos", "masks", "exemplars"):
        (folders / kind / "more").rename(folders / kind / "photos")
    with pytest.raises(InputError, match="would lie among the photos"):
        plan_batch(*places, output=str(folders))


def test_an_output_never_replaces_an_input(folders: Path, model_dir: Path) -> None:
    Image.open(folders / "photos/1.jpg").save(folders / "0_0.png")
    rows = [{"photo": photo, "mask": "masks/0.png", "exemplar": "exemplars/0.png"} for photo in ("0.jpg", "0_0.png")]
    (folders / "photos/0.jpg").rename(folders / "0.jpg")
    (folders / "jobs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    before = (folders / "0_0.png").read_bytes()
    planned = plan_batch(pairs=str(folders / "jobs.jsonl"), output=str(folders))
    settings = Settings(str(model_dir), aligned=True)
    summary = run_batch(planned, str(folders), settings, overwrite=True, show_progress=False)
    (problem,) = summary.problems
    assert summary.done == 1 and "0_0.png is one of the inputs" in problem.reason
    assert (folders / "0_0.png").read_bytes() == before


Change = Callable[[dict[str, Any]], Any]

LINES: dict[str, Change] = {
    "no status": lambda entry: entry.pop("status"),
    "null status": lambda entry: entry.update(status=None),
    "list as status": lambda entry: entry.update(status=[]),
    "no output": lambda entry: entry.pop("output"),
    "list as output": lambda entry: entry.update(output=[1]),
    "failed without error": lambda entry: (entry.update(status="failed"), entry.pop("error", None)),
    "null error": lambda entry: entry.update(status="failed", error=None),
    "no hash of the output": lambda entry: entry.pop("output_sha256"),
    "null hash of the output": lambda entry: entry.update(output_sha256=None),
    "no inputs": lambda entry: entry.pop("inputs"),
    "null inputs": lambda entry: entry.update(inputs=None),
    "null input": lambda entry: entry["inputs"].update(photo=None),
    "empty input": lambda entry: entry["inputs"].update(photo={}),
    "no hash of an input": lambda entry: entry["inputs"]["photo"].pop("sha256"),
    "null hash of an input": lambda entry: entry["inputs"]["photo"].update(sha256=None, size=None, mtime_ns=None),
    "null options": lambda entry: entry.update(options=None),
    "no seed": lambda entry: entry.pop("seed"),
}


@pytest.mark.parametrize("names", [list(LINES)[:9], list(LINES)[9:]], ids=["entry", "inputs"])
def test_lines_of_the_manifest_that_lack_something(folders: Path, model_dir: Path, names: list[str]) -> None:
    """A line of each kind, once where its output is there and once where it is not."""
    assert run(folders, model_dir).done == 10
    entries = [json.loads(line) for line in lines(folders)]
    changed = {entry["output"]: name for entry, name in zip(entries, names, strict=False)}
    for entry, name in zip(list(entries), names, strict=False):
        LINES[name](entry)
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    for is_there in (True, False):
        (folders / "out/manifest.jsonl").write_text(text)
        for output in changed if not is_there else ():
            (folders / "out" / output).unlink(missing_ok=True)
        summary = run(folders, model_dir)
        assert summary.done_before + summary.done + len(summary.problems) == 10
        assert summary.done_before >= 10 - len(changed)
        printed = {changed[problem.output]: problem.reason for problem in summary.problems}  # of no other line
        assert not any("Error" in reason or "None" in reason for reason in printed.values()), printed
    assert run(folders, model_dir, retry_failed=True, overwrite=True).problems == []


def test_lines_that_are_no_entries(folders: Path, model_dir: Path) -> None:
    assert run(folders, model_dir).done == 10
    junk = ["[" * 100_000, '{"output": ' * 100_000, "[]", "null", "1" * 5000, '"', "NaN", "\x00", "\r", "{}"]
    with (folders / "out/manifest.jsonl").open("a") as file:
        file.write("\n".join(junk) + "\n")
    with (folders / "out/manifest.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n\xed\xa0\x80\n" + b'{"output": "3_0.png", "status": ')  # and a kill in the end
    assert run(folders, model_dir).done_before == 10
    (folders / "out/3_0.png").unlink()
    assert run(folders, model_dir).done == 1
    assert json.loads(lines(folders)[-1])["output"] == "3_0.png", "on a line of its own"
