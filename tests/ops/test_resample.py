"""The filter and the phase-wise up-sampling equal one plain two-dimensional convolution."""

from __future__ import annotations

import pytest
import torch
from helpers import full_fir, insert_zeros

from exegan.ops.resample import fir_filter, upsample


@pytest.mark.parametrize("gain", [1.0, 4.0])
@pytest.mark.parametrize("pad", [0, 1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_filter_equals_full_convolution(layout: torch.memory_format, pad: int, gain: float) -> None:
    x = torch.randn(2, 3, 9, 7).contiguous(memory_format=layout)
    filtered = fir_filter(x, pad, gain)
    assert filtered.shape == (2, 3, 9 + 2 * pad - 3, 7 + 2 * pad - 3)
    assert filtered.is_contiguous(memory_format=layout)
    torch.testing.assert_close(filtered, full_fir(x, (pad, pad), gain))


@pytest.mark.parametrize("size", [1, 4, 7])
def test_upsample_equals_inserted_zeros_and_full_convolution(size: int) -> None:
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    doubled = upsample(x)
    assert doubled.shape == (2, 3, 2 * size, 2 * size)
    torch.testing.assert_close(doubled, full_fir(insert_zeros(x, 2 * size), pad=(2, 1), gain=4.0))


def test_upsample_keeps_rows_and_columns_apart() -> None:
    assert upsample(torch.zeros(1, 2, 3, 5)).shape == (1, 2, 6, 10)


def test_constant_is_kept_inside_and_fades_into_the_padding() -> None:
    constant = torch.full((1, 2, 8, 8), 5.0)
    doubled = upsample(constant)
    torch.testing.assert_close(doubled[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 5.0))
    assert (doubled[..., 0, :] < 4).all() and (doubled[..., -1] < 4).all()
    torch.testing.assert_close(fir_filter(constant, pad=0), torch.full((1, 2, 5, 5), 5.0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_dtype_is_kept(dtype: torch.dtype) -> None:
    x = torch.ones(1, 1, 4, 4, dtype=dtype)
    assert fir_filter(x, 1).dtype == upsample(x).dtype == dtype
