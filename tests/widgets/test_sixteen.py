"""The sixteen errors on the page are the library's, and each choice is said in words."""

import base64
import json
import re

import pytest
import torch

from jpu_edu.models.phase_error import phase_error
from jpu_edu.ops.interp import nearest, phase_aligned
from jpu_edu.widgets.sixteen import Choice, SixteenPhases, short, sixteen_phases

H = Choice("one 3 x 3", "y_m", "y_s here")
DEPTHS = ("n = 1", "n = 2")


def worlds(rate: int = 4, size: tuple[int, int] = (16, 20)) -> tuple[dict, dict]:
    draw = torch.Generator().manual_seed(10)
    truths = {depth: torch.randn(3, *size, generator=draw, dtype=torch.float64) for depth in DEPTHS}
    made = {}
    for depth, y_d in truths.items():
        y_s = y_d[None, :, ::rate, ::rate]
        made[depth] = {
            Choice("nearest"): nearest(y_s, size=size)[0],
            Choice("phase-aligned"): phase_aligned(y_s, rate=rate, size=size)[0],
            H: y_d if depth == "n = 1" else y_d + 0.1,
            H._replace(sees="both", fitted="y_d elsewhere"): y_d * 0.9,
            H._replace(sees="both"): y_d * 0.5,
            H._replace(fitted="y_d elsewhere"): y_d * 0.8,
        }
    return truths, made


def widget(**options) -> SixteenPhases:
    truths, made = worlds()
    return sixteen_phases(truths, made, **{"start": ("n = 2", H), "channel": 1} | options)


def data_of(shown: SixteenPhases) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', shown._repr_html_())[1])


def test_the_page_has_the_errors_of_the_library_for_every_choice():
    truths, made = worlds()
    states = data_of(widget())["states"]
    assert len(states) == 12
    for depth, ys in made.items():
        for choice, y in ys.items():
            want = phase_error("", y[None], truths[depth][None], rate=4)
            got = states["|".join((depth, *choice))]
            assert got["all"] == pytest.approx(want.overall, abs=1e-4)
            assert got["phases"] == pytest.approx(want.phases, abs=1e-4)


def test_an_arrow_is_exact_where_nothing_is_wrong_learned_where_fitted_and_else_approximate():
    states = data_of(widget())["states"]
    kinds = {key: state["label"] for key, state in states.items() if "|both" not in key}
    assert kinds["n = 1|one 3 x 3|y_m|y_s here"] == "exact"
    assert kinds["n = 2|one 3 x 3|y_m|y_s here"] == "learned"
    assert kinds["n = 1|nearest|y_s|nothing"] == "approximate"


def test_the_pictures_are_the_window_on_the_scale_of_y_d():
    truths, _ = worlds()
    data = data_of(widget(window=(slice(2, 10), slice(5, 17))))
    assert data["size"] == [8, 12] and data["corner"] == [2, 1]
    part = truths["n = 1"][1, 2:10, 5:17]
    low, high = part.flatten().quantile(torch.tensor([0.01, 0.99], dtype=part.dtype))
    want = ((part - low) / (high - low) * 255).round().clamp(0, 255).int().flatten().tolist()
    assert list(base64.b64decode(data["depths"]["n = 1"])) == want
    assert list(base64.b64decode(data["states"]["n = 1|one 3 x 3|y_m|y_s here"]["pixels"])) == want


def test_a_choice_is_said_with_its_best_and_its_worst_phase():
    shown = widget()
    error = shown.errors["n = 2"][Choice("nearest")]
    worst = max(range(16), key=lambda k: error.phases[k])
    assert shown.says("n = 2", Choice("nearest")) == (
        f"n = 2: nearest. Error {error.overall:.2f} over all phases, 0 in (0, 0), "
        f"{error.phases[worst]:.2f} in the worst, {divmod(worst, 4)}. Approximate."
    )
    assert ", sees y_m and y_s, fitted to y_d elsewhere. Error " in shown.says("n = 2", list(worlds()[1]["n = 2"])[3])
    assert shown.alt.endswith(shown.says("n = 2", H)) and repr(shown).endswith("choose among 12 ways to make y.")


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (9e-7, "0"), (2e-6, "<.01"), (0.006, "0.01"), (1.234, "1.23")])
def test_only_rounding_is_called_0(value, text):
    assert short(value) == text


def test_the_page_is_the_same_every_time():
    assert widget()._repr_html_() == widget()._repr_html_()


def test_the_smallest_worlds_work():
    for size in ((4, 4), (5, 7)):
        truths, made = worlds(size=size)
        assert sixteen_phases(truths, made, start=("n = 1", H)).figure().axes
    truths, made = worlds(rate=2)
    assert len(data_of(sixteen_phases(truths, made, start=("n = 1", H), rate=2))["phases"]) == 4


def test_what_does_not_belong_together_is_refused():
    truths, made = worlds()
    with pytest.raises(ValueError, match=r"truths for \['n = 1'\], made for \['n = 1', 'n = 2'\]; both need the same"):
        sixteen_phases({"n = 1": truths["n = 1"]}, made, start=("n = 1", H))
    with pytest.raises(ValueError, match="'n = 2' has 1 choices, others 6; give each the same"):
        sixteen_phases(truths, made | {"n = 2": {H: truths["n = 2"]}}, start=("n = 1", H))
    with pytest.raises(ValueError, match="is not among the choices of"):
        widget(start=("n = 3", H))
    with pytest.raises(ValueError, match="channel=3; the maps have the channels 0 to 2"):
        widget(channel=3)
