"""Values around a hole reach into it smoothly and fade."""

from __future__ import annotations

import pytest
import torch

from exegan.faces.paste import extend_inwards


def test_the_known_is_kept_and_fades_inwards() -> None:
    known = torch.ones(1, 1, 200, 220)
    known[..., 20:180, 20:200] = 0
    values = torch.randn(1, 2, 200, 220)
    extended = extend_inwards(values, known, band=16)
    outside = known[0, 0] == 1
    assert torch.equal(extended[..., outside], values[..., outside])
    assert torch.isfinite(extended).all()
    flat = extend_inwards(torch.ones(1, 1, 200, 220), known, band=16)[0, 0]
    assert flat[20, 100] > 0.8, "beside the rim nearly the known value"
    assert flat[100, 110] < 0.01, "far beyond the band nothing"
    assert (flat[20:100, 110].diff() <= 1e-6).all(), "fading all the way"
    assert not extend_inwards(torch.zeros(1, 1, 200, 220), known, band=16).any()
    other = torch.where(outside, values, 99.0)
    assert torch.equal(extend_inwards(other, known, band=16), extended), "unknown values are not looked at"


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 30), (17, 1), (2, 3), (33, 65)])
def test_any_size(size_hw: tuple[int, int]) -> None:
    known = (torch.rand(1, 1, *size_hw) < 0.3).float()
    extended = extend_inwards(torch.ones(1, 1, *size_hw), known, band=20)
    assert (extended[known == 1] == 1).all()
    assert ((extended >= 0) & (extended <= 1 + 1e-6)).all()
    assert not extend_inwards(torch.ones(1, 1, *size_hw), torch.zeros(1, 1, *size_hw), band=20).any()
