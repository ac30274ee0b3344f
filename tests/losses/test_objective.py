"""The objective adds up exactly the terms that have a weight, and asks nothing of the others' networks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from helpers import tiny_encoder, tiny_perceptual_net, tiny_recognition_net
from torch import Tensor

from exegan.config import FrozenNetConfig, LossConfig
from exegan.errors import ConfigError
from exegan.losses.objective import Completion, GeneratorObjective
from exegan.losses.svgl import boundary_weight, interior_weight, rim_weight
from exegan.losses.terms import attribute_loss, generator_loss, identity_loss, perceptual_loss, reconstruction_loss
from exegan.ops.image import composite

OFF = LossConfig(adversarial=0, attribute=0, perceptual=0, identity=0, reconstruction=0)
ALL = LossConfig(adversarial=1.5, attribute=0.25, perceptual=0.5, identity=2.0, reconstruction=4.0, rim=3.0)
TERMS = ["adversarial", "attribute", "identity", "perceptual", "reconstruction", "rim"]


def discriminate(image: Tensor) -> Tensor:
    return image.mean(dim=(1, 2, 3)) * 3


def forbidden(*_: Any) -> Any:
    raise AssertionError("called for a term of weight 0")


@pytest.fixture(autouse=True)
def _tiny_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = {"perceptual": tiny_perceptual_net, "recognition": tiny_recognition_net}
    monkeypatch.setattr("exegan.losses.objective.make_frozen_net", lambda config, kind: nets[kind])


@pytest.fixture
def sample() -> Completion:
    raw, image, exemplar = torch.rand(3, 4, 3, 16, 16) * 2 - 1
    mask = (torch.rand(4, 1, 16, 16) < 0.6).float()
    is_self = torch.tensor([True, False, True, False])
    exemplar = torch.where(is_self[:, None, None, None], image, exemplar)
    raw.requires_grad_()
    return Completion(raw, composite(raw, image, mask), image, mask, exemplar, is_self)


def test_total_is_the_weighted_sum_of_the_parts(sample: Completion) -> None:
    total, parts = GeneratorObjective(ALL)(sample, discriminate, tiny_encoder)
    assert sorted(parts) == TERMS
    weighted = sum(getattr(ALL, name) * value for name, value in parts.items())
    torch.testing.assert_close(total, weighted)
    assert total.shape == () and all(value > 0 for value in parts.values())


def test_each_part_is_its_loss_on_the_right_samples(sample: Completion) -> None:
    _, parts = GeneratorObjective(ALL)(sample, discriminate, tiny_encoder)
    completed, image, mask, chosen = sample.completed, sample.image, sample.mask, [0, 2]
    self_mask = mask[chosen]
    expected = {
        "adversarial": generator_loss(discriminate(completed)),
        "attribute": attribute_loss(completed, tiny_encoder(sample.exemplar), tiny_encoder, interior_weight(mask)),
        "identity": identity_loss(completed, sample.exemplar, tiny_recognition_net),
        "perceptual": perceptual_loss(completed[chosen], image[chosen], tiny_perceptual_net, boundary_weight(self_mask))
        / 4,
        "reconstruction": reconstruction_loss(completed[chosen], image[chosen], self_mask) / 4,
        "rim": reconstruction_loss(sample.raw, image, rim_weight(mask)) / 4,
    }
    for name, value in expected.items():
        torch.testing.assert_close(parts[name], value, msg=name)
        (got,), (wanted,) = (torch.autograd.grad(loss, sample.raw, retain_graph=True) for loss in (parts[name], value))
        torch.testing.assert_close(got, wanted, msg=f"gradient of {name}")


@pytest.mark.parametrize("term", TERMS)
def test_weight_0_leaves_a_term_out_with_its_network(
    term: str, sample: Completion, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(ALL, **{term: 0.0})

    def make(net: FrozenNetConfig, kind: str) -> Any:
        if {"perceptual": "perceptual", "identity": "recognition"}.get(term) == kind:
            forbidden()
        return {"perceptual": tiny_perceptual_net, "recognition": tiny_recognition_net}[kind]

    monkeypatch.setattr("exegan.losses.objective.make_frozen_net", make)
    objective = GeneratorObjective(config)
    _, parts = objective(
        sample,
        forbidden if term == "adversarial" else discriminate,
        forbidden if term == "attribute" else tiny_encoder,
    )
    assert sorted(parts) == [name for name in TERMS if name != term]


def test_no_term_at_all(sample: Completion) -> None:
    total, parts = GeneratorObjective(OFF)(sample, forbidden, forbidden)
    assert total == 0 and parts == {}


def test_batch_without_self_exemplars(sample: Completion) -> None:
    nobody = dataclasses.replace(sample, is_self=torch.zeros(4, dtype=torch.bool))
    total, parts = GeneratorObjective(ALL)(nobody, discriminate, tiny_encoder)
    assert parts["perceptual"] == parts["reconstruction"] == 0
    (grad,) = torch.autograd.grad(total, nobody.raw, retain_graph=True)
    without = dataclasses.replace(ALL, perceptual=0.0, reconstruction=0.0)
    expected, _ = GeneratorObjective(without)(nobody, discriminate, tiny_encoder)
    (wanted,) = torch.autograd.grad(expected, nobody.raw)
    torch.testing.assert_close(grad, wanted)


def test_exemplars_get_no_gradient(sample: Completion) -> None:
    exemplar = sample.exemplar.clone().requires_grad_()
    total, _ = GeneratorObjective(ALL)(dataclasses.replace(sample, exemplar=exemplar), discriminate, tiny_encoder)
    assert torch.autograd.grad(total, exemplar, allow_unused=True) == (None,)


def test_nets_are_checked_when_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    swapped = LossConfig(perceptual_net=FrozenNetConfig("facenet"))
    with pytest.raises(ConfigError, match="'facenet' is a recognition net, expected a perceptual net"):
        GeneratorObjective(swapped)


def test_samples_without_exemplar_owe_it_nothing_and_the_truth_instead(sample: Completion) -> None:
    guided = torch.tensor([True, True, False, False])
    _, parts = GeneratorObjective(ALL)(dataclasses.replace(sample, is_guided=guided), discriminate, tiny_encoder)
    fields = [getattr(sample, field.name) for field in dataclasses.fields(sample)[:6]]
    _, first_two = GeneratorObjective(ALL)(Completion(*(field[:2] for field in fields)), discriminate, tiny_encoder)
    for name in ("attribute", "identity"):
        torch.testing.assert_close(parts[name], first_two[name] / 2, msg=name)
    # The first is its own exemplar, the last two have none.
    reconstructed = Completion(*(field[[0, 2, 3]] for field in fields[:5]), torch.ones(3, dtype=torch.bool))
    _, expected = GeneratorObjective(ALL)(reconstructed, discriminate, tiny_encoder)
    for name in ("perceptual", "reconstruction"):
        torch.testing.assert_close(parts[name], expected[name] * 3 / 4, msg=name)
    torch.testing.assert_close(parts["adversarial"], generator_loss(discriminate(sample.completed)))
    nobody = dataclasses.replace(sample, is_guided=torch.zeros(4, dtype=torch.bool))
    total, parts = GeneratorObjective(ALL)(nobody, discriminate, forbidden)
    assert sorted(parts) == TERMS and total.isfinite(), "the same in every process, whatever it draws"
    assert parts["attribute"] == parts["identity"] == 0
