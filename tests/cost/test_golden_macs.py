"""Every network's bill is the reference's: MACs part by part, and parameters, at 1 x 3 x 512 x 512 with 59 classes.

The rows were counted on the official code by hooks on nn.Conv2d and nn.Linear. Ours are counted twice: by
closed form and by torch's operator counter.
"""

import functools
import json

import pytest
import torch

from jpu_edu.cost.ledger import LayerCost, by_part, total
from jpu_edu.cost.macs import layer_costs
from jpu_edu.models.build import deeplabv3, dilated_fcn, encnet, fastfcn, pspnet
from tests.reference import FOLDER

ROWS = json.loads((FOLDER / "macs_params.json").read_text())["rows"]
DILATED = {"encnet": encnet, "psp": pspnet, "deeplab": deeplabv3, "fcn": dilated_fcn}
HEADS = {"encnet": "enc", "psp": "psp", "deeplab": "aspp", "fcn": "fcn"}
#: The official backbone keeps its classifier of 1000 ImageNet classes, which no segmentation uses. Ours has none.
FC = 2048 * 1000 + 1000


@functools.cache
def bill(row: str) -> tuple[LayerCost, ...]:
    """Every layer of the network that a row is about. The auxiliary head runs as well, as it always does there."""
    head, backbone, neck = row.split("_", maxsplit=2)
    with torch.device("meta"):
        if neck == "dilated":
            model = DILATED[head](classes=59, backbone=backbone, stem="deep")
        else:
            model = fastfcn(classes=59, head=HEADS[head], neck=neck.lower(), backbone=backbone, stem="deep")
    return tuple(layer_costs(model.train(), torch.empty(2, 3, 512, 512, device="meta")))


def giga(rows: list[LayerCost]) -> float:
    """GMACs of an image, rounded as in the file; BatchNorm in training mode wants a batch of two."""
    return round(sum(row.macs for row in rows) / 2e9, 3)


@pytest.mark.parametrize("row", ROWS)
def test_the_macs_are_the_references_in_total_and_part_by_part(row: str) -> None:
    rows, want = list(bill(row)), ROWS[row]
    assert giga(rows) == pytest.approx(want["gmacs_total"], abs=1.001e-3)
    assert giga([r for r in rows if not r.name.startswith("aux_head")]) == pytest.approx(
        want["gmacs_without_aux"], abs=1.001e-3
    )
    parts = {"head": "head.", "auxlayer": "aux_head."} | {
        f"pretrained.layer{i}": f"backbone.layer{i}." for i in (1, 2, 3, 4)
    }
    parts |= {"pretrained.stem": "backbone.conv1."} | ({} if row.endswith("dilated") else {"jpu": "neck."})
    assert set(parts) == set(want["parts"])
    for part, prefix in parts.items():
        assert giga([r for r in rows if r.name.startswith(prefix)]) == pytest.approx(
            want["parts"][part], abs=1.001e-3
        ), part


@pytest.mark.parametrize("row", ROWS)
def test_the_parameters_are_the_references_but_for_the_classifier_of_imagenet(row: str) -> None:
    ours = {part.name: part.params for part in by_part(bill(row))}
    theirs = ROWS[row]["params"]
    assert ours["backbone"] + FC == theirs["pretrained"]
    assert ours.get("neck", 0) == theirs["jpu"]
    assert (ours["head"], ours["aux_head"]) == (theirs["head"], theirs["aux"])
    assert sum(ours.values()) + FC == theirs["total"]


@pytest.mark.parametrize("row", ROWS)
def test_closed_form_and_operator_counter_differ_by_the_encoding_and_the_pooling_alone(row: str) -> None:
    """Both count every convolution and linear layer alike; only what multiplies outside of one differs."""
    different = {r.name: r for r in bill(row) if r.macs != r.counted}
    match row.split("_")[0]:
        case "encnet":  # two products of K x D by D x N, for each of the two images
            assert {name: (r.macs, r.counted) for name, r in different.items()} == {
                "head.context.encoding": (0, 2 * 2 * 32 * 512 * 64 * 64)
            }
        case "psp":  # 1 + 4 + 9 + 36 means over 4096 pixels of 2048 channels, as one product
            assert {name: (r.macs, r.counted) for name, r in different.items()} == {
                "head.pyramid": (0, 2 * 2048 * 64 * 64 * 50)
            }
        case _:
            assert different == {}


def test_fastfcn_saves_what_the_paper_is_about_and_not_where_one_might_look() -> None:
    """Of the 83 GMACs between the two EncNets 78 leave the backbone, 34 leave the head, and the JPU adds 30."""
    slow, fast = (
        {part.name: part.macs / 2e9 for part in by_part(bill(f"encnet_resnet50_{neck}"))} for neck in ("dilated", "JPU")
    )
    saved = {part: slow.get(part, 0.0) - fast[part] for part in fast}
    assert {part: round(value) for part, value in saved.items()} == {
        "backbone": 78, "neck": -30, "head": 34, "aux_head": 7,
    }  # fmt: skip
    assert total(bill("encnet_resnet50_JPU")).params > total(bill("encnet_resnet50_dilated")).params
