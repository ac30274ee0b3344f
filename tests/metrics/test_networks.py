"""Networks of metrics: roles, marks, hashes, and what is left out without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import Quarters, compare, left_half, network, pictures
from helpers import fake_accelerator
from torch import Tensor

from exegan.errors import ConfigError, WeightsError
from exegan.io.weights import sha256_of
from exegan.metrics import networks
from exegan.metrics import networks as inception
from exegan.metrics.base import ImageBatch
from exegan.metrics.networks import make_networks
from exegan.metrics.registry import NETWORK_METRICS, PIXEL_METRICS, make_metrics
from exegan.nets.features import FROZEN_NETS

Shared = Callable[[str], Path]


def test_local_file_and_its_hash(shared: Shared) -> None:
    file = shared("nets/squeezenet11.safetensors")
    (found,), missing = make_networks({"squeezenet": str(file)}, "256", trained_on=["lpips-squeeze"])
    assert not missing and found.sha256 == sha256_of(file) and found.origin == file.name and found.trained_on
    assert found.label == "squeezenet, 256" and found.roles == {"maps", "features"}


def test_one_pass_gives_what_the_network_gives(shared: Shared) -> None:
    (found,), _ = make_networks({"squeezenet": str(shared("nets/squeezenet11.safetensors"))}, "64")
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    features = found.extract(image)
    for got, expected in zip(features.maps, found.module(image), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert features.vectors is not None and features.vectors.shape == (2, 512)


class Shifted(Quarters):
    """Has a weight, which is on one device."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.shift = torch.nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        return super().forward(image + self.shift)


def test_networks_run_on_their_device_and_rows_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    device = fake_accelerator(monkeypatch)
    loaded = {name: Shifted("maps" if name == "lpips-alex" else "features") for name in networks.DEFAULTS}
    monkeypatch.setattr(networks, "_load", lambda name, weights: (loaded[name], "0" * 64, "fake"))
    found, _ = make_networks(None, "16", (), device)
    assert {module.shift.device.type for module in loaded.values()} == {"meta"}
    metrics, _ = make_metrics(found, {})
    completed, truth = pictures(seed=0), pictures(seed=1)
    batch = replace(compare(completed, truth, left_half()), second=ImageBatch(pictures(seed=2)))
    on_networks = [metric for metric in metrics if metric.network]
    assert len(on_networks) == len(NETWORK_METRICS) + 4, "features of two networks"
    for metric in on_networks:
        rows = metric.measure(batch)
        assert isinstance(rows, np.ndarray) and len(rows) == 3, metric.name


def test_defaults_that_cannot_be_had_are_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, weights: str | None) -> None:
        raise WeightsError(f"could not get {name}")

    monkeypatch.setattr(networks, "_load", refuse)
    found, missing = make_networks(None, "256")
    assert not found and set(missing) == set(networks.DEFAULTS)
    metrics, left_out = make_metrics(found, missing)
    assert [metric.name for metric in metrics] == list(PIXEL_METRICS)
    assert {entry["metric"] for entry in left_out} == set(NETWORK_METRICS)
    reasons = {entry["metric"]: entry["reason"] for entry in left_out}
    assert reasons["diversity"] == "no network for it (lpips-alex: could not get lpips-alex)"
    assert "could not get inception" in reasons["U-IDS"] and "could not get facenet" in reasons["U-IDS"]


def test_a_network_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        make_networks({"squeezenet": str(tmp_path / "none.safetensors")}, "256")
    with pytest.raises(ConfigError, match="unknown metric network 'resnet', expected one of inception"):
        make_networks({"resnet": None}, "256")


def test_every_frozen_network_has_a_metric() -> None:
    for name in ("inception", *FROZEN_NETS):
        metrics, _ = make_metrics([network(name)], {})
        assert any(metric.network == name for metric in metrics), name


def test_metrics_have_names_of_their_own() -> None:
    metrics, _ = make_metrics([network(name) for name in ("inception", *FROZEN_NETS)], {})
    names = [metric.name for metric in metrics]
    assert len(names) == len(set(names))


def test_missing_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.svm", None)
    metrics, left_out = make_metrics([network("mobilefacenet")], {})
    assert not any("IDS" in metric.name for metric in metrics)
    assert all("pip install 'exegan[evaluate]'" in entry["reason"] for entry in left_out if "IDS" in entry["metric"])


def test_inception_from_a_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights in the real network: the file is read without executing anything, and 2048 features come out."""
    import torch_fidelity.feature_extractor_inceptionv3 as module

    class Loaded(Exception):
        pass

    state: dict[str, torch.Tensor] = {}

    def capture(self: torch.nn.Module, _: object) -> None:
        state.update(self.state_dict())
        raise Loaded

    with monkeypatch.context() as patched:
        patched.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", capture)
        with pytest.raises(Loaded):
            inception.InceptionFeatures({})
    file = tmp_path / "inception.pth"
    torch.save(state, file)
    net = inception.make_inception(str(file))
    (features,) = net(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert features.shape == (1, 2048) and np.isfinite(features.numpy()).all()
    elsewhere = net.to("meta")(torch.rand(1, 3, 64, 64, device="meta"))
    assert [(one.shape, one.is_meta) for one in elsewhere] == [((1, 2048), True)]
    torch.save({"conv.weight": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="does not fit Inception"):
        inception.make_inception(str(file))


def test_no_networks_on_request() -> None:
    metrics, left_out = make_metrics(*make_networks({}, "256"))
    assert all(metric.network is None for metric in metrics)
    assert {entry["reason"] for entry in left_out} == {"no network for it (name one with --net)"}
