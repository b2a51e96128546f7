"""Where a high-resolution pixel sits among the low-resolution samples."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from jpu_edu.classic.pair import low_positions
from jpu_edu.ops.interp import phase_aligned, resize


@given(low=st.integers(2, 9), rate=st.integers(1, 5))
def test_convention_low_positions_are_those_of_the_two_resizes(low, rate):
    """A ramp 0, 1, 2, ... resized shows each pixel's position, except where it is held beyond the ends."""
    ramp, high = torch.arange(low, dtype=torch.float64).expand(1, 1, 2, low), low * rate
    for resized, positions in (
        (phase_aligned(ramp, rate=(1, rate)), low_positions(high, low, rate=rate, like=ramp)),
        (resize(ramp, size=(2, high), align_corners=False), low_positions(high, low, rate=None, like=ramp)),
    ):
        torch.testing.assert_close(resized[0, 0, 0], positions.clamp(0, low - 1), rtol=0, atol=1e-12)
