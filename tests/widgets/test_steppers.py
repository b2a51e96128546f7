"""What the animations show is what the library computes, and the page is the same bytes every time."""

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpu_edu.ops.convs import dilated_conv, strided_conv
from jpu_edu.ops.phases import split
from jpu_edu.widgets.conv_reduce import conv_reduce
from jpu_edu.widgets.frames import Frame, Mark, Swatch, packed
from jpu_edu.widgets.maps import integers, products
from jpu_edu.widgets.split_conv_merge import split_conv_merge
from jpu_edu.widgets.stepper import Stepper

X = torch.arange(49).reshape(7, 7).mul(5).remainder(11)
WEIGHT = torch.tensor([[1, 0, 2], [0, 1, -1], [2, 1, 0]])
RED = {"r": Swatch("#D55E00", "o", "red")}


def unpacked(steps: Sequence[Mapping[str, object]]) -> list[dict[str, list[object]]]:
    """What the page does with `packed`: every frame's marks in full."""
    out, now = [], {}
    for step in steps:
        now = {key: mark for key, mark in (now | step["change"]).items() if mark is not None}
        out.append(now)
    return out


def shown(html: str) -> dict:
    """The data in a page, read as the page reads it."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def grid(marks: dict[str, list], letter: str) -> dict[tuple[int, int], int]:
    """The numbers of the seen cells whose key is letter + row_column."""
    cells = {}
    for key, (_, _, _, _, _, text, _, look, _) in marks.items():
        if (found := re.fullmatch(rf"{letter}(-?\d+)_(-?\d+)", key)) and look != "hidden":
            cells[int(found[1]), int(found[2])] = int(text.replace("\u2212", "-"))
    return cells


def numbers(tensor: torch.Tensor) -> dict[tuple[int, int], int]:
    return {(a, b): int(v) for a, row in enumerate(tensor.tolist()) for b, v in enumerate(row)}


@st.composite
def cases(draw, axis: int = 7):
    """A map, a kernel and a rate for which every phase has an output."""
    rate = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    taps = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    least = [r * (1 if t % 2 else t) for r, t in zip(rate, taps, strict=True)]
    size = [draw(st.integers(n, axis)) for n in least]
    entry = st.integers(-9, 9)
    x = [[draw(entry) for _ in range(size[1])] for _ in range(size[0])]
    weight = [[draw(entry) for _ in range(taps[1])] for _ in range(taps[0])]
    return x, weight, rate


@settings(max_examples=12)
@given(cases())
def test_the_last_conv_frame_shows_the_dilated_convolution_twice(case):
    x, weight, rate = case
    kernel = torch.tensor(weight).double()[None, None]
    padding = tuple(r * (k // 2 if k % 2 else 0) for r, k in zip(rate, kernel.shape[-2:], strict=True))
    want = numbers(dilated_conv(torch.tensor(x).double()[None, None], kernel, rate=rate, padding=padding)[0, 0])
    frames = unpacked(split_conv_merge(x, weight, rate=rate).data()["frames"])
    assert grid(frames[-3], "d") == want
    assert grid(frames[-3], "m") == want
    assert set(grid(frames[-1], "e").values()) == {0}


@settings(max_examples=12)
@given(cases())
def test_the_last_frames_show_the_strided_convolution_twice_and_count_its_work(case):
    x, weight, stride = case
    kernel = torch.tensor(weight).double()[None, None]
    padding = tuple(k // 2 if k % 2 else 0 for k in kernel.shape[-2:])
    want = strided_conv(torch.tensor(x).double()[None, None], kernel, stride=stride, padding=padding)[0, 0]
    data = conv_reduce(x, weight, stride=stride).data()
    last = unpacked(data["frames"])[-1]
    assert grid(last, "s") == numbers(want)
    left = grid(last, "d")
    assert {(a // stride[0], b // stride[1]): v for (a, b), v in left.items()} == numbers(want)
    assert set(grid(last, "e").values()) == {0}
    assert last["count-right"][5] == f"{want.numel()} × {kernel.numel()} = {want.numel() * kernel.numel()} MACs"
    steps = sum(frame["chapter"] == "conv" for frame in data["frames"])
    assert last["count-left"][5] == f"{steps} × {kernel.numel()} = {steps * kernel.numel()} MACs"


def test_convention_conv_reduce_counts_taps_on_padding_too():
    """3 x 3 outputs of a 3 x 3 kernel: 81 products, although those at the edge meet zeros."""
    last = unpacked(conv_reduce([[1] * 3] * 3, [[1] * 3] * 3, stride=2).data()["frames"])[-1]
    assert last["count-left"][5] == "9 × 9 = 81 MACs" and last["count-right"][5] == "4 × 9 = 36 MACs"


def test_split_moves_every_pixel_to_the_phase_that_the_library_names():
    frames = split_conv_merge(X, WEIGHT, rate=2).frames
    apart = {key: mark for key, mark in frames[2].marks.items() if key[0] == "s" and mark.look == "plain"}
    for k, phase in enumerate(split(X, rate=2)):
        cells = sorted((m.y, m.x, int(m.text)) for m in apart.values() if m.colour == str(k))
        assert [value for _, _, value in cells] == phase.flatten().tolist()


def test_in_each_conv_step_the_same_numbers_light_up_twice_and_make_the_output():
    frames = split_conv_merge(X, WEIGHT, rate=2).frames
    steps = [frame for frame in frames if frame.chapter == "conv"]
    assert len(steps) == 16
    for frame in steps:
        for k, text in frame.notes:
            lit = [key for key in frame.lit if frame.marks[key].colour == k]
            over_x = [int(frame.marks[key].text) for key in lit if key[0] == "x"]
            over_phase = [int(frame.marks[key].text) for key in lit if key[0] == "s"]
            assert over_x == over_phase and len(over_x) == 9
            out = {frame.marks[key].text for key in lit if key[0] in "dm"}
            total = sum(v * int(w) for v, w in zip(over_x, WEIGHT.flatten(), strict=True))
            assert out == {str(total).replace("-", "\u2212")} == {text.split(" = ")[1]}


def test_products_read_as_a_sum_with_true_signs():
    assert products(torch.tensor([[3.0, -5.0]]), torch.tensor([[1.0, -2.0]])) == "1·3 \u2212 2·(\u22125) = 13"


@pytest.mark.parametrize("make", [split_conv_merge, conv_reduce])
def test_html_is_deterministic_self_contained_and_described(make):
    stepper = make(X, WEIGHT)
    page = stepper._repr_html_()
    assert shown(page) == stepper.data()
    assert page == make(X.clone().double(), WEIGHT.tolist())._repr_html_()
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|fetch\(', page)
    assert re.findall(r"https?://[^\"' ;]+", page) == ["http://www.w3.org/2000/svg"]  # the name of SVG, not a request
    assert "@KEY@" not in page
    assert re.search(r'<img class="poster" alt="[^"]{40,}"', page)
    assert 'role: "img"' in page and "aria-live" in page and "aria-valuetext" in page


def test_different_content_has_a_different_key_and_equal_content_the_same():
    def key(x: torch.Tensor) -> str:
        return re.search(r'data-key="(\w+)"', split_conv_merge(x, WEIGHT)._repr_html_())[1]

    assert key(X) == key(X) != key(X + 1)


def test_the_png_is_the_picture_and_the_text_says_what_it_shows():
    stepper = split_conv_merge(X, WEIGHT)
    bundle = stepper._repr_mimebundle_()
    with Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))) as image:
        assert image.width / image.height == pytest.approx((stepper.size[0] + 28) / (stepper.size[1] + 28), rel=0.01)
        assert len(image.convert("RGB").getcolors(10_000)) > 20
    assert "exact" in bundle["text/plain"] and "21 steps" in bundle["text/plain"]


def test_no_mark_lies_outside_the_picture():
    for stepper in (
        split_conv_merge(X, WEIGHT),
        split_conv_merge(torch.ones(9, 9), WEIGHT, rate=3),
        conv_reduce(X, WEIGHT),
    ):
        for frame in stepper.frames:
            for key, mark in frame.marks.items():
                if mark.look != "hidden" and mark.kind != "label":
                    assert mark.x >= 0 and mark.x + mark.width <= stepper.size[0], key
                    assert mark.y >= 0 and mark.y + mark.height <= stepper.size[1], key


def test_packing_frames_and_unpacking_them_gives_the_frames():
    frames = conv_reduce(X, WEIGHT).frames
    full = unpacked(json.loads(json.dumps(packed(frames))))
    assert full == [{key: mark.packed() for key, mark in frame.marks.items()} for frame in frames]


@pytest.mark.parametrize(
    ("x", "weight", "rate", "message"),
    [
        (torch.zeros(10, 10), WEIGHT, 2, "shape \\(10, 10\\); pass one map of 1 to 9"),
        (torch.zeros(2, 3, 3), WEIGHT, 2, "pass one map"),
        (torch.full((3, 3), 0.5), WEIGHT, 2, "x must hold integers"),
        (torch.full((3, 3), float("nan")), WEIGHT, 2, "x must hold integers"),
        (torch.full((3, 3), 100), WEIGHT, 2, "-99 to 99"),
        (X, torch.ones(5, 5), 2, "weight has shape \\(5, 5\\); pass one map of 1 to 3"),
        (X, WEIGHT, 0, "rate=0; rate must be an integer >= 1"),
        (X, WEIGHT, 4, "rate=4; the picture has room for rates 1 to 3"),
        ([[1, 2, 3]], [[1, 2, 1]], 2, "x has 1 rows; rate=2 and 1 taps need at least 2"),
        ([[1, 2], [3]], WEIGHT, 2, "equally long rows"),
    ],
)
def test_wrong_input_is_answered_with_the_value_and_the_remedy(x, weight, rate, message):
    with pytest.raises(ValueError, match=message):
        split_conv_merge(x, weight, rate=rate)


def test_conv_reduce_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="stride=5; the picture has room for strides 1 to 3"):
        conv_reduce(X, WEIGHT, stride=5)
    with pytest.raises(ValueError, match="x has 1 columns, the kernel 2"):
        conv_reduce([[1], [2]], [[1, 1]])


def test_a_batch_of_one_is_read_as_a_map():
    assert torch.equal(integers(X[None, None], name="x", most=9, what="test"), X.double())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": []}, "0 frames; give at least two"),
        ({"alt": " "}, "alt is empty"),
        ({"poster": 2}, "poster=2; the steps are 0 to 1"),
        ({"views": ["blue"]}, "uses the colour 'blue'; palette has r"),
        ({"frames": [Frame({}, "", "a", lit=("k",))] * 2}, "lights up 'k'"),
    ],
)
def test_a_stepper_that_does_not_add_up_says_why(changes, message):
    frames = [Frame({"k": Mark(0, 0, "1", "r")}, "One.", "a")] * 2
    with pytest.raises(ValueError, match=message):
        Stepper(**({"frames": frames, "size": (30, 30), "alt": "A cell.", "palette": RED} | changes))


def test_text_on_a_full_colour_is_readable():
    assert Swatch("#0072B2", "o", "blue").ink == "#FFFFFF"
    assert Swatch("#E69F00", "s", "orange").ink == "#000000"
    with pytest.raises(ValueError, match="marker='x'"):
        Swatch("#000000", "x", "cross")
