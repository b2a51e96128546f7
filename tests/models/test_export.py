"""The exported file gives ONNX Runtime the network's own scores, at sizes and batches that it was not traced with."""

import json
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from jpu_edu.data.palettes import CAMVID
from jpu_edu.data.transforms import MEAN, STD
from jpu_edu.models import build
from jpu_edu.models.export import to_onnx
from jpu_edu.models.fuse import fuse

#: A size that stays free while a network is traced is no int, which the type checker of the tests does not know.
pytestmark = pytest.mark.usefixtures("unchecked")
slow = pytest.mark.slow
NETWORKS = {
    "fastfcn enc": (build.fastfcn, {}),
    "pspnet": (build.pspnet, {}),
    "fcn32s": (build.fcn32s, {"backbone": "vgg16"}),
    "fcn8s": (build.fcn8s, {}),
    "dilated_fcn context": (build.dilated_fcn, {"head": "context"}),
    "dilated_fcn criss_cross": (build.dilated_fcn, {"head": "criss_cross"}),
    "deeplabv3 aspp": (build.deeplabv3, {}),
    "deeplabv3 cascade": (build.deeplabv3, {"context": "cascade"}),
    "encnet lateral": (build.encnet, {"lateral": True}),
    "encoder_decoder": (build.encoder_decoder, {}),
    "fpn": (build.fpn, {}),
    "fastfcn psp jpu_x": (build.fastfcn, {"head": "psp", "neck": "jpu_x"}),
    "fastfcn aspp bilinear": (build.fastfcn, {"head": "aspp", "neck": "bilinear", "align_corners": False}),
    "fastfcn fcn": (build.fastfcn, {"head": "fcn"}),
    "ResNet-50": (build.fastfcn, {"backbone": "resnet50"}),
}
QUICK = ("fastfcn enc", "pspnet")


@torch.no_grad()
def check(model: nn.Module, path: Path) -> None:
    to_onnx(model, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 96, 128), (2, 3, 65, 97), (3, 3, 130, 70)):
        x = torch.randn(shape)
        want = model(x).logits
        (got,) = session.run(["logits"], {"image": x.numpy()})
        assert got.shape == want.shape
        assert (torch.from_numpy(got) - want).abs().max() <= 1e-4 * max(1.0, want.abs().max().item())
    assert [p.name for p in path.parent.iterdir()] == [path.name], "one file, and nothing temporary left"


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=slow) for name in NETWORKS])
def test_onnx_runtime_gives_the_networks_scores_at_three_sizes(name: str, tmp_path: Path) -> None:
    builder, arguments = NETWORKS[name]
    check(builder(**{"classes": 5, "backbone": "tiny", **arguments}).eval(), tmp_path / "net.onnx")


def test_a_fused_network_exports_too(tmp_path: Path) -> None:
    check(fuse(build.fcn8s(classes=5, backbone="tiny")), tmp_path / "new folder" / "net.onnx")


def test_a_failure_leaves_the_old_file_and_the_mode_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    path, model = tmp_path / "net.onnx", build.fcn8s(classes=5, backbone="tiny").train()
    path.write_text("old")
    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(RuntimeError, match="no"):
        to_onnx(model, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert model.training


def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build.fcn8s(classes=5, backbone="tiny")
    with pytest.raises(ValueError, match=r"give the file a name that ends in \.onnx"):
        to_onnx(model, tmp_path / "net.pt")
    with pytest.raises(ValueError, match=r"example=\(32, 64\); give \(H, W\), both 64 or more"):
        to_onnx(model, tmp_path / "net.onnx", example=(32, 64))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs onnx and onnxscript; pip install onnx onnxscript onnxruntime"):
        to_onnx(model, tmp_path / "net.onnx")


def test_the_file_says_what_it_takes_and_what_its_classes_are(tmp_path: Path) -> None:
    model = build.fcn8s(classes=len(CAMVID), backbone="tiny")
    model.classes, model.crop = CAMVID, (64, 96)
    session = onnxruntime.InferenceSession(str(to_onnx(model, tmp_path / "net.onnx")))
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    about = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert about == {"mean": list(MEAN), "std": list(STD), "classes": list(CAMVID.names), "crop": [64, 96]}
