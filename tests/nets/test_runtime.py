"""However a model is run, its pictures are those of the plain networks, to the number format's tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import assert_close, tiny_model_config
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from exegan.errors import ConfigError
from exegan.nets import model as runtime
from exegan.nets.model import Model, TorchNetworks


@pytest.fixture
def model(device: torch.device) -> Model:
    model = Model(tiny_model_config()).eval().requires_grad_(False).to(device)
    model.update_mean_w()
    return model


def run(networks: Any, batch: int = 2, strength: float | Tensor = 0.7) -> tuple[Tensor, Tensor]:
    generator, config = torch.Generator().manual_seed(1), networks.config.generator
    image, exemplar = torch.rand(2, batch, 3, 16, 16, generator=generator) * 2 - 1
    z, mask = torch.randn(batch, config.z_dim, generator=generator), torch.ones(batch, 1, 16, 16)
    where = (networks if isinstance(networks, Model) else networks.model).mean_w.device
    image, exemplar, z, mask = (tensor.to(where) for tensor in (image, exemplar, z, mask))
    with torch.no_grad():
        style = networks.encode_exemplar(exemplar)
        return style, networks.generate(image, mask, z, style, strength, 0.8)


@pytest.mark.parametrize("channels_last", [True, False, None])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1), ("float16", 0.02)])
def test_equals_the_plain_networks(model: Model, precision: str, tolerance: float, channels_last: bool | None) -> None:
    style, raw = run(model)
    networks = TorchNetworks(model, precision, channels_last)
    ours = run(networks)
    for ours_, plain in zip(ours, (style, raw), strict=True):
        assert ours_.dtype == torch.float32 and not ours_.requires_grad
        assert_close(ours_, plain, rtol=0, atol=tolerance * plain.abs().max().item())
    if precision != "float32":
        assert (ours[1] - raw).abs().max() > 1e-5, "half precision was asked for and not used"


def test_memory_layout_of_the_weights_follows(model: Model) -> None:
    weight, default = model.generator.conv4.weight, torch.contiguous_format
    if weight.device.type == "cpu":
        default = torch.channels_last
    for wanted, layout in ((True, torch.channels_last), (False, torch.contiguous_format), (None, default)):
        TorchNetworks(model, channels_last=wanted)
        assert weight.is_contiguous(memory_format=layout)


def test_a_large_batch_runs_in_parts_and_gives_the_same(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    config, (_, plain) = model.config.generator, run(model, 5)
    features = config.channels(16) * 16 * 16
    parts: list[int] = []
    monkeypatch.setattr(runtime, "_CPU_FEATURES", 2 * features)
    monkeypatch.setattr(model.generator, "forward", _noting_batches(model.generator.forward, parts))
    _, raw = run(TorchNetworks(model), 5)
    assert parts == ([2, 2, 1] if model.mean_w.device.type == "cpu" else [5]), "others have memory for all at once"
    assert_close(raw, plain, rtol=0, atol=1e-5)
    strengths = torch.tensor([0.1, 0.9, 0.5, 0.7, 0.0], device=model.mean_w.device)
    _, each = run(TorchNetworks(model), 5, strengths)
    assert_close(each, run(model, 5, strengths)[1], rtol=0, atol=1e-5)
    assert_close(each[3], plain[3], rtol=0, atol=1e-5)


def _noting_batches(forward: Callable[..., Tensor], parts: list[int]) -> Callable[..., Tensor]:
    def call(image: Tensor, *inputs: Any) -> Tensor:
        parts.append(len(image))
        return forward(image, *inputs)

    return call


def test_noise_of_one_and_of_each_item_follows_the_parts(
    device: torch.device, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for parameter in (p for name, p in model.named_parameters() if name.endswith("noise_strength")):
        parameter.fill_(1.0)
    config = model.config.generator
    inputs = [torch.zeros(3, 3, 16, 16), torch.ones(3, 1, 16, 16), torch.randn(3, config.z_dim)]
    inputs = [tensor.to(device) for tensor in inputs]
    style = torch.randn(3, config.num_styles, config.w_dim, device=device)
    shapes = config.noise_shapes()
    noise = [torch.randn(3 if i % 2 else 1, 1, *shape, device=device) for i, shape in enumerate(shapes)]
    with torch.no_grad():
        together = model.generate(*inputs, style, noise=noise)
    monkeypatch.setattr(runtime, "_CPU_FEATURES", 1)
    assert_close(TorchNetworks(model).generate(*inputs, style, noise=noise), together, rtol=0, atol=1e-4)


def test_unknown_precision_is_refused(model: Model) -> None:
    with pytest.raises(ConfigError, match="precision is 'float8', expected one of float32, bfloat16, float16"):
        TorchNetworks(model, "float8")


@pytest.mark.slow
def test_compiled_networks_give_the_same_pictures(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(model)
    compile_eagerly = torch.compile
    # The tracing is what can go wrong in our code; generating machine code takes minutes and is not ours.
    monkeypatch.setattr(torch, "compile", lambda function: compile_eagerly(function, backend="aot_eager"))
    networks = TorchNetworks(model, compile_networks=True)
    for batch in (2, 3):
        expected = plain if batch == 2 else run(model, batch)
        for ours, theirs in zip(run(networks, batch), expected, strict=True):
            assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_a_compiler_that_fails_is_one_sentence(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(function: Any) -> Any:
        def call(*_: Any) -> Tensor:
            raise TorchDynamoException("no compiler\nmany lines of advice")

        return call

    monkeypatch.setattr(torch, "compile", failing)
    networks = TorchNetworks(model, compile_networks=True)
    with pytest.raises(ConfigError, match=r"^torch.compile does not work here \(no compiler\); run without compiling$"):
        run(networks)
