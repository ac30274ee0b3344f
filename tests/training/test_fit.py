"""A whole training run on pictures made here: it saves on its ticks, stops, resumes and leaves a usable model."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch
import yaml
from helpers import tiny_perceptual_net
from PIL import Image

from exegan.config import DiscriminatorConfig, LossConfig, ModelConfig, OptimizerConfig, ProjectedConfig, from_dict
from exegan.data.samples import Sample
from exegan.errors import TrainingDiverged
from exegan.io.weights import read_checkpoint
from exegan.nets.checkpoint import load_model
from exegan.training.cli import main
from exegan.training.export import export_run
from exegan.training.module import ExeGanModule

CONFIG = """
run: {{dir: {run}, total_kimg: {total}, save_kimg: 0.008, grid_kimg: 0.008}}
data: {{path: {faces}, batch_size: 4, num_workers: 0, self_exemplar_prob: 0.5, masks: {{recipe: large_holes}}}}
model:
  model:
    family: lite
    generator: {{resolution: 16, channel_base: 128, channel_max: 8, z_dim: 8, w_dim: 8, global_dim: 8}}
    style_encoder: {{kind: small, resolution: 16, channel_base: 128, channel_max: 8}}
  discriminator: {{channel_base: 128, channel_max: 8}}
  losses: {{perceptual: 0.0, identity: 0.0, reconstruction: 1.0, r1_interval: 2, path_length_interval: 2}}
  optimizers: {{}}
trainer: {{accelerator: cpu, log_every_n_steps: 1, enable_model_summary: false}}
"""

# Lightning and the libraries below it warn about things that are none of a run's business.
pytestmark = pytest.mark.filterwarnings("ignore")


def fit(tmp_path: Path, faces: Path, total: float, *more: str) -> int:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(run=tmp_path / "run", faces=faces, total=total), encoding="utf-8")
    return main(["fit", "--config", str(config), *more])


def newest(tmp_path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = read_checkpoint(sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))[-1])[
        "state_dict"
    ]
    return state


def test_run_saves_on_its_ticks_and_leaves_a_model(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.020) == 0
    saved = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert saved == ["kimg-000000.016.ckpt", "kimg-000000.020.ckpt"], "the two newest, nothing half-written"
    assert newest(tmp_path)["images_seen"] == 20
    assert [p.name for p in sorted((tmp_path / "run/grids").iterdir())][-1] == "kimg-000000.020.png"
    with Image.open(tmp_path / "run/grids/kimg-000000.020.png") as grid:
        assert grid.size == (8 * 16, 4 * 16)
    with (tmp_path / "run/metrics/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    logged = {name for row in rows for name, value in row.items() if value}
    expected = {"adversarial", "attribute", "reconstruction", "r1", "path_length", "discriminator", "style_std"}
    assert {f"train/{name}" for name in expected} <= logged
    model = load_model(tmp_path / "run/model")
    assert model.mean_w.abs().sum() > 0
    assert json.loads((tmp_path / "run/model/config.json").read_text())["training"]["kimg"] == 0.02


def test_patches_of_the_hole_are_judged_and_carried_on(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The discriminator on frozen features learns, is saved, and serves another run's start."""
    monkeypatch.setattr("exegan.losses.objective.make_frozen_net", lambda config, kind: tiny_perceptual_net)
    wanted = ["--model.losses.adversarial=0", "--model.losses.projected=1", "--model.projected.width=4"]
    assert fit(tmp_path, faces, 0.040, *wanted) == 0
    state = newest(tmp_path)
    heads = {key for key in state if key.startswith("projected.heads.crop")}
    assert heads and not any("perceptual" in key for key in state), "the frozen network has its own file"
    with (tmp_path / "run/metrics/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["train/projected_discriminator"]) for row in rows if row["train/projected_discriminator"]]
    assert losses[-1] < losses[0], "noise with a hole is soon distinguished from noise"
    assert "train/projected" in rows[0] and "train/adversarial" not in rows[0] and "train/r1" not in rows[0]
    checkpoint = sorted((tmp_path / "run/checkpoints").glob("*.ckpt"))[-1]
    carried = tmp_path / "carried"
    export_run(checkpoint, carried, discriminator=True)
    nets = [ExeGanModule(**networks(projected=1.0, start=start)) for start in (str(carried), None)]
    begun, fresh = (net.projected.state_dict() for net in nets if net.projected is not None)
    assert all(torch.equal(begun[key.removeprefix("projected.")], state[key]) for key in heads)
    assert not all(torch.equal(begun[key], fresh[key]) for key in begun)


def networks(projected: float, start: str | None) -> dict[str, object]:
    """What the configuration above says of the networks."""
    sections = yaml.safe_load(CONFIG.format(run="", faces="", total=0))["model"]
    losses = from_dict(LossConfig, sections["losses"] | {"adversarial": 0.0, "projected": projected})
    return {
        "model": from_dict(ModelConfig, sections["model"]),
        "discriminator": from_dict(DiscriminatorConfig, sections["discriminator"]),
        "losses": losses,
        "optimizers": OptimizerConfig(),
        "projected": ProjectedConfig(width=4),
        "warm_start": start,
    }


def test_diversity_is_learned(tmp_path: Path, faces: Path) -> None:
    """With nothing else to learn, completions from different z part until they differ enough."""
    others = [
        f"--model.losses.{name}=0" for name in ("adversarial", "attribute", "reconstruction", "path_length", "r1")
    ]
    wanted = "--model.losses.diversity=1", "--model.losses.diversity_interval=1", "--model.losses.diversity_target=0.5"
    assert fit(tmp_path, faces, 0.160, "--model.losses.rim=1e-6", *others, *wanted) == 0
    with (tmp_path / "run/metrics/version_0/metrics.csv").open() as file:
        shortfall = [float(row["train/diversity"]) for row in csv.DictReader(file) if row["train/diversity"]]
    assert len(shortfall) == 40 and sum(shortfall[-5:]) < 0.8 * sum(shortfall[:5])


def test_training_moves_every_network_and_its_average(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.004) == 0
    before = newest(tmp_path)
    assert fit(tmp_path, faces, 0.020, "--ckpt_path", "last") == 0
    after = newest(tmp_path)
    for prefix in ("model.generator.", "model.style_encoder.", "discriminator.", "model_ema."):
        keys = [key for key in before if key.startswith(prefix) and key.endswith("weight")]
        assert keys
        assert any(not torch.equal(before[key], after[key]) for key in keys), prefix
    assert not any(key.startswith("objective.") for key in after)


def test_without_exemplars_only_the_rest_learns(tmp_path: Path, faces: Path) -> None:
    alone = "--model.exemplar_dropout_prob", "1", "--model.losses.path_length", "0"
    assert fit(tmp_path, faces, 0.004, *alone) == 0
    before = newest(tmp_path)
    assert fit(tmp_path, faces, 0.012, "--ckpt_path", "last", *alone) == 0
    after = newest(tmp_path)
    changed = {key for key in before if key.startswith("model.") and not torch.equal(before[key], after[key])}
    assert any(key.startswith("model.generator.mapping.") for key in changed)
    assert not any(key.startswith("model.style_encoder.") for key in changed), "nothing depends on exemplars"


def test_resume_goes_on_where_the_run_stood(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    assert fit(tmp_path, faces, 0.016, "--ckpt_path", "last") == 0
    assert newest(tmp_path)["images_seen"] == 16
    assert newest(tmp_path)["batches_seen"] == 4
    assert fit(tmp_path, faces, 0.016, "--ckpt_path", "last") == 0, "a finished run has nothing to do"
    assert newest(tmp_path)["images_seen"] == 16


def test_last_without_a_checkpoint_starts_a_run(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.004, "--ckpt_path", "last") == 0
    assert newest(tmp_path)["images_seen"] == 4


def test_a_piece_of_given_time_ends_with_everything_saved(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 1000, "--run.save_kimg=1000", "--trainer.max_time=00:00:00:02") == 0
    seen = newest(tmp_path)["images_seen"]
    assert 4 <= seen < 100_000
    assert fit(tmp_path, faces, float(seen + 4) / 1000, "--ckpt_path", "last") == 0
    assert newest(tmp_path)["images_seen"] == seen + 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_interrupt_finishes_the_batch_and_saves(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    whole_step = ExeGanModule.training_step

    def interrupted_step(self: ExeGanModule, batch: Sample, batch_idx: int) -> None:
        if batch_idx == 2:
            os.kill(os.getpid(), number)
        whole_step(self, batch, batch_idx)

    monkeypatch.setattr(ExeGanModule, "training_step", interrupted_step)
    handler = signal.getsignal(number)
    assert fit(tmp_path, faces, 1000) == 0
    assert newest(tmp_path)["images_seen"] == 12
    assert signal.getsignal(number) is handler


@pytest.mark.parametrize(("seconds", "images"), [(0.0, 12), (5.0, None)])
def test_only_a_later_signal_ends_at_once(
    tmp_path: Path, faces: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, images: int | None
) -> None:
    """`timeout` sends its signal twice in a moment; a person who asks again waits longer."""
    times = iter([0.0, seconds])
    monkeypatch.setattr("exegan.training.callbacks.time.monotonic", lambda: next(times))
    whole_step = ExeGanModule.training_step

    def interrupted_step(self: ExeGanModule, batch: Sample, batch_idx: int) -> None:
        for _ in range(2 * (batch_idx == 2)):
            signal.raise_signal(signal.SIGUSR1)
        whole_step(self, batch, batch_idx)

    def end(*_: object) -> None:
        raise TrainingDiverged("ended at once")

    monkeypatch.setattr(ExeGanModule, "training_step", interrupted_step)
    before = signal.signal(signal.SIGUSR1, end)
    try:
        assert fit(tmp_path, faces, 1000, "--run.save_kimg=1000") == (0 if images else 2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not images or newest(tmp_path)["images_seen"] == images


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model.ema_kimgs=1"], "ema_kimgs"),
        (["--data.path=missing"], "missing does not exist"),
        (["--data.masks.recipe=spots"], "spots"),
        (["--model.model.generator.resolution=48"], "power of two"),
        (["--model.losses.perceptual=1", "--model.losses.perceptual_net.name=vgg"], "vgg"),
        (["--model.warm_start=missing.ckpt"], "missing.ckpt"),
        (["--model.model.style_encoder.kind=irse50", "--model.model.generator.w_dim=512"], "warm_start"),
        (["--ckpt_path=missing.ckpt"], "missing.ckpt"),
        (["--run.total_kimg=0"], "run.total_kimg"),
        (["--run.save_kimg=-1"], "run.save_kimg"),
        (["--run.keep_checkpoints=0"], "run.keep_checkpoints"),
        (["--model.optimizers.lr=-1"], "optimizers.lr"),
        (["--model.optimizers.betas=[2, 3]"], "optimizers.betas"),
        (["--model.discriminator.stddev_group=0"], "discriminator.stddev_group"),
        (["--model.discriminator.channel_max=-4"], "discriminator.channel_max"),
        (["--model.discriminator.channel_base=1"], "discriminator.channel_base"),
        (["--model.losses.attribute=-1"], "losses.attribute"),
        (["--data.num_workers=-1"], "data.num_workers"),
        (["--data.self_exemplar_prob=2"], "data.self_exemplar_prob"),
        (["--data.validation_fraction=0.9"], "data.validation_fraction"),
        (["--data.batch_size=7"], "6 faces to train on"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert fit(tmp_path, faces, 0.004, *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("train.py: ")
    assert said in error
    assert not (tmp_path / "run").exists(), "nothing is written"


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_face_is_skipped_named_once_and_counted(
    tmp_path: Path, faces: Path, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    (faces / "3.png").write_bytes(b"no picture")
    assert fit(tmp_path, faces, 0.040, f"--data.num_workers={workers}") == 0
    said = [record.getMessage() for record in caplog.records if record.name == "exegan.data.samples"]
    named = [line for line in said if f"skipped a face: {faces}/3.png is not a picture" in line]
    assert len(named) == 1
    assert said[-1] == "faces that could not be read and were skipped, named above: 1"
    assert newest(tmp_path)["images_seen"] == 40


def test_mostly_damaged_faces_are_one_sentence_from_a_worker_too(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 6):
        (faces / f"{number}.png").write_bytes(b"no picture")
    assert fit(tmp_path, faces, 1, "--data.num_workers=1") == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train.py: ")]
    assert error.startswith("train.py: too few faces can be read to make a pair (")
    assert ".png is not a picture" in error


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_nothing_but_fit_is_offered(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Lightning would offer these, and end them with a traceback or with nothing done."""
    assert main([command, "--dry-run"]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("train.py: ") and command in error and "fit" in error


def test_run_folder_that_is_a_file_is_one_sentence(
    tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("mine")
    assert fit(tmp_path, faces, 1) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("train.py: cannot use ")
    assert (tmp_path / "run").read_text() == "mine"


def test_only_our_checkpoints_are_written(tmp_path: Path, faces: Path) -> None:
    assert fit(tmp_path, faces, 0.008) == 0
    assert {path.parent for path in (tmp_path / "run").rglob("*.ckpt")} == {tmp_path / "run/checkpoints"}
