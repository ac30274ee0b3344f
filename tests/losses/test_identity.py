"""Identity: one minus the cosine of two embeddings, pulling only the completed picture."""

from __future__ import annotations

import pytest
import torch
from helpers import tiny_recognition_net
from torch import Tensor

from exegan.losses.terms import identity_loss


def test_closed_form() -> None:
    embeddings = {1.0: (1.0, 0.0), 2.0: (0.6, 0.8), 3.0: (-1.0, 0.0)}

    def net(image: Tensor) -> list[Tensor]:
        return [torch.tensor([embeddings[value] for value in image[:, 0, 0, 0].tolist()])]

    faces = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    same = faces[:1].expand(3, -1, -1, -1)
    assert identity_loss(faces, faces, net).item() == pytest.approx(0)
    assert identity_loss(faces, same, net).item() == pytest.approx((0 + 0.4 + 2) / 3)


def test_contrast_takes_off_what_all_faces_share() -> None:
    embeddings = {1.0: (1.0, 0.0), 2.0: (0.0, 1.0), 3.0: (0.5**0.5, 0.5**0.5)}

    def net(image: Tensor) -> list[Tensor]:
        return [torch.tensor([embeddings[value] for value in image[:, 0, 0, 0].tolist()])]

    one, two, like_both = (torch.full((1, 3, 4, 4), value) for value in (1.0, 2.0, 3.0))
    exemplars = torch.cat([one, two])
    average = torch.cat([like_both, like_both])
    assert identity_loss(exemplars, exemplars, net, contrast=1.0).item() == pytest.approx(0)
    assert identity_loss(average, exemplars, net, contrast=1.0).item() == pytest.approx(1)
    assert identity_loss(average, exemplars, net).item() == pytest.approx(1 - 0.5**0.5)
    assert identity_loss(like_both, one, net, contrast=1.0).item() == pytest.approx(1 - 0.5**0.5), "nobody to compare"


def test_gradient_reaches_the_completed_picture_only() -> None:
    completed, exemplar = (torch.rand(2, 3, 8, 8, requires_grad=True) for _ in range(2))
    loss = identity_loss(completed, exemplar, tiny_recognition_net)
    loss.backward()
    assert 0 < loss < 2
    assert completed.grad is not None and (completed.grad != 0).all() and exemplar.grad is None
    nearer = (completed - completed.grad / completed.grad.norm() * 0.1).detach()
    assert identity_loss(nearer, exemplar, tiny_recognition_net) < loss


def test_grey_asks_for_no_colour() -> None:
    completed, exemplar = torch.rand(2, 3, 8, 8, requires_grad=True), torch.rand(2, 3, 8, 8)
    loss = identity_loss(completed, exemplar, tiny_recognition_net, grey=True)
    (grad,) = torch.autograd.grad(loss, completed)
    assert (grad[:, :1] != 0).all()
    torch.testing.assert_close(grad, grad[:, :1].expand_as(grad))
    tinted = exemplar + torch.tensor([0.3, -0.1, -0.2]).view(3, 1, 1)
    assert identity_loss(tinted, exemplar, tiny_recognition_net, grey=True).item() == pytest.approx(0, abs=1e-5)
    assert identity_loss(tinted, exemplar, tiny_recognition_net) > 1e-4
