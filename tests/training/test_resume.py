"""A run that is killed and resumed ends where an uninterrupted one does; one that diverges loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import run_command
from safetensors.torch import save_file
from test_fit import CONFIG, fit, newest
from torch import Tensor, nn

from exegan.config import ModelConfig
from exegan.errors import WeightsError
from exegan.io.weights import read_checkpoint, read_safetensors
from exegan.losses import objective
from exegan.nets.checkpoint import load_model
from exegan.nets.style_encoder import SmallStyleEncoder
from exegan.training.checkpoints import newest_checkpoint
from exegan.training.export import copy_fitting_weights, export_run

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, faces: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    whole.mkdir()
    pieces.mkdir()
    assert fit(whole, faces, 0.024) == 0
    for total in (0.004, 0.012, 0.024):
        assert fit(pieces, faces, total, "--ckpt_path", "last") == 0
    assert_same(newest(whole), newest(pieces))
    other = tmp_path / "other"
    other.mkdir()
    assert fit(other, faces, 0.024, "--model.seed=1") == 0
    with pytest.raises(AssertionError):
        assert_same(newest(whole), newest(other))


def start(tmp_path: Path, faces: Path, total: float, *more: str) -> subprocess.Popen[str]:
    """A training in a process group of its own, as a scheduler starts it; its computation is that of `fit`."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=total), encoding="utf-8")
    command = [sys.executable, "train.py", "fit", "--config", str(config), "--ckpt_path", "last", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_a_checkpoint(tmp_path: Path, process: subprocess.Popen[str]) -> None:
    before = newest_images(tmp_path)
    while process.poll() is None and newest_images(tmp_path) == before:
        time.sleep(0.05)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_the_whole_group_saves_and_the_run_goes_on(
    tmp_path: Path, faces: Path, number: signal.Signals
) -> None:
    process = start(tmp_path, faces, 1000, "--data.num_workers=1", "--run.grid_kimg=1000")
    wait_for_a_checkpoint(tmp_path, process)
    os.killpg(process.pid, number)
    _, printed = process.communicate()
    assert process.returncode == 0 and "Traceback" not in printed and "worker" not in printed, printed
    images = int(newest(tmp_path)["images_seen"])
    whole = tmp_path / "whole"
    whole.mkdir()
    assert fit(whole, faces, (images + 8) / 1000) == 0
    assert fit(tmp_path, faces, (images + 8) / 1000, "--ckpt_path", "last", "--data.num_workers=1") == 0
    assert_same(newest(whole), newest(tmp_path))


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended may wait as a zombie until somebody asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find the workers")
def test_a_killed_run_leaves_no_worker_behind(tmp_path: Path, faces: Path) -> None:
    process = start(tmp_path, faces, 1000, "--data.num_workers=2")
    wait_for_a_checkpoint(tmp_path, process)
    parents = {
        int(path.parent.name): int(path.read_text().rpartition(")")[2].split()[1])
        for path in Path("/proc").glob("[0-9]*/stat")
    }
    workers = [pid for pid, parent in parents.items() if parent == process.pid]
    process.kill()
    process.communicate()
    assert len(workers) == 2
    for _ in range(600):
        if not any(map(is_running, workers)):
            return
        time.sleep(0.1)
    pytest.fail("a minute later there are still workers")


@pytest.mark.slow
def test_killed_three_times_at_any_moment(tmp_path: Path, faces: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert fit(whole, faces, 0.4, "--run.save_kimg=0.02") == 0
    kills = 0
    for moment in (0.13, 0.37, 0.61):
        process = start(tmp_path, faces, 0.4, "--run.save_kimg=0.02")
        wait_for_a_checkpoint(tmp_path, process)
        time.sleep(moment)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert kills >= 2, "the run was over before it could be killed"
    process = start(tmp_path, faces, 0.4, "--run.save_kimg=0.02")
    process.communicate()
    assert process.returncode == 0
    assert_same(newest(whole), newest(tmp_path))


def newest_images(tmp_path: Path) -> str:
    return max((path.name for path in (tmp_path / "run/checkpoints").glob("*.ckpt")), default="")


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def change_bytes(path: Path) -> None:
    """Other bytes in the middle of the file, where its tensors are."""
    content = bytearray(path.read_bytes())
    start = len(content) // 2
    content[start : start + 2000] = bytes(byte ^ 1 for byte in content[start : start + 2000])
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [shorten, change_bytes])
def test_a_damaged_newest_checkpoint_is_passed_over(
    tmp_path: Path, faces: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    assert fit(tmp_path, faces, 0.012) == 0
    older, newer = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))
    damage(newer)
    assert newest_checkpoint(tmp_path / "run") == older
    assert (
        f"{newer} is no readable" in caplog.text and f"going on from the checkpoint before it, {older}" in caplog.text
    )
    assert fit(tmp_path, faces, 0.012, "--ckpt_path", "last") == 0
    assert read_checkpoint(newer)["state_dict"]["images_seen"] == 12


def test_a_damaged_checkpoint_keeps_no_good_one_away(tmp_path: Path, faces: Path) -> None:
    """Where fewer are kept, what is written after a damaged one was passed over is not taken for the older."""
    assert fit(tmp_path, faces, 0.024) == 0
    older, newer = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))
    change_bytes(newer)
    assert fit(tmp_path, faces, 0.020, "--ckpt_path", "last", "--run.keep_checkpoints=1") == 0
    assert not older.exists() and newest_checkpoint(tmp_path / "run") == older.with_name("kimg-000000.020.ckpt")


def test_only_damaged_checkpoints_start_no_new_run(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    (only,) = (tmp_path / "run/checkpoints").glob("*.ckpt")
    change_bytes(only)
    damaged = only.read_bytes()
    assert fit(tmp_path, faces, 0.004, "--ckpt_path", "last") == 2
    assert f"{only} is no readable" in capsys.readouterr().err
    assert only.read_bytes() == damaged


@pytest.mark.parametrize("use", ["--ckpt_path", "--model.warm_start", "export"])
def test_a_damaged_checkpoint_is_of_no_use(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str], use: str
) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    (only,) = (tmp_path / "run/checkpoints").glob("*.ckpt")
    change_bytes(only)
    if use == "export":
        assert run_command("export", only, "-o", tmp_path / "model") == 2
        assert not (tmp_path / "model").exists()
    else:
        assert fit(tmp_path, faces, 0.008, use, str(only), f"--run.dir={tmp_path / 'other'}") == 2
    assert f"{only} is no readable PyTorch checkpoint (its part " in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_term_that_is_no_number_ends_the_run_with_its_name(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: float
) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    before = newest(tmp_path)
    spoilt = objective.reconstruction_loss
    monkeypatch.setattr(objective, "reconstruction_loss", lambda *inputs: spoilt(*inputs) * value)
    assert fit(tmp_path, faces, 0.1, "--ckpt_path", "last", "--data.self_exemplar_prob=1") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"train.py: the loss term 'reconstruction' became {value} at 0.008 kimg; lower")
    assert_same(newest(tmp_path), before)


def test_spoilt_weights_replace_no_checkpoint(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    before = newest(tmp_path)

    def spoil(self: torch.optim.Optimizer, *_: object, **__: object) -> None:
        self.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.Adam, "step", spoil)
    assert fit(tmp_path, faces, 0.012, "--ckpt_path", "last") == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("train.py: the ")
    assert_same(newest(tmp_path), before)


@pytest.fixture
def frozen_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A style encoder that is not trained, as `irse50` is, of a few thousand weights."""

    def make(config: ModelConfig) -> nn.Module:
        return SmallStyleEncoder(config.style_encoder, config.generator).requires_grad_(False)

    monkeypatch.setattr("exegan.nets.model.make_style_encoder", make)


def checkpoints(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))


@pytest.mark.usefixtures("frozen_encoder")
def test_what_is_frozen_is_kept_once_and_a_run_goes_on(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.016) == 0
    assert len(checkpoints(tmp_path)) == 2
    (file,) = (tmp_path / "run/checkpoints").glob("frozen-*.safetensors")
    assert not any(
        "style_encoder" in key for path in checkpoints(tmp_path) for key in read_checkpoint(path)["state_dict"]
    )
    encoder = {key: value for key, value in read_safetensors(file).items() if key.startswith("style_encoder.")}
    assert encoder and encoder.keys() == read_safetensors(file).keys()
    assert fit(tmp_path, faces, 0.024, "--ckpt_path=last") == 0
    whole = tmp_path / "whole"
    whole.mkdir()
    assert fit(whole, faces, 0.024) == 0
    assert_same(newest(whole), newest(tmp_path))

    exported = export_run(checkpoints(tmp_path)[-1], tmp_path / "exported").state_dict()
    assert all(torch.equal(exported[key], value) for key, value in encoder.items())
    written = load_model(tmp_path / "run/model").state_dict()
    assert_same(written, exported)
    started = nn.ModuleDict({"model": load_model(tmp_path / "run/model")})
    assert {f"model.{key}" for key in encoder} <= copy_fitting_weights(started, str(checkpoints(tmp_path)[-1]))


@pytest.mark.usefixtures("frozen_encoder")
def test_checkpoints_that_hold_the_frozen_encoder_still_load(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    path = checkpoints(tmp_path)[-1]
    content = read_checkpoint(path)
    (file,) = path.parent.glob("frozen-*.safetensors")
    frozen = {key: value + 1 for key, value in read_safetensors(file).items()}
    file.unlink()
    del content["frozen_sha256"]
    content["state_dict"] |= {
        f"{place}.{key}": value for place in ("model", "model_ema") for key, value in frozen.items()
    }
    torch.save(content, path)
    assert_same(
        {key: value for key, value in export_run(path, tmp_path / "a").state_dict().items() if key in frozen}, frozen
    )
    assert fit(tmp_path, faces, 0.012, "--ckpt_path=last") == 0
    newer = export_run(checkpoints(tmp_path)[-1], tmp_path / "b").state_dict()
    assert_same({key: newer[key] for key in frozen}, frozen)


@pytest.mark.usefixtures("frozen_encoder")
def test_another_frozen_encoder_is_refused(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(tmp_path, faces, 0.004, "--seed_everything=0") == 0
    before = newest(tmp_path)
    assert fit(tmp_path, faces, 0.008, "--ckpt_path=last", "--seed_everything=7") == 2
    assert "saved with another style_encoder than this run has" in capsys.readouterr().err.strip().splitlines()[-1]
    assert_same(newest(tmp_path), before)


@pytest.mark.usefixtures("frozen_encoder")
def test_a_checkpoint_without_its_frozen_encoder_is_no_model(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    (file,) = (tmp_path / "run/checkpoints").glob("frozen-*.safetensors")
    save_file({key: value + 1 for key, value in read_safetensors(file).items()}, file)
    with pytest.raises(WeightsError, match=r"frozen-\w+.safetensors is not what .* was saved with"):
        export_run(checkpoints(tmp_path)[-1], tmp_path / "model")
    file.unlink()
    with pytest.raises(WeightsError, match=r"needs frozen-\w+.safetensors beside it"):
        export_run(checkpoints(tmp_path)[-1], tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("frozen_encoder")
def test_a_frozen_encoder_is_taken_from_a_run_as_a_whole(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A larger model has heads that a smaller one's encoder lacks, and no training would ever fill them."""
    wide = "--model.model.generator.w_dim=512"
    assert fit(tmp_path, faces, 0.004, wide) == 0
    start = f"--model.warm_start={checkpoints(tmp_path)[-1]}"
    for name, side, expected in (("same", 16, 0), ("larger", 32, 2)):
        (tmp_path / name).mkdir()
        larger = f"--model.model.generator.resolution={side}"
        kind = "--model.model.style_encoder.kind=irse50"
        assert fit(tmp_path / name, faces, 0.004, wide, start, larger, kind) == expected
    assert "the style encoder irse50 is not trained" in capsys.readouterr().err.strip().splitlines()[-1]
