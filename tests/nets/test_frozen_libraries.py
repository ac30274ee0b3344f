"""The adapters of lpips and facenet-pytorch give what these packages give; nothing is downloaded."""

from __future__ import annotations

import sys
import urllib.error
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from exegan.config import FrozenNetConfig
from exegan.errors import ConfigError, WeightsError
from exegan.nets.backbones import LPIPSFeatures
from exegan.nets.features import make_frozen_net
from exegan.nets.frozen import FrozenNet
from exegan.nets.recognition import FACENET_FILE, recognition_crop


def distance(net: FrozenNet, a: Tensor, b: Tensor) -> Tensor:
    """Perceptual distance as `exegan.nets.features` defines it, written naively."""
    pairs = zip(net(a), net(b), strict=True)
    return torch.stack([(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in pairs]).sum(dim=0)


@pytest.mark.parametrize("net", ["alex", "vgg", "squeeze"])
def test_lpips_features_give_lpips(net: str) -> None:
    lpips = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(pretrained=True, pnet_rand=True, net=net, verbose=False)
    features = LPIPSFeatures(model).freeze()
    a, b = torch.rand(2, 2, 3, 64, 72) * 2 - 1
    a.requires_grad_()
    expected = model(a, b).flatten()
    actual = distance(features, a, b)
    assert torch.allclose(actual, expected, rtol=1e-4), f"got {actual}, expected {expected}"
    assert not torch.allclose(actual * 1.001, expected, rtol=1e-4)
    (wanted,) = torch.autograd.grad(expected.sum(), a)
    (got,) = torch.autograd.grad(actual.sum(), a)
    assert (got - wanted).abs().max() <= 1e-3 * wanted.abs().max()
    assert features.num_levels == (7 if net == "squeeze" else 5)
    assert all(level.is_meta for level in features.to("meta")(a.detach().to("meta"))), "it follows to a device"


def test_lpips_takes_a_local_backbone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lpips = pytest.importorskip("lpips")
    torchvision = pytest.importorskip("torchvision")
    backbone = torchvision.models.squeezenet1_1(weights=None)
    torch.save(backbone.state_dict(), tmp_path / "a.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = make_frozen_net(FrozenNetConfig("lpips-squeeze", str(tmp_path / "a.pth")), "perceptual")
    assert capsys.readouterr() == ("", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(pnet_rand=True, net="squeeze", verbose=False)
    for part in model.net.children():
        for index, layer in part.named_children():
            layer.load_state_dict(backbone.features[int(index)].state_dict())
    a, b = torch.rand(2, 1, 3, 64, 64) * 2 - 1
    assert torch.allclose(distance(net, a, b), model(a, b).flatten(), rtol=1e-4)
    torch.save(torchvision.models.squeezenet1_0(weights=None).state_dict(), tmp_path / "b.pth")
    with pytest.raises(WeightsError, match=r"b\.pth does not fit .*misshapen \(features\.0\.weight: got \[96"):
        make_frozen_net(FrozenNetConfig("lpips-squeeze", str(tmp_path / "b.pth")), "perceptual")


def test_facenet_takes_a_local_file_with_classifier(tmp_path: Path) -> None:
    package = pytest.importorskip("facenet_pytorch")
    theirs = package.InceptionResnetV1(classify=True, num_classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "a.pt")
    net = make_frozen_net(FrozenNetConfig("facenet", str(tmp_path / "a.pt")), "recognition").train()
    theirs.classify = False
    pixels = torch.randint(0, 256, (2, 3, 210, 210)).float()  # whose face has the network's 160 pixels
    (embedding,) = net((pixels / 127.5 - 1).requires_grad_())
    assert torch.allclose(embedding, theirs((recognition_crop(pixels) - 127.5) / 128), atol=1e-5)
    assert embedding.shape == (2, 512) and torch.allclose(embedding.norm(dim=1), torch.ones(2))
    assert embedding.requires_grad and not any(weight.requires_grad for weight in net.parameters())


def no_connection(*args: object, **kwargs: object) -> None:
    raise urllib.error.URLError("no connection")


def test_facenet_without_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("facenet_pytorch")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(package.models.inception_resnet_v1, "download_url_to_file", no_connection)
    cached = tmp_path / "checkpoints" / FACENET_FILE
    with pytest.raises(
        WeightsError, match=r"recognition weights of facenet \(no connection\); put the file at"
    ) as caught:
        make_frozen_net(FrozenNetConfig("facenet"), "recognition")
    assert str(cached) in str(caught.value) and "mobilefacenet" in str(caught.value)
    # A file at the place the message names is what the library opens: here it is damaged.
    cached.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="Weights only load failed"):
        make_frozen_net(FrozenNetConfig("facenet"), "recognition")


def test_lpips_without_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lpips")
    models = pytest.importorskip("torchvision.models")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_connection)
    with pytest.raises(WeightsError, match=r"backbone of lpips-squeeze \(no connection\)") as caught:
        make_frozen_net(FrozenNetConfig("lpips-squeeze"), "perceptual")
    filename = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url.split("/")[-1]
    assert str(tmp_path / "hub" / "checkpoints" / filename) in str(caught.value)


@pytest.mark.parametrize(("name", "kind"), [("lpips-alex", "perceptual"), ("facenet", "recognition")])
def test_missing_package(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    monkeypatch.setitem(sys.modules, "facenet_pytorch", None)
    with pytest.raises(ConfigError, match=r"cannot be imported.*install .*pip install"):
        make_frozen_net(FrozenNetConfig(name), kind)  # type: ignore[arg-type]
