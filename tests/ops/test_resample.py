"""The filter and the phase-wise up-sampling equal one plain two-dimensional convolution."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from helpers import assert_close, full_fir, insert_zeros
from torch import Tensor

from exegan.ops import image as resample
from exegan.ops.image import fir_filter, resize, upsample


@pytest.mark.parametrize("gain", [1.0, 4.0])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_filter_equals_full_convolution(
    device: torch.device, layout: torch.memory_format, pad: int, gain: float
) -> None:
    x = torch.randn(2, 3, 9, 7, device=device).contiguous(memory_format=layout)
    filtered = fir_filter(x, pad, gain)
    assert filtered.shape == (2, 3, 9 + 2 * pad - 3, 7 + 2 * pad - 3)
    assert filtered.is_contiguous(memory_format=layout)
    assert_close(filtered, full_fir(x, (pad, pad), gain))


@pytest.mark.parametrize("size", [1, 4, 7])
def test_upsample_equals_inserted_zeros_and_full_convolution(float64_device: torch.device, size: int) -> None:
    x = torch.randn(2, 3, size, size, dtype=torch.float64, device=float64_device)
    doubled = upsample(x)
    assert doubled.shape == (2, 3, 2 * size, 2 * size)
    assert_close(doubled, full_fir(insert_zeros(x, 2 * size), pad=(2, 1), gain=4.0), rtol=1e-7, atol=1e-7)


def test_upsample_keeps_rows_and_columns_apart(device: torch.device) -> None:
    assert upsample(torch.zeros(1, 2, 3, 5, device=device)).shape == (1, 2, 6, 10)


def test_constant_is_kept_inside_and_fades_into_the_padding(device: torch.device) -> None:
    constant = torch.full((1, 2, 8, 8), 5.0, device=device)
    doubled = upsample(constant)
    assert_close(doubled[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 5.0))
    assert (doubled[..., 0, :] < 4).all() and (doubled[..., -1] < 4).all()
    assert_close(fir_filter(constant, pad=0), torch.full((1, 2, 5, 5), 5.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_dtype_is_kept(float64_device: torch.device, dtype: torch.dtype) -> None:
    x = torch.ones(1, 1, 4, 4, dtype=dtype, device=float64_device)
    assert fir_filter(x, 1).dtype == upsample(x).dtype == dtype


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("side", [5, 9, 30])
def test_resize_without_the_library_s_operation_is_the_same(
    device: torch.device, side: int, mode: Literal["bilinear", "bicubic"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on MPS, where PyTorch lacks the operation, or only its gradient."""
    image = torch.randn(2, 3, 12, 17, requires_grad=True)
    expected = resize(image, side, mode)
    probe = torch.randn_like(expected)
    (slope,) = torch.autograd.grad((expected * probe).sum(), image)
    there = image.detach().to(device).requires_grad_()
    assert_close(resize(there, side, mode), expected, rtol=1e-4, atol=1e-5)

    def unavailable(x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        if x.requires_grad or x.shape[0] > 1:
            raise NotImplementedError("aten::_upsample_bilinear2d_aa.out is not implemented for the MPS device")
        return interpolate(x, *arguments, **options)

    interpolate = F.interpolate
    monkeypatch.setattr(F, "interpolate", unavailable)
    with pytest.raises(NotImplementedError):
        resize(image, side, mode)
    monkeypatch.setattr(resample, "_ANTIALIASING", ())
    got = resize(there, side, mode)
    assert_close(got, expected, rtol=1e-4, atol=1e-5)
    (slope_there,) = torch.autograd.grad((got * probe.to(device)).sum(), there)
    assert_close(slope_there, slope, rtol=1e-4, atol=1e-5)


def test_resize_on_a_device_that_may_lack_the_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    interpolate, asked = F.interpolate, []

    def noted(x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        asked.append(x.device.type)
        return interpolate(x, *arguments, **options)

    monkeypatch.setattr(F, "interpolate", noted)
    resample._weights.cache_clear()
    assert resize(torch.empty(2, 3, 13, 11, device="meta"), 7).shape == (2, 3, 7, 7)
    assert set(asked) == {"cpu"}
