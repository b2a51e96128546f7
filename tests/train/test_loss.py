"""The loss against the official numbers; void, pieces of a batch, and images that say nothing."""

import pytest
import torch
import torch.nn.functional as F

from jpu_edu.layers.features import SegOutput
from jpu_edu.train.loss import labelled, presence, segmentation_loss
from tests import reference

VOID = 255


def official_case(*, aux: bool, se: bool) -> tuple[SegOutput, torch.Tensor]:
    """The scores and labels of the reference run; it called void -1."""
    target = reference.array("loss_target")
    labels = target.where(target >= 0, VOID).to(torch.uint8)
    parts = {"aux": aux and reference.array("loss_p2"), "se": se and reference.array("loss_se")}
    return SegOutput(reference.array("loss_p1"), **{k: v for k, v in parts.items() if v is not False}), labels


@pytest.mark.parametrize(
    ("name", "aux", "se", "aux_weight"),
    [
        ("ce_only", False, False, 0.2),
        ("ce_aux_0.2", True, False, 0.2),
        ("ce_aux_0.4", True, False, 0.4),
        ("ce_se0.2", False, True, 0.2),
        ("ce_se0.2_aux_0.2", True, True, 0.2),
        ("ce_se0.2_aux_0.4", True, True, 0.4),
    ],
)
def test_the_loss_is_the_official_one(name, aux, se, aux_weight):
    out, labels = official_case(aux=aux, se=se)
    loss = segmentation_loss(out, labels, aux_weight=aux_weight, se_weight=0.2)
    assert loss.total.item() == pytest.approx(reference.record("losses")[name], abs=1e-9)
    assert (loss.aux is None, loss.se is None) == (not aux, not se)


def test_presence_is_the_official_target():
    _, labels = official_case(aux=False, se=False)
    assert presence(labels, classes=7).tolist() == reference.record("losses")["se_target"]


def random_case(seed: int = 0) -> tuple[SegOutput, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    scores = [torch.randn(6, 5, 7, 8, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    se = torch.randn(6, 5, generator=g, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 5, (6, 7, 8), generator=g)
    labels[torch.rand(6, 7, 8, generator=g) < torch.linspace(0.1, 1.0, 6)[:, None, None]] = VOID
    labels[5] = VOID
    return SegOutput(scores[0], aux=scores[1], se=se), labels.to(torch.uint8)


def test_convention_segmentation_loss_of_an_all_void_batch_is_0_with_gradient_0():
    out, labels = random_case()
    loss = segmentation_loss(out, torch.full_like(labels, VOID))
    loss.total.backward()
    assert loss.total.item() == loss.main.item() == loss.aux.item() == loss.se.item() == 0
    for scores in (out.logits, out.aux, out.se):
        assert torch.equal(scores.grad, torch.zeros_like(scores))


def test_convention_segmentation_loss_asks_an_all_void_image_nothing():
    out, labels = random_case()
    segmentation_loss(out, labels).total.backward()
    for scores in (out.logits, out.aux, out.se):
        assert scores.grad[5].abs().max() == 0 < scores.grad[0].abs().max()


def test_void_pixels_have_no_gradient_and_do_not_enter_the_mean():
    out, labels = random_case()
    kept = labels != VOID
    loss = segmentation_loss(out, labels, aux_weight=0.0, se_weight=0.0).total
    loss.backward()
    assert (out.logits.grad.abs().sum(1)[~kept] == 0).all()
    expected = F.cross_entropy(out.logits.movedim(1, -1)[kept], labels[kept].long())
    torch.testing.assert_close(loss, expected)


def test_pieces_that_divide_by_the_whole_batch_add_up_to_it_and_means_of_means_do_not():
    out, labels = random_case()
    whole = segmentation_loss(out, labels)
    cuts = [slice(0, 1), slice(1, 4), slice(4, 6)]
    piece = [SegOutput(out.logits[c], aux=out.aux[c], se=out.se[c]) for c in cuts]
    counts = labelled(labels)
    parts = [segmentation_loss(p, labels[c], counts=counts) for p, c in zip(piece, cuts, strict=True)]
    for name in ("total", "main", "aux", "se"):
        torch.testing.assert_close(sum(getattr(p, name) for p in parts), getattr(whole, name))
    means = [segmentation_loss(p, labels[c]).total for p, c in zip(piece, cuts, strict=True)]
    assert abs(sum(means) / 3 - whole.total) > 1e-2


def test_half_precision_scores_are_summed_in_float32():
    logits = torch.zeros(1, 4, 300, 300, dtype=torch.bfloat16)
    loss = segmentation_loss(SegOutput(logits), torch.zeros(1, 300, 300, dtype=torch.uint8))
    assert loss.total.dtype == torch.float32
    assert loss.total.item() == pytest.approx(1.3862944, abs=1e-5)


@pytest.mark.parametrize(
    ("shape", "label", "words"),
    [((2, 8, 8), 0, "must agree"), ((1, 8, 8), 0, "must agree"), ((1, 9, 8), 7, "There are 4 classes")],
)
def test_labels_that_do_not_fit_are_explained(unchecked, shape, label, words):
    labels = torch.full(shape, label, dtype=torch.uint8)
    with pytest.raises(ValueError, match=words):
        segmentation_loss(SegOutput(torch.zeros(1, 4, 9, 8)), labels)
