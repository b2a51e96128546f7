"""A folder of hostile files, and the names that the calls of the adversary know."""

import copy
import hashlib
import importlib
import io
import json
import math
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from jpu_edu.layers.features import Features
from jpu_edu.models import build, weights
from jpu_edu.ops.chains import Layer
from tests.adversary.commands import command, denied, full

#: By name, as a user has them: some stand on a floor above this one.
MODULES = """
    ops.phases ops.convs ops.chains ops.solve ops.interp ops.compare classic.bilateral classic.box classic.guided
    cost.macs cost.receptive cost.timing layers.norm layers.pooling layers.encoding layers.blocks metrics.confusion
    metrics.scores metrics.boundary backbones.dilate backbones.cascade backbones.resnet backbones.tiny backbones.vgg
    necks.jpu necks.jpu_x necks.fpn necks.encoder_decoder necks.bilinear necks.last heads.psp heads.aspp heads.enc
    heads.fcn heads.fcn_skip heads.context heads.criss_cross models.build models.labels models.fuse models.fold
    models.export models.weights data.decode data.pictures data.readers data.layouts data.classes data.batches
    data.scenes data.held data.check data.photos train.checkpoint train.config train.evaluate train.log train.loss
    train.predict train.protocol train.recipes train.schedule train.source train.groups train.loop draw.grids draw.style
    draw.coverage draw.phase_bars draw.triptych school.handed
""".split()  # noqa: SIM905
OTHERS = {"e01": "exercises.e01_convolution", "draw_confusion": "draw.confusion"}


def namespace(here: Path) -> dict[str, Any]:
    """What the calls can name, with the folder `here` full of files."""
    from matplotlib.figure import Figure

    places = {name.rsplit(".")[-1]: name for name in MODULES} | OTHERS
    names: dict[str, Any] = {name: importlib.import_module(f"jpu_edu.{path}") for name, path in places.items()}
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    x, w = torch.randn(1, 4, 9, 11).double(), torch.randn(4, 4, 3, 3).double()
    net = build.fastfcn(classes=7, backbone="tiny", head="fcn", width=8, aux=False).eval()
    names |= {
        "torch": torch, "np": np, "Path": Path, "Image": Image, "nan": math.nan, "inf": math.inf, "here": here,
        "x": x, "w": w, "k": torch.arange(12).view(3, 4) % 3, "layer": Layer(w), "net": net, "five": (8, 8, 8, 8, 8),
        "maps": Features(*(x.float() for _ in range(5))), "image": torch.zeros(3, 40, 48, dtype=torch.uint8),
        "axes": lambda count=1: Figure().subplots(1, count), "command": command, "full": full, "denied": denied,
        "predict": names["predict"].predict,
        "train": lambda *sets, **more: names["loop"].train(copy.deepcopy(net), *sets, progress=False, **more),
        "scenes": names["scenes"].Scenes(2), "config": partial(names["config"].Config, steps=2, batch=2, crop=(32, 32),
                                                               lr=0.1),
    }  # fmt: skip
    prepare(here, net)
    return names


class Program:
    """Pickled, it writes the canary as soon as it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return open, (str(self.canary), "w")


def prepare(here: Path, net: torch.nn.Module) -> None:
    """Fill the folder."""
    program = Program(here / "canary")
    for name, content in (("program", program), ("nested", {"state_dict": {"conv.weight": program}}), ("other", [1])):
        torch.save(content, here / f"{name}.pth")
        torch.save(content, here / f"{name}_old.pth", _use_new_zipfile_serialization=False)
    (here / "plain.pth").write_bytes(pickle.dumps(program))
    run = here / "run"
    run.mkdir()
    for step, content in ((1, program), (2, {"step": 2})):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:16]
        (run / f"step-{step:08d}-{digest}.pt").write_bytes(buffer.getvalue())
        (here / f"alone{step}").mkdir()
        (here / f"alone{step}" / f"step-{step:08d}-{digest}.pt").write_bytes(buffer.getvalue())
    whole = next(run.glob("step-00000002-*"))
    (here / "cut").mkdir()
    (here / "cut" / whole.name).write_bytes(whole.read_bytes()[:100])
    with zipfile.ZipFile(here / "climbs.pth", "w") as archive:
        archive.writestr("../canary", "out of its folder")
        archive.writestr("archive/data.pkl", pickle.dumps(program))
        archive.writestr("archive/version", "3")
    _weights(here, net)
    _pictures(here)
    _set(here)


def _weights(here: Path, net: torch.nn.Module) -> None:
    state = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    weights.save(net, here / "good.safetensors")
    weights.save(build.fcn32s(classes=2, backbone="tiny"), here / "two.safetensors")
    content = (here / "good.safetensors").read_bytes()
    (here / "half.safetensors").write_bytes(content[: len(content) // 2])
    (here / "empty.safetensors").write_bytes(b"")
    (here / "endless.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{")
    right = net.architecture
    for name, architecture in (
        ("no_json", "{"), ("list", json.dumps([1])), ("no_backbone", json.dumps({"builder": "fastfcn", "classes": 7})),
        ("other_builder", json.dumps(right | {"builder": "system"})), ("other_width", json.dumps(right | {"width": 9})),
        ("other_word", json.dumps(right | {"colour": 9})), ("huge", json.dumps(right | {"width": 10**9})),
        ("no_word", None),
    ):  # fmt: skip
        save_file(state, here / f"{name}.safetensors", metadata=architecture and {"jpu_edu": architecture})
    metadata = {"jpu_edu": json.dumps(right), "classes": '{"names": ["one"]}'}
    save_file(state, here / "other_classes.safetensors", metadata=metadata)
    torch.save({"state_dict": {"pretrained.conv1.weight": torch.ones(1)}}, here / "no_head.pth")
    torch.save({}, here / "nothing.pth")
    (here / "half.pth").write_bytes((here / "other.pth").read_bytes()[:200])


def _png(width: int, height: int, rows: bytes) -> bytes:
    """A grey picture of 1 bit that may claim any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _pictures(here: Path) -> None:
    grey = Image.fromarray(np.arange(48 * 64, dtype=np.uint8).reshape(48, 64))
    photo = Image.merge("RGB", [grey, grey.transpose(Image.Transpose.ROTATE_180), grey])
    palette = Image.fromarray(np.tile(np.array([[0, 1], [2, 255]], np.uint8), (24, 32)))
    palette.putpalette([9, 9, 9] * 256)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, picture in (
        ("photo.png", photo), ("photo.jpg", photo), ("palette.png", palette), ("photo.gif", photo),
        ("grey.png", grey), ("cmyk.jpg", photo.convert("CMYK")), ("alpha.png", photo.convert("RGBA")),
        ("bits16.png", Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64))),
        ("float.tif", grey.convert("F")), ("bit.png", grey.convert("1")), ("one.png", photo.crop((0, 0, 1, 1))),
        ("wide.png", photo.resize((20000, 2))), ("tall.png", photo.resize((30, 20000))),
        ("labels.png", Image.new("L", (64, 48), 1)), ("labels9.png", Image.new("L", (64, 48), 9)),
        ("label.png", Image.new("L", (1, 1), 1)), ("soft.png", Image.new("RGB", (64, 48), (1, 2, 3))),
    ):  # fmt: skip
        picture.save(here / name)
    photo.save(here / "turned.jpg", exif=exif)
    for name, start in (("cut.png", "photo.png"), ("cut.jpg", "photo.jpg")):
        content = (here / start).read_bytes()
        (here / name).write_bytes(content[: len(content) // 2])
    changed = bytearray((here / "photo.png").read_bytes())
    changed[60] ^= 255
    (here / "changed.png").write_bytes(changed)
    (here / "empty.png").write_bytes(b"")
    (here / "text.png").write_text("<svg/>")
    (here / "folder.png").mkdir()
    (here / "claims.png").write_bytes(_png(2**31 - 1, 2**31 - 1, b""))
    (here / "bomb.png").write_bytes(_png(20000, 20000, zlib.compress(b"\0" * 20000 * 2501)))


def _set(here: Path) -> None:
    """A small labelled set, and copies of it with one thing wrong."""
    tables = {
        "set": "ground\nman", "set_empty": "", "set_twice": "man\nman", "set_mixed": "man\n3 dog", "set_999": "999 man",
        "set_300": "\n".join(f"c{k}" for k in range(300)), "set_colour": "man 1 2 999", "set_void": "void",
        "set_line": "a" + " " * 40000 + "b", "set_numbers": "1 1 1 1\n2 2 2 2",
    }  # fmt: skip
    for name, table in tables.items():
        for split in ("train", "val"):
            for kind, source in (("images", "photo.png"), ("labels", "labels.png")):
                place = here / name / kind / split
                place.mkdir(parents=True)
                (place / "a.png").write_bytes((here / source).read_bytes())
        (here / name / "classes.txt").write_text(table)
    for name, kind, source in (
        ("set_no_labels", "labels", None), ("set_16", "labels", "bits16.png"), ("set_9", "labels", "labels9.png"),
        ("set_jpeg", "labels", "photo.jpg"), ("set_size", "labels", "label.png"), ("set_cut", "images", "cut.png"),
        ("set_turned", "images", "turned.jpg"), ("set_rgb", "labels", "soft.png"),
        ("set_palette", "labels", "soft.png"),
    ):  # fmt: skip
        other = here / name
        for path in (here / "set").rglob("*.*"):
            (other / path.relative_to(here / "set")).parent.mkdir(parents=True, exist_ok=True)
            (other / path.relative_to(here / "set")).write_bytes(path.read_bytes())
        for split in ("train", "val"):
            (other / kind / split / "a.png").unlink()
            if source:
                (other / kind / split / "a.png").write_bytes((here / source).read_bytes())
    (here / "set_palette" / "classes.txt").write_text("soft 1 2 3")
    (here / "set_utf16").mkdir()
    (here / "set_utf16" / "classes.txt").write_bytes("ground\nmänner".encode("utf-16"))
    (here / "set_none" / "images").mkdir(parents=True)
    (here / "set_none" / "labels").mkdir()
    (here / "set_none" / "classes.txt").write_text("ground")
    (here / "set_loop" / "trainannot").mkdir(parents=True)
    os.symlink(here / "set_loop", here / "set_loop" / "train")
    (here / "voc" / "SegmentationClass").mkdir(parents=True)
    (here / "voc" / "ImageSets" / "Segmentation").mkdir(parents=True)
    (here / "voc" / "ImageSets" / "Segmentation" / "train.txt").write_text("../../../etc/passwd\n")
    (here / "not_a_folder").write_text("a file")
    (here / "logged").mkdir()
    (here / "logged" / "log.jsonl").write_bytes(b'{"step": 1, "loss": 2.0}\n{"step": 2, "lo\n\xff\xfe\n[]\n')
