"""Running a plan: once each, whole or not at all, the same bytes however often it was interrupted."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import write_chain
from helpers import run_command
from PIL import Image

from exegan.batch.manifest import Settings
from exegan.batch.pairing import plan_batch
from exegan.batch.plan import BatchPlan
from exegan.batch.run import Summary, run_batch
from exegan.batch.worker import Worker
from exegan.errors import ConfigError, InputError, Interrupted, MaskError
from exegan.inpainter import Inpainted, Inpainter, save_style
from exegan.io import read_mask, read_photo
from exegan.io.c2pa import read_manifest
from exegan.io.signing import Signer
from exegan.masks.regions import crop_region_mask


def plan(root: Path, **options: Any) -> BatchPlan:
    places = {kind: str(root / kind) for kind in ("photos", "masks", "exemplars")}
    return plan_batch(**{**places, **options})


def run(root: Path, model: Path, out: str = "out", **options: Any) -> Summary:
    settings = Settings(str(model), aligned=True, batch_size=options.pop("batch_size", 4))
    planned = plan(root, **{key: options.pop(key) for key in list(options) if key in ("samples", "exemplars", "seed")})
    return run_batch(planned, str(root / out), settings, show_progress=False, **options)


def outputs(root: Path, out: str = "out") -> dict[str, bytes]:
    return {path.relative_to(root / out).as_posix(): path.read_bytes() for path in (root / out).rglob("*.png")}


def lines(root: Path, out: str = "out") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / out / "manifest.jsonl").read_text().splitlines()]


def test_every_item_is_done_once_and_noted(folders: Path, model_dir: Path) -> None:
    summary = run(folders, model_dir, samples=2)
    assert (summary.planned, summary.done, summary.done_before, summary.problems) == (20, 20, 0, [])
    assert sorted(outputs(folders)) == sorted(item.output for item in plan(folders, samples=2).items)
    noted = lines(folders)
    assert len({entry["output"] for entry in noted}) == len(noted) == 20
    assert all(entry["status"] == "done" and entry["inputs"]["photo"]["sha256"] for entry in noted)
    again = run(folders, model_dir, samples=2)
    assert (again.done, again.done_before, again.exit_code) == (0, 20, 0)
    assert lines(folders) == noted


def test_outside_the_hole_nothing_changes_and_inside_it_does(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    for name in ("3", "more/9"):
        before, after = (np.asarray(Image.open(folders / path)) for path in (f"photos/{name}.jpg", f"out/{name}_0.png"))
        hole = read_mask(folders / f"masks/{name}.png")
        assert np.array_equal(before[~hole], after[~hole])
        assert not np.array_equal(before[hole], after[hole])


def test_bytes_depend_on_no_neighbour_and_no_number_of_threads(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    run(folders, model_dir, "threads", workers=4, batch_size=3)
    assert outputs(folders, "threads") == outputs(folders)
    for path in list((folders / "photos").glob("*.jpg"))[::2]:
        path.write_bytes(b"damaged")
    (folders / "few").mkdir()
    summary = run(folders, model_dir, "few")
    assert 0 < summary.done < 10
    few = outputs(folders, "few")
    assert few == {name: data for name, data in outputs(folders).items() if name in few}


def decode(data: bytes) -> np.ndarray[Any, Any]:
    import io

    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def test_different_strengths_are_one_batch(
    folders: Path, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(folders)
    items = [replace(item, job=replace(item.job, exemplar_strength=n / 10)) for n, item in enumerate(planned.items)]
    whole, batches = Inpainter.run, []
    monkeypatch.setattr(Inpainter, "run", lambda *a, **k: batches.append(k.get("strengths", [])) or whole(*a, **k))
    settings = Settings(str(model_dir), aligned=True, batch_size=4)
    assert run_batch(replace(planned, items=items), str(folders / "out"), settings, show_progress=False).done == 10
    assert sorted(map(len, batches)) == [2, 4, 4]
    for name in ("0", "5"):
        hole, exemplar = folders / f"masks/{name}.png", folders / f"exemplars/{name}.png"
        alone = [folders / f"photos/{name}.jpg", "--mask", hole, "--exemplar", exemplar, "--aligned"]
        alone += ["--model", model_dir, "--device", "cpu", "--exemplar-strength", int(name) / 10]
        assert run_command("inpaint", *map(str, alone), "-o", tmp_path / f"{name}.png") == 0
        assert (tmp_path / f"{name}.png").read_bytes() == outputs(folders)[f"{name}_0.png"]


def test_one_bad_file_costs_that_item_only(folders: Path, model_dir: Path) -> None:
    whole = (folders / "photos/4.jpg").read_bytes()
    (folders / "photos/4.jpg").write_bytes(whole[: len(whole) * 4 // 5])
    Image.new("L", (9, 9), 255).save(folders / "masks/6.png")
    summary = run(folders, model_dir)
    assert (summary.done, summary.exit_code) == (8, 1)
    assert {problem.output for problem in summary.problems} == {"4_0.png", "6_0.png"}
    assert "the mask is 9x9" in " ".join(problem.reason for problem in summary.problems)
    (folders / "photos/4.jpg").write_bytes(whole)
    again = run(folders, model_dir)
    assert (again.done, again.done_before, len(again.problems)) == (1, 8, 1), "a repaired file is tried again by itself"
    assert run(folders, model_dir, retry_failed=True).done == 0
    assert sum(entry["output"] == "6_0.png" for entry in lines(folders)) == 2, "tried again when asked to"


def test_changes_are_noticed_and_nothing_is_overwritten(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    before = outputs(folders)
    mask = np.asarray(Image.open(folders / "masks/2.png")).copy()
    mask[:4] = 255
    Image.fromarray(mask).save(folders / "masks/2.png")
    summary = run(folders, model_dir)
    (problem,) = summary.problems
    assert "2_0.png exists and was made with another mask" in problem.reason
    with pytest.raises(InputError, match=r"0_0.png exists and was made with another seed"):
        run(folders, model_dir, seed=9)
    assert outputs(folders) == before
    assert run(folders, model_dir, overwrite=True).done == 1
    changed = {name for name, data in outputs(folders).items() if data != before[name]}
    assert changed == {"2_0.png"}


def test_a_file_of_other_origin_is_kept(folders: Path, model_dir: Path) -> None:
    (folders / "out").mkdir()
    (folders / "out/1_0.png").write_bytes(b"mine")
    summary = run(folders, model_dir)
    assert summary.done == 9
    assert "1_0.png exists and is not of this batch" in summary.problems[0].reason
    assert (folders / "out/1_0.png").read_bytes() == b"mine"
    assert run(folders, model_dir, overwrite=True).done == 1


def test_touched_but_equal_files_are_no_change(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    for path in (folders / "photos").rglob("*.jpg"):
        os.utime(path, (1, 1))
    assert run(folders, model_dir).done_before == 10


def test_nothing_to_start_is_an_error(folders: Path, model_dir: Path) -> None:
    for path in (folders / "masks").rglob("*.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"none of 10 items can be done: .* no mask named 0"):
        run(folders, model_dir)
    assert not (folders / "out").exists()


def test_a_full_disk_stops_with_a_consistent_manifest(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, written = Inpainted.save, []

    def full(*arguments: Any, **options: Any) -> list[str]:
        if len(written) == 6:
            raise InputError("cannot be written") from OSError(errno.ENOSPC, "No space left on device")
        written.append(arguments)
        return save(*arguments, **options)

    monkeypatch.setattr(Inpainted, "save", full)
    with pytest.raises(InputError, match="is full; make room"):
        run(folders, model_dir, workers=1)
    noted = {entry["output"] for entry in lines(folders)}
    assert noted == set(outputs(folders))
    monkeypatch.setattr(Inpainted, "save", save)
    summary = run(folders, model_dir)
    assert summary.done + summary.done_before == 10 and summary.problems == []
    assert [path.name for path in (folders / "out").rglob(".*")] == [".batch.lock"]


def test_a_note_without_its_output_is_completed(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    before = outputs(folders)
    (folders / "out/3_0.png").rename(folders / "out/.3_0.partial.png")  # killed between note and name
    (folders / "out/4_0.png").rename(folders / "out/.4_0.partial.png")
    (folders / "out/.4_0.partial.png").write_bytes(b"half")  # killed before, and noted by nobody
    with (folders / "out/manifest.jsonl").open("a") as file:
        file.write('{"output": "5_0.p')
    summary = run(folders, model_dir)
    assert (summary.done, summary.done_before) == (1, 9)
    assert outputs(folders) == before
    assert json.loads(lines_text(folders)[-1])["output"] == "4_0.png"


def test_what_a_killed_or_doubled_writer_left_is_swept(folders: Path, model_dir: Path) -> None:
    run(folders, model_dir)
    before, out = outputs(folders), folders / "out"
    for name in (".3_0.partial.png", "..4_0.partial.png.123.tmp", "sub/.5_0.partial.png"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(b"half")
    others = [out / ".mine.png", out / "..of-another-batch.partial.png.123.tmp", out / "..4_0.partial.png.tmp"]
    for path in others:
        path.write_bytes(b"kept")
    assert run(folders, model_dir).done == 0
    left = [path for path in out.rglob(".*") if path.is_file() and path.name != ".batch.lock"]
    assert sorted(left) == sorted([*others, out / "sub/.5_0.partial.png"])  # which no item of the plan is written as
    assert {name: content for name, content in outputs(folders).items() if name in before} == before


def lines_text(root: Path) -> list[str]:
    return (root / "out/manifest.jsonl").read_text().splitlines()


def test_urls_are_places_too(folders: Path, model_dir: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in [p for kind in ("photos", "masks", "exemplars") for p in (folders / kind).rglob("*.*g")]:
        memory.pipe(f"/in/{path.relative_to(folders)}", path.read_bytes())
    planned = plan_batch("memory://in/photos", "memory://in/masks", "memory://in/exemplars")
    settings = Settings(str(model_dir), aligned=True, batch_size=4)
    assert run_batch(planned, "memory://out", settings, show_progress=False).done == 10
    run(folders, model_dir)
    assert {name: memory.cat(f"/out/{name}") for name in outputs(folders)} == outputs(folders)
    again = run_batch(planned, "memory://out", settings, show_progress=False)
    assert (again.done, again.done_before) == (0, 10)
    assert not [path for path in memory.find("/out") if ".partial" in path]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_what_is_in_flight(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    whole = Worker.complete

    def interrupted(self: Worker, batch: Any) -> Any:
        os.kill(os.getpid(), number)
        monkeypatch.setattr(Worker, "complete", whole)
        return whole(self, batch)

    monkeypatch.setattr(Worker, "complete", interrupted)
    summary = run(folders, model_dir, batch_size=1)
    assert summary.stopped and 0 < summary.done < 10
    assert {entry["output"] for entry in lines(folders)} == set(outputs(folders))
    assert run(folders, model_dir, batch_size=1).done == 10 - summary.done


def test_a_second_signal_ends_it_at_once(folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Worker, batch: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Worker, "complete", interrupted)
    with pytest.raises(Interrupted, match="interrupted twice"):
        run(folders, model_dir)
    assert outputs(folders) == {}


@pytest.mark.slow
def test_killed_ten_times_ends_like_undisturbed(folders: Path, model_dir: Path) -> None:
    rows = [
        {"photo": f"photos/{n}.jpg", "mask": f"masks/{m}.png", "exemplar": f"exemplars/{k}.png"}
        for n in range(8)
        for m in range(8)
        for k in range(4)
    ]
    (folders / "jobs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folders / "photos/3.jpg").write_bytes((folders / "photos/3.jpg").read_bytes()[:300])
    command = [sys.executable, "-m", "exegan", "batch", "--pairs", str(folders / "jobs.jsonl"), "--aligned", "--quiet"]
    command += ["--model", str(model_dir), "--batch-size", "4", "-o"]
    undisturbed = subprocess.run([*command, str(folders / "out")], check=False)
    assert undisturbed.returncode == 1
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(10):
        process = subprocess.Popen([*command, str(folders / "killed")])
        manifest = folders / "killed/manifest.jsonl"
        size = manifest.stat().st_size if manifest.exists() else 0
        while process.poll() is None and not (manifest.exists() and manifest.stat().st_size > size):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills >= 3
    assert subprocess.run([*command, str(folders / "killed")], check=False).returncode == 1
    assert outputs(folders, "killed") == outputs(folders)
    noted = [entry["output"] for entry in lines(folders, "killed") if entry["status"] == "done"]
    assert len(noted) == len(set(noted)) == 256 - 32
    assert sum(entry["status"] == "failed" for entry in lines(folders, "killed")) == 32


def test_regions_and_saved_styles_serve_all(folders: Path, model_dir: Path) -> None:
    inpainter = Inpainter.from_pretrained(model_dir)
    save_style(
        inpainter.make_style(read_photo(folders / "exemplars/1.png"), aligned=True), folders / "face.safetensors"
    )
    settings = Settings(str(model_dir), aligned=True, batch_size=4)
    for name, looks in (("photo", "exemplars/1.png"), ("style", "face.safetensors")):
        planned = plan_batch(str(folders / "photos"), "region:mouth+eyes", str(folders / looks))
        assert run_batch(planned, str(folders / name), settings, show_progress=False).done == 10
    assert outputs(folders, "photo") == outputs(folders, "style")
    before, after = np.asarray(Image.open(folders / "photos/0.jpg")), decode(outputs(folders, "style")["0_0.png"])
    hole = crop_region_mask("mouth+eyes", 32)
    assert np.array_equal(before[~hole], after[~hole]) and not np.array_equal(before[hole], after[hole])


def test_an_unknown_region_is_known_at_once(folders: Path) -> None:
    with pytest.raises(MaskError, match="tail"):
        plan_batch(str(folders / "photos"), "region:tail", str(folders / "exemplars"))


def test_outputs_are_signed_and_the_key_is_nowhere(folders: Path, model_dir: Path) -> None:
    pytest.importorskip("c2pa")
    chain = write_chain(folders / "secrets")
    settings = Settings(str(model_dir), aligned=True, batch_size=4, signer=Signer(*chain))
    assert run_batch(plan(folders), str(folders / "out"), settings, show_progress=False).done == 10
    for name in outputs(folders):
        manifest = read_manifest(folders / "out" / name)
        assert manifest is not None and manifest.is_intact and manifest.provenance is not None
    secret = chain.key.read_text().splitlines()[1]
    assert not any(secret.encode() in path.read_bytes() for path in (folders / "out").rglob("*") if path.is_file())
    assert run_batch(plan(folders), str(folders / "out"), settings, show_progress=False).done_before == 10
    with pytest.raises(InputError, match="was made with another signed_with"):
        run(folders, model_dir)
    with pytest.raises(ConfigError, match="stays on this machine"):
        run_batch(plan(folders), str(folders / "other"), settings, engine="ray")
