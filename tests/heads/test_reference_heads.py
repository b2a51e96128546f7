"""Every head of the official code, number by number, on its weights; and what the heads have in common."""

import pytest
import torch

from jpu_edu.heads.aspp import ASPP, ASPPHead
from jpu_edu.heads.context import ContextHead
from jpu_edu.heads.criss_cross import CrissCrossHead
from jpu_edu.heads.enc import ContextEncoding, EncHead
from jpu_edu.heads.fcn import FCNHead
from jpu_edu.heads.fcn_skip import FCNSkipHead
from jpu_edu.heads.psp import PSPHead, PyramidPooling
from jpu_edu.layers.features import Features
from tests import reference

LEVELS = {r"levels\.(\d)": lambda m: f"conv{int(m[1]) + 1}"}
ASPP_NAMES = {
    r"image\.conv": "b4.gap.1",
    r"image\.norm": "b4.gap.2",
    r"point": "b0",
    r"branches\.(\d)": lambda m: f"b{int(m[1]) + 1}",
}
ENCODING = {
    r"\bencoding\.": "encoding.3.",
    r"reduce\.conv": "encoding.0",
    r"reduce\.norm": "encoding.1",
    r"code_norm": "encoding.4",
    r"gate": "fc.0",
    r"presence": "selayer",
}
ENC_HEAD = {r"^block": "conv5", r"^context": "encmodule", r"^classifier\.1": "conv6.1"}
PSP_HEAD = {
    r"^block\.conv": "conv5.1",
    r"^block\.norm": "conv5.2",
    r"^classifier\.1": "conv5.5",
    r"^pyramid": "conv5.0",
}
FCN_HEAD = {r"^block": "conv5", r"^classifier\.1": "conv5.4"}
ASPP_HEAD = {r"^classifier\.1": "block.4"}
NOTHING = Features(*(torch.zeros(1, 1, 1, 1),) * 5)


def same(got: torch.Tensor, name: str) -> None:
    torch.testing.assert_close(got, reference.array(name), rtol=1e-9, atol=1e-9)


def test_pyramid_pooling_is_the_official_one():
    module = reference.filled(PyramidPooling(16), LEVELS, reference.BLOCKS, run="psp_pool")
    same(module(reference.randn(2, 16, 13, 17, seed=23)), "psp_pool__out0")


def test_the_psp_head_is_the_official_one():
    head = reference.filled(PSPHead(32, 7), PSP_HEAD, LEVELS, reference.BLOCKS, run="psphead")
    same(head(reference.randn(2, 32, 13, 17, seed=24), NOTHING).logits, "psphead__out0")


def test_aspp_is_the_official_one():
    module = reference.filled(ASPP(32, 4), ASPP_NAMES, reference.BLOCKS, run="aspp")
    same(module(reference.randn(2, 32, 13, 17, seed=25)), "aspp__out0")


def test_the_aspp_head_is_the_official_deeplabv3_head():
    names = (ASPP_NAMES, ASPP_HEAD, {r"^block\.conv": "block.0", r"^block\.norm": "block.1"}, reference.BLOCKS)
    head = reference.filled(ASPPHead(32, 7), *names, run="deeplabhead")
    same(head(reference.randn(2, 32, 13, 17, seed=25), NOTHING).logits, "deeplabhead__out0")


def test_the_fcn_head_is_the_official_one():
    head = reference.filled(FCNHead(32, 7), FCN_HEAD, reference.BLOCKS, run="fcnhead")
    same(head(reference.randn(2, 32, 9, 11, seed=26), NOTHING).logits, "fcnhead__out0")


def test_the_context_encoding_is_the_official_one():
    module = ContextEncoding(64, classes=7, codes=8)
    x, se = reference.filled(module, ENCODING, reference.BLOCKS, run="encmodule")(
        reference.randn(2, 64, 10, 12, seed=21)
    )
    same(x[:, ::3], "encmodule__out0")
    same(se, "encmodule__out1")


@pytest.mark.parametrize(("kernel", "run"), [(1, "enchead_jpu"), (3, "enchead_nojpu")])
def test_the_encnet_head_is_the_official_one_behind_the_jpu_and_without(kernel, run):
    head = reference.filled(EncHead(2048, 7, kernel=kernel), ENC_HEAD, ENCODING, reference.BLOCKS, run=run)
    output = head(reference.randn(1, 2048, 6, 7, seed=33), NOTHING)
    same(output.logits, f"{run}__out0")
    same(output.se, f"{run}__out1")


def heads(norm: str) -> dict:
    """Every head, small."""
    return {
        "fcn": FCNHead(16, 3, norm=norm),
        "fcn_skip": FCNSkipHead(16, 3, skip_channels=(8, 4)),
        "psp": PSPHead(16, 3, norm=norm),
        "aspp": ASPPHead(16, 3, width=16, norm=norm),
        "enc": EncHead(16, 3, width=8, codes=4, norm=norm),
        "enc_lateral": EncHead(16, 3, width=8, codes=4, lateral=(4, 8), kernel=3, norm=norm),
        "context": ContextHead(16, 3),
        "criss_cross": CrissCrossHead(16, 3, width=8, norm=norm),
    }


def pyramid(size: tuple[int, int] = (70, 53), batch: int = 2) -> Features:
    """Channels 1, 2, 4, 8, 16; each map the size of the one before over two, rounded up."""
    maps, (h, w) = [], size
    for i in range(5):
        h, w = -(-h // 2), -(-w // 2)
        maps.append(torch.randn(batch, 2**i, h, w))
    return Features(*maps)


@pytest.mark.parametrize("name", heads("batch"))
@pytest.mark.parametrize("norm", ["batch", "frozen", "group", "sync"])
def test_every_head_trains_with_every_norm_and_scores_every_pixel_of_its_map(name, norm):
    head, features = heads(norm)[name].train(), pyramid()
    y = features.c5.clone().requires_grad_()
    logits = head(y, features).logits
    assert logits.shape == (2, 3, *(features.c3 if name == "fcn_skip" else y).shape[2:])
    (logits * torch.randn_like(logits)).sum().backward()
    assert y.grad.isfinite().all() and y.grad.abs().max() > 0


@pytest.mark.parametrize("name", heads("batch"))
@pytest.mark.parametrize("size", [(32, 32), (33, 64), (95, 65), (97, 129)])
def test_every_head_takes_a_single_image_of_any_size_in_eval_mode(name, size):
    features = pyramid(size, batch=1)
    assert heads("batch")[name].eval()(features.c5, features).logits.isfinite().all()


@pytest.mark.parametrize("name", heads("batch"))
def test_every_head_builds_without_memory(name):
    with torch.device("meta"):
        assert all(p.is_meta for p in heads("batch")[name].parameters())


@pytest.mark.parametrize("name", heads("batch"))
def test_a_map_with_other_channels_is_refused_with_both_numbers(name, unchecked):
    with pytest.raises(ValueError, match=r"Head: got a map of shape \(2, 5, 3, 4\), expected \(B, 16, H, W\)"):
        heads("batch")[name](torch.zeros(2, 5, 3, 4), pyramid())


@pytest.mark.parametrize("head", [PSPHead, ASPPHead])
def test_training_on_one_image_says_which_norm_would_work(head):
    with pytest.raises(ValueError, match=r"training with a batch of 1 .* use a batch of 2 or more, or norm="):
        head(16, 3).train()(torch.randn(1, 16, 4, 4), NOTHING)
    head(16, 3, norm="group").train()(torch.randn(1, 16, 4, 4), NOTHING)
