"""A run that is killed and resumed ends where an uninterrupted one does; one that diverges loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_fit import CONFIG, fit, newest
from torch import Tensor

from exegan.losses import objective
from exegan.training.checkpoints import newest_checkpoint
from exegan.weights import read_checkpoint

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


@pytest.mark.slow
def test_killed_three_times_at_any_moment(tmp_path: Path, faces: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    assert fit(whole, faces, 0.4, "--run.save_kimg=0.02") == 0
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=0.4), encoding="utf-8")
    command = [sys.executable, "train.py", "fit", "--config", str(config), "--run.save_kimg=0.02"]
    command += ["--ckpt_path", "last"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    kills = 0
    for moment in (0.13, 0.37, 0.61):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        before = newest_images(tmp_path)
        while process.poll() is None and newest_images(tmp_path) == before:
            time.sleep(0.05)
        time.sleep(moment)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills >= 2, "the run was over before it could be killed"
    assert subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert_same(newest(whole), newest(tmp_path))


def newest_images(tmp_path: Path) -> str:
    return max((path.name for path in (tmp_path / "run/checkpoints").glob("*.ckpt")), default="")


def test_a_damaged_newest_checkpoint_is_passed_over(
    tmp_path: Path, faces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert fit(tmp_path, faces, 0.012) == 0
    older, newer = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))
    newer.write_bytes(newer.read_bytes()[:1000])
    assert newest_checkpoint(tmp_path / "run") == older
    assert str(newer) in caplog.text
    assert fit(tmp_path, faces, 0.012, "--ckpt_path", "last") == 0
    assert read_checkpoint(newer)["state_dict"]["images_seen"] == 12


def test_only_damaged_checkpoints_start_no_new_run(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    (only,) = (tmp_path / "run/checkpoints").glob("*.ckpt")
    only.write_bytes(b"half")
    assert fit(tmp_path, faces, 0.004, "--ckpt_path", "last") == 2
    assert f"{only} is no readable" in capsys.readouterr().err
    assert only.read_bytes() == b"half"


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
