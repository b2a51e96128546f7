"""The palette can be read, told apart, and means one thing at every rate."""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from jpu_edu.draw import style

MEANINGS = {**{f"phase {k}": c for k, c in enumerate(style.PHASES)}, "y_s": style.Y_S, "y_d": style.Y_D, **style.LEVELS}

# What is left of linear RGB without the long or the medium cones (Vienot, Brettel, Mollon 1999, in RGB).
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array([[0.1124, 0.8876, 0], [0.1124, 0.8876, 0], [0.0040, -0.0040, 1]]),
    "deuteranopia": np.array([[0.2928, 0.7072, 0], [0.2928, 0.7072, 0], [-0.0223, 0.0223, 1]]),
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Perceived colour, scaled so that black and white are 100 apart (Ottosson 2020)."""
    cones = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]) @ np.clip(
        rgb, 0, 1
    )
    axes = np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]])
    return 100 * axes @ np.cbrt(cones)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("pair", list(combinations(MEANINGS, 2)), ids=lambda pair: " and ".join(pair))
def test_any_two_meanings_can_be_told_apart(pair, sight):
    one, other = (oklab(SIGHT[sight] @ linear(MEANINGS[name])) for name in pair)
    assert np.linalg.norm(one - other) > 7, f"{pair} look alike with {sight}"


def test_the_simulation_sees_that_red_and_green_are_confused():
    red, green = (linear(c) for c in ("#C04030", "#6A7A20"))
    apart = {name: np.linalg.norm(oklab(m @ red) - oklab(m @ green)) for name, m in SIGHT.items()}
    assert apart["deuteranopia"] < apart["full"] / 2


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_on_paper_and_on_every_phase(dark):
    with matplotlib.rc_context(style.rc(dark=dark)):
        assert contrast(style.ink(), style.paper()) > 12
        assert contrast(style.soft(), style.paper()) > 4.5
        for rate in (2, 3, 4):
            for k in range(rate * rate):
                assert contrast(style.ink(), style.tint(style.phase_colour(k, rate=rate))) > 4.5


def test_phases_of_rate_2_differ_in_marker_too():
    assert [style.phase_colour(k) for k in range(4)] == list(style.PHASES)
    assert len({style.phase_marker(k) for k in range(4)}) == 4


@given(rate=st.integers(1, 8))
def test_phase_0_alone_is_blue_and_no_two_phases_share_a_colour(rate):
    colours = [style.phase_colour(k, rate=rate) for k in range(rate * rate)]
    assert colours[0] == style.PHASES[0]
    assert len(set(colours)) == rate * rate
    assert [style.phase_marker(k, rate=rate) for k in range(rate * rate)].count("o") == 1


def test_convention_marker_says_the_direction_of_the_shift():
    markers = [[style.phase_marker(4 * p + q, rate=4) for q in range(4)] for p in range(4)]
    assert markers == [["o", "s", "s", "s"], *[["^", "D", "D", "D"]] * 3]


def test_a_signal_has_the_first_two_phases():
    assert [style.phase_colour(k, rate=(1, 2)) for k in range(2)] == list(style.PHASES[:2])


@pytest.mark.parametrize("k", [-1, 4])
def test_a_phase_that_the_rate_does_not_have_is_named(k):
    with pytest.raises(ValueError, match=f"k={k}; rate=2 has the phases 0 to 3"):
        style.phase_colour(k)


def test_use_sets_the_style_and_leaves_no_date_or_chance_in_an_svg():
    with matplotlib.rc_context():
        style.use(dark=True)
        assert style.paper() == style.DARK["paper"].lower()
        assert matplotlib.rcParams["svg.hashsalt"] == "jpu_edu"


def test_a_canvas_counts_in_pixels_from_the_top_and_paints_its_paper():
    with matplotlib.rc_context(style.rc()):
        figure, axes = style.canvas(300, 120)
    assert tuple(figure.get_size_inches() * 96) == (300, 120)
    assert axes.get_xlim() == (0, 300)
    assert axes.get_ylim() == (120, 0)
    card = next(patch for patch in axes.patches if patch.get_gid() == "card")
    assert matplotlib.colors.to_hex(card.get_facecolor()) == "#ffffff"
