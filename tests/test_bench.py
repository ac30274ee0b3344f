"""The benchmark counts work rightly and compares like with like. Its times are never tested."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers import tiny_model_config, write_tiny_model

from exegan.nets.generator import Generator
from exegan.nets.layers import EqualConv2d
from exegan.ops.image import fir_filter, upsample
from exegan.ops.modulate import modulated_conv2d

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


def load(name: str) -> ModuleType:
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def test_work_is_counted_from_the_definition() -> None:
    layers = load("layers")
    network = torch.nn.Sequential(EqualConv2d(3, 5, 3), EqualConv2d(5, 7, 3, down=True))
    costs = layers.measure_layers(network, lambda: network(torch.zeros(1, 3, 16, 16)))
    assert [cost.name for cost in costs] == ["0", "1"]
    assert [cost.output for cost in costs] == [(5, 16, 16), (7, 8, 8)]
    assert [cost.gflop * 1e9 for cost in costs] == pytest.approx([2 * 9 * 3 * 5 * 256, 2 * 9 * 5 * 7 * 64])


def test_an_up_sampling_layer_works_at_its_input_s_size() -> None:
    layers = load("layers")
    config = tiny_model_config().generator
    generator = Generator(config).eval()
    inputs = torch.zeros(1, 3, 16, 16), torch.ones(1, 1, 16, 16), torch.zeros(1, config.num_ws, config.w_dim)
    costs = {cost.name: cost.gflop * 1e9 for cost in layers.measure_layers(generator, lambda: generator(*inputs))}
    assert costs["blocks.16.conv_up"] == pytest.approx(2 * 9 * 8 * 8 * 8 * 8)
    assert costs["blocks.16.conv"] == pytest.approx(2 * 9 * 8 * 8 * 16 * 16)
    assert costs["blocks.16.conv.affine"] == pytest.approx(2 * (config.w_dim + config.global_dim) * 8)


def test_textbook_operations_are_the_same_operations() -> None:
    textbook = load("textbook")
    x, weight, style = torch.randn(2, 4, 6, 6), torch.randn(3, 4, 3, 3), torch.randn(2, 4)
    torch.testing.assert_close(textbook.textbook_upsample(x), upsample(x))
    for pad in (1, 2):
        torch.testing.assert_close(textbook.textbook_filter(x, pad, 4.0), fir_filter(x, pad, 4.0))
    for up in (True, False):
        for demodulate in (True, False):
            options = {"up": up, "demodulate": demodulate, "gain": 1.5}
            slow = textbook.textbook_modulated_conv2d(x, weight, style, **options)
            torch.testing.assert_close(slow, modulated_conv2d(x, weight, style, **options), rtol=1e-4, atol=1e-4)


def test_report_has_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    model = write_tiny_model(tmp_path / "model")
    load("inference").main([str(model), "--batch", "1", "2", "--repeats", "1", "--json", str(file)])
    report = json.loads(file.read_text())
    assert [(row["network"], row["batch"]) for row in report["speed"]] == [
        (network, batch) for batch in (1, 2) for network in ("style encoder", "generator")
    ]
    for row in report["speed"]:
        assert row["x_floor"] == pytest.approx(
            row["seconds"] * row["sgemm_gflop_per_second"] / row["batch"] / report["networks"][row["network"]]["gflop"]
        )
        assert row["peak_memory_mib"] > 0
    assert report["textbook"]["largest_difference"] < 1e-3, "times of different pictures are no comparison"
    assert report["precision_error"]["float32"]["largest"] == 0 < report["precision_error"]["bfloat16"]["largest"] < 0.5
    assert sum(layer["gflop"] for layer in report["layers"]["generator"]) == pytest.approx(
        report["networks"]["generator"]["gflop"]
    )
    assert "| generator | 2 |" in capsys.readouterr().out


def test_stages_around_the_networks_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load("paste").main(["--megapixels", "0.1", "--resolution", "64", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["seconds"]) == {"decode", "align", "align mask", "paste", "report", "encode"}
    assert figures["known pixels identical"] is True
    assert "total seconds" in capsys.readouterr().out
