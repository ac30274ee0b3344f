"""What a run reports, what a dry run reports before it, and what a checkpoint becomes afterwards."""

from __future__ import annotations

import argparse
import csv
import errno
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import tiny_model_config, write_pictures
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from PIL import Image
from test_fit import CONFIG, fit, newest

from exegan.config import to_dict
from exegan.errors import InputError, WeightsError
from exegan.io.weights import read_checkpoint, read_safetensors
from exegan.nets.checkpoint import load_model, read_description
from exegan.nets.style_encoder import SmallStyleEncoder
from exegan.training.callbacks import Pace
from exegan.training.export import export_run
from exegan.training.hardware import adapt

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def many_faces(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "many", 25)
    return tmp_path / "many"


def logged(tmp_path: Path, name: str) -> list[float]:
    """Every value of a figure in the table of a run's last start."""
    with sorted((tmp_path / "run/metrics").glob("version_*/metrics.csv"))[-1].open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_held_out_faces_are_measured_on_their_ticks(tmp_path: Path, many_faces: Path) -> None:
    held_out = ["--data.validation_fraction=0.2", "--run.validation_kimg=0.008"]
    assert fit(tmp_path, many_faces, 0.020, *held_out) == 0
    psnr, effect = logged(tmp_path, "val/psnr"), logged(tmp_path, "val/exemplar_effect")
    assert len(psnr) == len(effect) == 3, "after the first batch, at 8 and at 16 images"
    assert all(5 < value < 60 for value in psnr)
    assert all(value > 0 for value in effect), "another exemplar, another picture"
    assert all(value > 1e-3 for value in logged(tmp_path, "val/style_spread"))
    assert logged(tmp_path, "speed/images_per_second") == []  # five batches are too few to tell
    again = tmp_path / "again"
    again.mkdir()
    assert fit(again, many_faces, 0.020, *held_out) == 0
    assert logged(again, "val/psnr") == psnr


def test_pace_is_logged(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.1) == 0
    assert all(0 < value < 1e6 for value in logged(tmp_path, "speed/images_per_second"))
    assert len(set(logged(tmp_path, "speed/images_per_second"))) == 2, "one value for each ten batches"


def test_a_collapsed_style_encoder_is_named(
    tmp_path: Path, many_faces: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = SmallStyleEncoder.forward
    arguments = ["--data.validation_fraction=0.2", "--run.validation_kimg=0.004"]
    assert fit(tmp_path, many_faces, 0.008, *arguments) == 0
    assert "collapsed" not in caplog.text
    monkeypatch.setattr(SmallStyleEncoder, "forward", lambda self, image: whole(self, image * 0))
    assert fit(tmp_path, many_faces, 0.016, *arguments, "--ckpt_path=last") == 0
    assert "the style encoder has collapsed" in caplog.text and "losses.reconstruction" in caplog.text


def test_dry_run_tells_and_writes_nothing(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(tmp_path, faces, 10, "--dry-run") == 0
    printed = capsys.readouterr().out
    for word in (
        "6 to train on, 0 held out",
        "discriminator",
        "peak memory",
        "r1",
        "path_length",
        "nothing was written",
    ):
        assert word in printed
    assert not (tmp_path / "run").exists()


def test_dry_run_finds_what_is_wrong(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in list(faces.iterdir())[1:]:
        path.write_bytes(b"no picture")
    assert fit(tmp_path, faces, 10, "--dry-run") == 2
    assert capsys.readouterr().err.count("train.py:") == 1


def test_a_full_disk_loses_no_checkpoint(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    before = newest(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    assert fit(tmp_path, faces, 0.012, "--ckpt_path", "last") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "kimg-000000.012.ckpt could not be written" in error and "No space left" in error
    assert {path.suffix for path in (tmp_path / "run/checkpoints").iterdir()} == {".ckpt"}
    assert all(torch.equal(before[key], value) for key, value in newest(tmp_path).items())


def test_files_are_synced_as_windows_allows(tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def sync(number: int) -> None:
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr("os.fsync", sync)
    assert fit(tmp_path, faces, 0.004) == 0


def test_a_checkpoint_of_other_networks_is_named(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    assert fit(tmp_path, faces, 0.008, "--ckpt_path=last", "--model.model.generator.z_dim=4") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "model.generator.z_dim is 4, in the checkpoint 8" in error and "warm_start" in error


def test_export_gives_the_run_s_model(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    (*_, checkpoint) = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))
    export_run(checkpoint, tmp_path / "model")
    ours, runs = load_model(tmp_path / "model").state_dict(), load_model(tmp_path / "run/model").state_dict()
    assert all(torch.equal(ours[key], runs[key]) for key in runs)
    assert read_description(tmp_path / "model")["training"]["kimg"] == 0.008
    with pytest.raises(InputError, match="holds a model already"):
        export_run(checkpoint, tmp_path / "model")
    export_run(checkpoint, tmp_path / "model", half=True, overwrite=True)
    half = load_model(tmp_path / "model").state_dict()
    assert all(torch.allclose(half[key], runs[key], rtol=1e-3, atol=1e-4) for key in runs)


def test_another_run_can_start_from_an_export_with_its_discriminator(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    (*_, checkpoint) = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))
    export_run(checkpoint, tmp_path / "model", half=True, discriminator=True)
    printed = read_checkpoint(checkpoint)["state_dict"]
    kept = read_safetensors(tmp_path / "model/discriminator.safetensors")
    assert {f"discriminator.{key}" for key in kept} == {key for key in printed if key.startswith("discriminator.")}
    for key, value in kept.items():
        torch.testing.assert_close(value.float(), printed[f"discriminator.{key}"], rtol=1e-3, atol=1e-4)
    assert (
        fit(tmp_path, faces, 0.004, f"--run.dir={tmp_path / 'next'}", f"--model.warm_start={tmp_path / 'model'}") == 0
    )
    export_run(checkpoint, tmp_path / "model", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "model.safetensors"]


TINY = to_dict(tiny_model_config())


@pytest.mark.parametrize(
    "content",
    [
        {"g": {}, "args": argparse.Namespace()},
        {
            "hyper_parameters": {"model": to_dict(tiny_model_config()), "losses": ["abc"]},
            "state_dict": {"images_seen": 1},
        },
        {"hyper_parameters": {"model": to_dict(tiny_model_config()), "losses": {}}, "state_dict": {"images_seen": "x"}},
        {"hyper_parameters": [], "state_dict": {}},
    ],
)
def test_export_refuses_other_files(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="no checkpoint of a training run"):
        export_run(tmp_path / "other.pt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def trainer_section(**changes: object) -> argparse.Namespace:
    usual = {"strategy": "auto", "accelerator": "cpu", "devices": "auto", "num_nodes": 1, "plugins": None}
    return argparse.Namespace(**(usual | changes))


@pytest.mark.parametrize(
    ("changes", "several"),
    [
        ({}, False),
        ({"devices": 1}, False),
        ({"devices": 2}, True),
        ({"devices": "2"}, True),
        ({"devices": [0, 1], "accelerator": "gpu"}, True),
        ({"devices": "0,1", "accelerator": "gpu"}, True),
        ({"devices": 1, "num_nodes": 2}, True),
        ({"devices": 2, "strategy": "fsdp"}, False),
    ],
)
def test_several_processes_take_a_strategy_for_two_networks(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], several: bool
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert ("strategy" in adapt(trainer_section(**changes))) is several


def test_torchrun_decides_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert "strategy" in adapt(trainer_section())


def test_under_slurm_only_the_run_s_own_checkpoints_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SLURMEnvironment, "detect", staticmethod(lambda: True))
    monkeypatch.setenv("SLURM_NTASKS", "1")
    (plugin,) = adapt(trainer_section())["plugins"]
    assert plugin.auto_requeue is False
    assert "plugins" not in adapt(trainer_section(plugins=[plugin]))


def test_pace_is_due_once_a_multiple() -> None:
    pace = Pace(0.01)
    assert [pace.due(images) for images in (4, 8, 12, 16, 20, 24)] == [True, False, True, False, True, False]
    assert pace.behind(24) and not pace.behind(20)
    pace.start(24)
    assert not pace.due(28) and pace.due(30)


def test_figures_go_to_weights_and_biases(tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert fit(tmp_path, faces, 0.008, "--run.wandb=faces") == 0
    assert list((tmp_path / "run/wandb").glob("offline-run-*/*.wandb"))


@pytest.mark.slow
def test_benchmark_compares_settings(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "bench"))
    train_step = importlib.import_module("train_step")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=1), encoding="utf-8")
    figures = tmp_path / "figures.json"
    monkeypatch.setattr(train_step, "_TURNS", 1)
    variant = "data.batch_size=2"
    train_step.main([str(config), "--variant", variant, "--json", str(figures), "--", "--model.losses.path_length=0"])
    printed, runs = capsys.readouterr().out, json.loads(figures.read_text())["runs"]
    assert list(runs) == ["as configured", variant]
    for run in runs.values():
        assert {"generate", "discriminator", "r1", "generator", "ema"} <= set(run["phases"])
        assert "path_length" not in run["phases"], "what follows -- reaches every run"
    assert f"| {variant} |" in printed and "| as configured |" in printed


def test_curves_of_a_run_are_drawn(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    assert fit(tmp_path, faces, 0.016, "--ckpt_path=last") == 0
    script = Path(__file__).resolve().parents[2] / "scripts/plot_run.py"
    subprocess.run([sys.executable, script, tmp_path / "run", "-o", tmp_path / "curves.png"], check=True)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width >= 1000
        assert np.asarray(picture.convert("L")).std() > 5
