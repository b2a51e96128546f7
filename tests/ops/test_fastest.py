"""The rule of `by="auto"`, line by line. That the answers are fast is measured, by `bench conv`; that they are equal is
tested in test_convs."""

import pytest
import torch

from jpu_edu.ops import fastest
from jpu_edu.ops.convs import same_padding
from jpu_edu.ops.fastest import fastest_way


@pytest.fixture(autouse=True)
def avx2(monkeypatch):
    """The rule asks the processor what it can; here every processor is one with AVX2."""
    monkeypatch.setattr(fastest, "CAPABILITY", "AVX2")


@pytest.fixture
def avx512(monkeypatch):
    monkeypatch.setattr(fastest, "CAPABILITY", "AVX512")


def depthwise(size=64, *, channels=8, rate=8, kernel=3, grad=None, dtype=torch.float32, last=False):
    return way(size, channels=channels, groups=channels, rate=rate, kernel=kernel, grad=grad, dtype=dtype, last=last)


def dense(size=64, *, channels=8, rate=8, kernel=3, grad=None, dtype=torch.float32, last=False):
    return way(size, channels=channels, groups=1, rate=rate, kernel=kernel, grad=grad, dtype=dtype, last=last)


def way(size, *, channels, groups, rate, kernel=3, grad=None, dtype=torch.float32, last=False, outputs=None):
    """The rule's answer for a convolution with "same" padding."""
    size, rate = (pair if isinstance(pair, tuple) else (pair, pair) for pair in (size, rate))
    layout = torch.channels_last if last else torch.contiguous_format
    x = torch.zeros(1, channels, *size, dtype=dtype).contiguous(memory_format=layout).requires_grad_(grad == "x")
    weight = torch.zeros(outputs or channels, channels // groups, kernel, kernel, dtype=dtype)
    padding = same_padding(kernel, rate=rate)
    return fastest_way(x, weight.requires_grad_(grad == "weight"), rate=rate, padding=padding, groups=groups)


@pytest.mark.parametrize("grad", ["x", "weight"])
@pytest.mark.parametrize("last", [False, True])
def test_depthwise_with_a_gradient_goes_by_phases_at_every_rate(grad, last):
    assert [depthwise(rate=r, grad=grad, last=last) for r in (1, 2, 4, 8, 16)] == ["native", *["phases"] * 4]
    with torch.no_grad():
        assert depthwise(rate=2, grad=grad, last=last) == "native"


def test_depthwise_with_a_gradient_stays_native_where_a_phase_is_smaller_than_4_pixels():
    assert depthwise((32, 32), grad="x") == "phases"
    assert depthwise((31, 32), grad="x") == depthwise((32, 31), grad="x") == "native"


def test_depthwise_without_a_gradient_is_padded_where_the_fast_kernel_takes_no_more_zero_columns():
    assert [depthwise(rate=r) for r in (1, 2, 4, 5, 8)] == ["native"] * 3 + ["padded"] * 2
    assert [depthwise(rate=r, kernel=5) for r in (2, 3)] == ["native", "padded"]
    assert depthwise(rate=(8, 2)) == "native" and depthwise(rate=(2, 8)) == "padded"  # rows of zeros do not matter


def test_depthwise_without_a_gradient_goes_by_phases_where_channels_last_rows_are_long():
    assert depthwise(16, channels=1024, last=True) == "phases"
    assert depthwise(16, channels=1023, last=True) == depthwise(16, channels=1024) == "padded"
    assert depthwise(16, channels=1024, last=True, rate=4) == "native"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    ("grad", "last", "rate", "enough"),
    [("x", True, 8, 32), (None, True, 8, 32), ("x", False, 8, 128), (None, False, 8, 64), (None, False, 2, 32)],
)
def test_depthwise_without_fast_kernels_goes_by_phases_that_are_large_enough(dtype, grad, last, rate, enough):
    assert depthwise(enough, rate=rate, dtype=dtype, grad=grad, last=last) == "phases"
    assert depthwise(enough - 1, rate=rate, dtype=dtype, grad=grad, last=last) == "native"


@pytest.mark.usefixtures("avx512")
def test_with_avx512_bfloat16_is_as_fast_as_float32_and_float64_is_not():
    assert depthwise(32, grad="x", dtype=torch.bfloat16) == "phases" and depthwise(dtype=torch.bfloat16) == "padded"
    assert depthwise(32, grad="x", dtype=torch.float64) == "native"  # phases of 4 x 4: too small without fast kernels
    assert depthwise(dtype=torch.float64) == "phases"


@pytest.mark.usefixtures("avx512")
@pytest.mark.parametrize("grad", [None, "x"])
@pytest.mark.parametrize("last", [False, True])
def test_with_avx512_dense_stays_native(grad, last):
    for dtype in (torch.float32, torch.bfloat16):
        assert {dense(128, channels=32, rate=r, grad=grad, last=last, dtype=dtype) for r in (2, 4, 8)} == {"native"}


def test_without_avx512_dense_goes_by_phases_on_large_maps_with_a_gradient():
    for last in (False, True):
        assert {dense(64, rate=r, grad="x", last=last) for r in (2, 4, 8)} == {"phases"}
        assert {dense((64, 63), rate=r, grad="x", last=last) for r in (2, 4, 8)} == {"native"}


def test_without_avx512_dense_without_a_gradient_is_padded_in_channels_first():
    assert [dense(16, rate=r) for r in (2, 3, 4, 8)] == ["native", "native", "padded", "padded"]
    assert {dense(64, rate=r, last=True) for r in (4, 8)} == {"native"}


def test_without_avx512_dense_at_rate_2_in_channels_last_leaves_native_from_65536_values_on():
    assert dense(32, channels=64, rate=2, last=True, grad="x") == "phases"
    assert dense(32, channels=64, rate=2, last=True) == "padded"
    for other in ({"channels": 63, "last": True}, {"channels": 64, "last": False}):
        assert dense(32, rate=2, **other) == dense(32, rate=2, grad="x", **other) == "native"


def test_without_avx512_dense_bfloat16_goes_by_phases_with_a_gradient():
    assert dense(16, dtype=torch.bfloat16, rate=4, grad="x") == "phases"
    assert dense(15, dtype=torch.bfloat16, rate=4, grad="x") == "native"
    assert dense(15, dtype=torch.bfloat16, rate=4, grad="x", last=True) == "phases"


def test_without_avx512_dense_bfloat16_goes_by_phases_without_a_gradient_in_channels_first():
    assert dense(16, dtype=torch.bfloat16) == "phases" and dense(128, dtype=torch.bfloat16, last=True) == "native"


@pytest.mark.parametrize("grad", [None, "x"])
def test_grouped_and_widening_convolutions_and_other_dtypes_stay_native(grad):
    assert way(128, channels=8, groups=4, rate=8, grad=grad) == "native"
    assert way(128, channels=8, groups=8, outputs=16, rate=8, grad=grad) == "native"
    assert dense(128, dtype=torch.float64, grad=grad) == "native"


def test_off_the_cpu_and_in_an_exported_network_native_stays(monkeypatch):
    x, weight = torch.zeros(1, 8, 64, 64, device="meta"), torch.zeros(8, 1, 3, 3, device="meta", requires_grad=True)
    assert fastest_way(x, weight, rate=(2, 2), padding=(2, 2), groups=8) == "native"
    assert depthwise(grad="x") == "phases"
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert depthwise(grad="x") == "native"
