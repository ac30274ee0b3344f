"""Two processes learn what one does with the doubled batch."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from test_fit import CONFIG, newest

ROOT = Path(__file__).resolve().parents[2]
# Dropout and augmentation draw for each process by itself; groups of two samples are the same in either run.
ALIKE = [
    "--model.model.generator.global_dropout=0",
    "--model.discriminator.stddev_group=2",
    "--model.losses.identity=0",
]


def train(
    folder: Path, faces: Path, *more: str, largest_file: int = resource.RLIM_INFINITY
) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(run=folder / "run", faces=faces, total=0.016), encoding="utf-8")
    command = [sys.executable, "train.py", "fit", "--config", str(config), *ALIKE, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)),
    )


def losses(folder: Path) -> list[dict[str, float]]:
    """Every logged row of losses, in the order of the batches."""
    with (folder / "run/metrics/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{name: float(value) for name, value in row.items() if name.startswith("train/") and value} for row in rows]


@pytest.mark.slow
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path, faces: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    done = train(one, faces, "--data.batch_size=4")
    assert done.returncode == 0, done.stderr
    done = train(two, faces, "--data.batch_size=2", "--trainer.devices=2")
    assert done.returncode == 0, done.stderr
    single, double = losses(one), losses(two)
    assert len(single) == len(double) and {"train/r1", "train/path_length", "train/attribute"} <= set(single[0])
    for expected, got in zip(single, double, strict=True):
        expected.pop("train/style_std", None), got.pop("train/style_std", None)  # over each process's own samples
        assert got == pytest.approx(expected, rel=1e-3, abs=1e-5)
    first, second = newest(one), newest(two)
    assert first.keys() == second.keys()
    assert first["images_seen"] == second["images_seen"] == 16
    # Adam turns the rounding of tiny gradients into steps of its own, so weights are only close.
    for key, value in first.items():
        assert second[key].double().sub(value).abs().max() < 5e-3, key


@pytest.mark.slow
def test_a_run_of_two_processes_goes_on(tmp_path: Path, faces: Path) -> None:
    pair = ["--data.batch_size=2", "--trainer.devices=2", "--ckpt_path=last"]
    assert train(tmp_path, faces, *pair, "--run.total_kimg=0.008").returncode == 0
    assert newest(tmp_path)["images_seen"] == 8
    assert train(tmp_path, faces, *pair).returncode == 0
    assert newest(tmp_path)["images_seen"] == 16
    assert newest(tmp_path)["batches_seen"] == 4


@pytest.mark.slow
def test_all_processes_stop_when_one_cannot_learn(tmp_path: Path, faces: Path) -> None:
    done = train(tmp_path, faces, "--data.batch_size=2", "--trainer.devices=2", "--model.optimizers.lr=1e30")
    assert done.returncode != 0
    assert "no longer finite" in done.stderr or "became" in done.stderr, done.stderr


@pytest.mark.slow
def test_all_processes_end_where_the_first_cannot_save(tmp_path: Path, faces: Path) -> None:
    """A file that may not grow is what a full disk is; the second process would wait for the first for ever."""
    pair = ["--data.batch_size=2", "--trainer.devices=2"]
    done = train(tmp_path, faces, *pair, largest_file=40_000)
    assert done.returncode == 2, done.stderr
    assert "kimg-000000.008.ckpt could not be written ([Errno 27] File too large)" in done.stderr
    assert list((tmp_path / "run/checkpoints").iterdir()) == []


@pytest.mark.slow
def test_a_process_that_shows_no_exemplar_has_every_figure(tmp_path: Path, faces: Path) -> None:
    """With one face in a batch, half of the steps of each process show none, and rarely both at once."""
    alone = ["--data.batch_size=1", "--model.exemplar_dropout_prob=0.5", "--model.losses.path_length=0"]
    done = train(tmp_path, faces, *alone, "--trainer.devices=2", "--model.discriminator.stddev_group=1")
    assert done.returncode == 0, done.stderr
    rows = losses(tmp_path)
    assert len(rows) == 8
    assert all({"train/attribute", "train/reconstruction", "train/adversarial"} <= set(row) for row in rows)
