"""`exegan mask-set` and `exegan evaluate` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import run_command as run
from helpers import tiny_model_config
from PIL import Image

from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(0, 256, size=(32, 32, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


def test_mask_set_then_evaluate(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save_model(Model(tiny_model_config()), tmp_path / "model", {})
    assert run("mask-set", "irregular-32", "-o", tmp_path / "masks", "--count", "1") == 0
    assert "wrote 12 masks" in capsys.readouterr().out
    command = ["evaluate", model, "--data", faces, "--masks", tmp_path / "masks", "--bin", "20-40", "--net", "none"]
    command += ["--baseline", "biharmonic"]
    assert run(*command, "-o", tmp_path / "out") == 0
    table = capsys.readouterr().out
    assert table == (tmp_path / "out" / "results.md").read_text() and "| L1 in the hole ↓ |" in table
    assert "| biharmonic |" in table and "telea" not in table
    assert run(*command, "-o", tmp_path / "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "out" / "results.json").read_text())
    assert run(*command, "-o", tmp_path / "out", "--raw") == 2
    assert "holds an evaluation with another methods" in capsys.readouterr().err


def test_two_folders(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "--completed", faces, "--truth", faces, "--net", "none", "-o", tmp_path / "out") == 0
    table = capsys.readouterr().out
    assert "### All pictures" in table and "| L1 ↓ | 0.000 | 0.000 |" in table


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["default"],
        ["default", "--data", "x"],
        ["--completed", "x"],
        ["default", "--completed", "x", "--truth", "y"],
    ],
)
def test_half_a_command(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", *arguments, "-o", tmp_path / "out") == 2
    assert "give either MODEL --data FACES --masks SET, or --completed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unknown_baseline(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--completed", faces, "--truth", faces, "--net", "none"]
    assert run("evaluate", *folders, "--baseline", "kriging", "-o", tmp_path / "out") == 2
    assert "no baseline 'kriging'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unknown_network(tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "--completed", faces, "--truth", faces, "--net", "resnet", "-o", tmp_path / "out") == 2
    assert "unknown metric network 'resnet'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
