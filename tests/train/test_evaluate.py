"""A set as two matrices: the sum over its images, whoever counts them, and what is said about what does not fit."""

import functools
import json
from dataclasses import dataclass

import pytest
import torch
from torch import distributed, nn
from torchmetrics.classification import MulticlassJaccardIndex

from jpu_edu.data.classes import VOID, Classes
from jpu_edu.data.files import write_json
from jpu_edu.data.sets import Sample
from jpu_edu.metrics.boundary import boundary_band
from jpu_edu.models import build
from jpu_edu.train.evaluate import evaluate
from jpu_edu.train.protocol import official, probabilities, whole_image

CLASSES = Classes(names=("ground", "sky", "a kite"), colours=((0, 0, 0), (0, 0, 255), (255, 0, 0)))


@dataclass
class Drawn:
    """Images of random sizes; image i is a function of i. Class 2 is never there, a fifth is void."""

    count: int
    classes: Classes = CLASSES
    name: str = "Drawn"
    split: str = "val"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        g = torch.Generator().manual_seed(index)
        height, width = torch.randint(33, 60, (2,), generator=g).tolist()
        labels = (
            (torch.rand(height, width, generator=g) < 0.5).to(torch.uint8).cumsum(1).fmod(20).ge(10).to(torch.uint8)
        )
        labels[torch.rand(height, width, generator=g) < 0.2] = VOID
        return Sample(torch.randint(256, (3, height, width), generator=g, dtype=torch.uint8), labels)


def network(**change: object) -> nn.Module:
    torch.manual_seed(0)
    return build.fastfcn(**{"classes": 3, "backbone": "tiny", "head": "fcn", **change})


def same(a, b) -> bool:
    return torch.equal(a.matrix, b.matrix) and torch.equal(a.band_matrix, b.band_matrix)


def test_it_is_the_sum_over_the_images_and_agrees_with_torchmetrics():
    model, images = network(), Drawn(5)
    result = evaluate(model, images, band=2)
    oracle = MulticlassJaccardIndex(3, ignore_index=VOID, average="none")
    near = MulticlassJaccardIndex(3, ignore_index=VOID, average="none")
    for image, labels in (images[i] for i in range(5)):
        predicted = whole_image(model, image)
        oracle.update(predicted[None], labels[None].long())
        inside = boundary_band(labels[None], width=2)
        near.update(predicted[None], labels[None].long().masked_fill(~inside, VOID))
    torch.testing.assert_close(result.iou.nan_to_num(0).float(), oracle.compute())
    torch.testing.assert_close(result.band_iou.nan_to_num(0).float(), near.compute())
    assert 0 < result.band_matrix.sum() < result.matrix.sum() and result.images == 5
    assert result.matrix.sum() == sum((images[i].labels != VOID).sum() for i in range(5))


def _one_of_two(rank: int, file: str, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    odd, few = evaluate(network(), Drawn(5)), evaluate(network(), Drawn(1))
    torch.save([odd.matrix, odd.band_matrix, few.matrix, few.band_matrix], f"{folder}/{rank}.pt")
    assert (odd.images, few.images) == (5, 1)
    distributed.destroy_process_group()


def test_two_processes_count_what_one_counts_though_the_images_do_not_divide(tmp_path):
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path / "meet"), str(tmp_path)), nprocs=2)
    odd, few = evaluate(network(), Drawn(5)), evaluate(network(), Drawn(1))
    for rank in range(2):
        matrices = torch.load(tmp_path / f"{rank}.pt")
        wanted = (odd.matrix, odd.band_matrix, few.matrix, few.band_matrix)
        assert all(map(torch.equal, matrices, wanted))


def test_labels_and_scores_are_both_answers():
    model, images = network(), Drawn(3)
    assert same(evaluate(model, images), evaluate(model, images, score=probabilities))
    small = functools.partial(official, base=52, crop=48, scales=(0.5, 1), flip=True)
    other = evaluate(model, images, score=small)
    assert other.matrix.sum() == evaluate(model, images).matrix.sum()


def test_modes_are_restored_after_success_and_after_failure():
    model = network(norm="frozen").train()
    model.head.eval()
    modes = [module.training for module in model.modules()]

    def fail(net: nn.Module, image: torch.Tensor) -> torch.Tensor:
        assert not net.training and not torch.is_grad_enabled()
        raise RuntimeError("from the score")

    evaluate(model, Drawn(2))
    with pytest.raises(RuntimeError, match="from the score"):
        evaluate(model, Drawn(2), score=fail)
    assert [module.training for module in model.modules()] == modes


def test_a_damaged_file_is_reported_as_the_set_reports_it():
    class Damaged(Drawn):
        def __getitem__(self, index: int) -> Sample:
            if index == 2:
                raise ValueError("val/2.png: truncated")
            return super().__getitem__(index)

    with pytest.raises(ValueError, match=r"val/2\.png: truncated"):
        evaluate(network(), Damaged(4))


def test_the_table_has_every_class_and_says_what_is_absent():
    labels = torch.tensor([[0, 0, 0, 1]], dtype=torch.uint8)
    images = [Sample(torch.zeros(3, 1, 4, dtype=torch.uint8), labels)]
    one = Drawn(1)
    one.__class__ = type("One", (Drawn,), {"__getitem__": lambda self, index: images[index]})
    result = evaluate(network(), one, band=1, score=lambda net, image: torch.tensor([[0, 0, 1, 1]]))
    lines = result.table().splitlines()
    assert lines[1].split() == ["ground", "75.00", "0.667", "0.000"]
    assert lines[2].split() == ["sky", "25.00", "0.500", "0.500"]
    assert lines[3].split() == ["a", "kite", "0.00", "-", "-"]
    assert lines[4].split() == ["mean", "IoU", "0.583", "0.250"]
    assert "pixel accuracy 0.750; 1 images; band: 1 pixels" in lines[5] and "absent classes: left out" in lines[5]
    assert evaluate(network(), one, absent="zero", score=lambda *_: labels).miou == pytest.approx(2 / 3)


def test_the_record_is_json_with_null_for_absent(tmp_path):
    result = evaluate(network(), Drawn(2), score=lambda net, image: torch.zeros(image.shape[1:], dtype=torch.uint8))
    record = json.loads(write_json(tmp_path / "scores.json", result.record()).read_text())
    assert record["classes"] == list(CLASSES.names) and record["iou"][2] is None
    assert record["miou"] == result.miou and record["matrix"] == result.matrix.tolist()
    assert torch.equal(torch.tensor(record["band_matrix"]), result.band_matrix)


def test_a_progress_bar_only_where_it_is_wanted(capsys):
    evaluate(network(), Drawn(2), progress=True)
    assert "image 2 of 2" in capsys.readouterr().err
    evaluate(network(), Drawn(2))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("images", "arguments", "words"),
    [
        (Drawn(0), {}, "Drawn val has no images"),
        (Drawn(2, Classes(("a", "b"), ((0, 0, 0), (1, 1, 1)))), {}, r"tells 3 classes, Drawn val has 2 \(a, b, ...\)"),
    ],
)
def test_what_does_not_fit_is_named(images, arguments, words):
    with pytest.raises(ValueError, match=words):
        evaluate(network(), images, **arguments)


def test_a_network_by_hand_that_tells_other_classes_is_found_out():
    with pytest.raises(ValueError, match="predicted holds 3"):
        evaluate(network(), Drawn(1), score=lambda net, image: torch.full(image.shape[1:], 3))
