"""The command line, called with bad values, bad files, and nowhere to write. See `calls` for the form."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jpu_edu import cli
from tests.adversary.calls import Call

NOBODY = 65534  # the superuser may write anywhere, so the calls that must not are made as nobody


def command(*words: object) -> str:
    """What `python -m jpu_edu` prints.

    Raises:
        ValueError: with all that it prints, where it ends with a status other than 0.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as leaving:
            status = leaving.code
    if status:
        raise ValueError(f"exit status {status}: {said.getvalue()}")
    return said.getvalue()


def denied(path: Path, call: Callable[[], Any]) -> Any:
    """Call with a file that may not be read, or a folder that may not be written."""
    mode = path.stat().st_mode
    path.chmod(0o555 if path.is_dir() else 0)
    try:
        with _nobody():
            return call()
    finally:
        path.chmod(mode)


@contextlib.contextmanager
def _nobody() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def full(call: Callable[[], Any], most: int = 4096) -> Any:
    """Call where no file may grow beyond so many bytes, as on a disk that is full."""
    import resource  # there is none on Windows

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        return call()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


SMALL = "'--with', 'backbone=tiny', '--set', 'steps=2', 'batch=2', 'crop=32,32'"
TRAIN = f"'train', 'folder', '--data', here / 'set', '--out', here / 'new', {SMALL}"
PREDICT = "'predict', here / 'photo.png', '--model', here / 'good.safetensors'"
EVALUATE = "'evaluate', '--data', here / 'set', '--model'"

CALLS: tuple[Call, ...] = (
    ("command()", "required: command", "usage"),
    ("command('fly')", "'fly'", "choose from"),
    ("command('verify', '--dtype', 'int8')", "'int8'", "float64"),
    ("command('verify', '--device', 'tpu')", "--device tpu", "try --device cpu"),
    ("command('verify', '--seed', 'x')", "'x'", "int"),
    ("command('verify', '--seed', 2**80)", f"--seed {2**80}", "of 64 bits"),
    ("command('data')", "required: what", "usage"),
    ("command('data', 'check')", "required: PATH", "usage"),
    ("command('data', 'check', here / 'nowhere')", "nowhere", "name the folder"),
    ("command('data', 'check', here / 'photo.png')", "photo.png", "name the folder"),
    ("command('data', 'check', here / 'voc' / 'ImageSets')", "none of the layouts", "classes.txt"),
    ("command('data', 'check', here / 'set', '--layout', 'mine')", "'mine'", "choose from"),
    ("command('data', 'check', here / 'set', '--layout', 'voc')", "SegmentationClass", "pass the folder"),
    ("command('data', 'check', here / 'set', '--split', 'test')", "'test'", "there are train"),
    ("command('data', 'check', here / 'set', '--sheet', here / 'a.txt')", "a.txt", "end the name"),
    ("command('data', 'check', here / 'set', '--json', here / 'photo.png' / 'a')", "photo.png", "name a place"),
    ("full(lambda: command('data', 'check', here / 'set', '--sheet', here / 's.png'))", "s.png", "room on its disk"),
    *((f"command('data', 'check', here / '{name}')", value, remedy) for name, value, remedy in (
        ("set_no_labels", "labels", "put"), ("set_none", "is empty", "at least one"),
        ("set_empty", "0 classes", "1 to"),
        ("set_utf16", "UTF-8", "save it as UTF-8"), ("set_16", "I;16", "save it as 8-bit"),
        ("set_9", "number 9", "correct the label"), ("set_jpeg", "JPEG", "make them again"),
        ("set_size", "1 x 1 labels", "label it again"), ("set_cut", "no readable picture", "download it again"),
        ("set_turned", "orientation 6", "save it upright"), ("set_rgb", "RGB", "save it as 8-bit"))),
    ("command('data', 'check', here / 'set_palette').endswith('No problems.\\n\\n')",),
    ("command('train')", "no recipe", "choose one of"),
    ("command('train', 'shapes')", "'shapes'", "choose one of"),
    ("command('train', 'shapes_minute', '--with', 'network=unet')", "network='unet'", "choose one of"),
    ("command('train', 'shapes_minute', '--with', 'depth=3')", "'depth=3'", "takes NAME=VALUE for network"),
    ("command('train', 'shapes_minute', '--set', 'steps')", "'steps'", "takes NAME=VALUE"),
    ("command('train', 'shapes_minute', '--set', 'steps=1e9')", "steps=1000000000.0", "int"),
    ("command('train', 'shapes_minute', '--set', 'steps=__import__(\"os\").abort()')", "abort()", "int"),
    ("command('train', 'shapes_minute', '--set', 'lr=nan')", "lr='nan'", "float"),
    ("command('train', 'shapes_minute', '--set', 'lr=1e999')", "lr=inf", "> 0"),
    ("command('train', 'shapes_minute', '--set', 'crop=8,8')", "crop=(8, 8)", ">= 32"),
    ("command('train', 'folder', '--with', 'backbone=resnet99', '--data', here / 'set', '--out', here / 'new')",
     "resnet99", "choose one of"),
    ("command('train', 'folder', '--with', 'backbone=3', '--data', here / 'set', '--out', here / 'new')", "3",
     "choose one of"),
    ("command('train', 'folder')", "a folder", "--data PATH"),
    ("command('train', 'folder', '--data', here / 'nowhere', '--out', here / 'new')", "nowhere", "one class a line"),
    ("command('train', 'folder', '--data', here / 'set_9', '--out', here / 'new', " + SMALL + ")", "number 9",
     "correct the label"),
    (f"command({TRAIN}, '--device', 'tpu')", "'tpu'", "try 'cpu'"),
    (f"command({TRAIN}, '--device', 'cuda')", "'cuda", "try 'cpu'"),
    (f"command({TRAIN}, '--minutes', 'soon')", "'soon'", "float"),
    (f"command({TRAIN}, '--minutes', 'nan')", "--minutes nan", ">= 0"),
    (f"command({TRAIN}, '--minutes=-1')", "--minutes -1", ">= 0"),
    (f"command({TRAIN}, '--backbone', here / 'missing.pth')", "missing.pth", "no file"),
    *((f"command({TRAIN}, '--backbone', here / '{name}')", name, "weights") for name in (
        "program.pth", "plain.pth", "nested_old.pth", "half.pth", "half.safetensors", "photo.png")),
    (f"command({TRAIN}, '--out', here / 'not_a_folder')", "not_a_folder", "name a place"),
    (f"command({TRAIN}, '--out', here / 'run')", "holds a run", "--resume"),
    (f"command({TRAIN}, '--out', here / 'alone1', '--resume')", "holds more than tensors", "another folder"),
    (f"command({TRAIN}, '--out', here / 'cut', '--resume')", "100 bytes", "another folder"),
    (f"full(lambda: command({TRAIN}, '--out', here / 'new4'), 20000)", "could not be written", "make room"),
    (f"denied(here / 'voc', lambda: command({TRAIN}, '--out', here / 'voc' / 'a'))", "voc", "name a place"),
    (f"'Best' in command({TRAIN}, '--out', here / 'new5')",),
    *((f"command({EVALUATE}, here / '{name}')", name, remedy) for name, remedy in (
        ("missing.pth", "no file"), ("program.pth", "weights"), ("nested.pth", "weights"), ("plain.pth", "weights"),
        ("photo.png", "weights"), ("half.safetensors", "again"))),
    (f"command({EVALUATE}, here)", "a folder", "name the file"),
    (f"command({EVALUATE}, here / 'good.safetensors')", "7 classes", "take the set"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--scales', 0)", "scales=(0.0,)", "> 0"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--scales', 'nan')", "scales=(nan,)", "> 0"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--protocol', 'official', '--crop', 8)", "crop=8", "crop >= 32"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--band', 0)", "0", ">= 1"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--split', 'test')", "'test'", "there are train"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--device', 'tpu')", "'tpu'", "try 'cpu'"),
    (f"command({EVALUATE}, here / 'two.safetensors', '--json', here / 'folder.png')", "folder.png", "name a place"),
    (f"'mean IoU' in command({EVALUATE}, here / 'two.safetensors')",),
    ("command('predict')", "required: IMAGE", "usage"),
    (f"command({PREDICT})", "required: --out", "usage"),
    *((f"command('predict', here / 'photo.png', '--model', here / '{name}', '--out', here)", name, "weights")
      for name in ("program.pth", "climbs.pth")),
    (f"command({PREDICT}, '--out', here / 'not_a_folder')", "not_a_folder", "you may write to"),
    (f"command({PREDICT}, '--out', here / 'new6', '--longest', 8)", "longest=8", "32 or more"),
    (f"command({PREDICT}, '--out', here / 'new6', '--longest', -5)", "longest=-5", "32 or more"),
    (f"command({PREDICT}, '--out', here / 'new6', '--device', 'tpu')", "'tpu'", "try 'cpu'"),
    *((f"command('predict', here / '{name}', '--model', here / 'good.safetensors', '--out', here)", name, remedy)
      for name, remedy in (("missing.png", "check the path"), ("folder.png", "name the pictures"),
                           ("text.png", "download it again"), ("cut.jpg", "download it again"),
                           ("bits16.png", "8-bit"), ("bomb.png", "cut it into smaller"))),
    ("command('predict', here / 'photo.png', here / 'photo.jpg', '--model', here / 'good.safetensors', '--out', here)",
     "'photo'", "a folder of its own"),
    (f"full(lambda: command({PREDICT}, '--out', here / 'new6'), 100)", "photo", "room on its disk"),
    (f"denied(here / 'voc', lambda: command({PREDICT}, '--out', here / 'voc'))", "voc", "you may write"),
    ("'one.png (1 x 1' in command('predict', here / 'one.png', '--model', here / 'good.safetensors', '--out', here / "
     "'new7')",),
    ("command('class')", "required: step", "usage"),
    ("command('class', 'new', here / 'course', '--seed', 0, '--weeks', 3)", "--seed 0", "1 or more"),
    ("command('class', 'new', here / 'course', '--seed', 7, '--weeks', 99)", "--weeks 99", "choose 1 to"),
    ("command('class', 'new', here / 'set', '--seed', 7, '--weeks', 1)", "set", "name a new folder"),
    ("command('class', 'new', here / 'not_a_folder', '--seed', 7, '--weeks', 1)", "not_a_folder", "name a new folder"),
    ("denied(here / 'voc', lambda: command('class', 'new', here / 'voc' / 'a', '--seed', 7, '--weeks', 1))", "voc",
     "name a place"),
    ("command('class', 'release', here / 'set')", "no course", "make one: class new"),
    ("'1 exercises' in command('class', 'new', here / 'new8', '--seed', 7, '--weeks', 1)",),
    ("command('class', 'release', here / 'new8', '09')", "09", "it has 01"),
    ("command('class', 'collect', here / 'new8', here / 'nowhere')", "nowhere", "name the one"),
    ("command('class', 'grade', here / 'new8', '--seconds', -1)", "--seconds -1", ">= 1"),
    ("command('class', 'mark', here / 'new8', '01', 'anna')", "anna", "STUDENT=POINTS"),
    ("command('class', 'export', here / 'new8')", "nothing was collected", "class collect"),
    ("command('class', 'feedback', here / 'new8')", "nothing is graded", "class grade"),
    ("command('bench')", "required: what", "usage"),
    ("command('bench', 'gravity')", "'gravity'", "choose from"),
    ("command('bench', 'conv', '--quick', '--seconds', -1)", "-1", "seconds"),
    ("command('bench', 'conv', '--threads', 0)", "--threads 0", "at least 1"),
    ("command('bench', 'networks', '--size', 8)", "--size 8", "at least 64"),
    ("command('bench', 'networks', '--repeats', -1)", "--repeats -1", "at least 1"),
    ("command('bench', 'networks', '--only', 'all')", "'all'", "choose from"),
    ("command('bench', 'training', '--seeds', -1)", "--seeds -1", "at least 1"),
    ("command('bench', 'training', '--quick', '--json', here / 'set' / 'classes.txt')", "classes.txt", "another file"),
    ("command('bench', 'gpu', '--out', here / 'new9', '--device', 'tpu')", "--device tpu", "try cpu"),
    ("command('bench', 'gpu', '--out', here / 'new9', '--device', 'cpu', '--steps', 0)", "--steps 0", "at least 1"),
    ("command('bench', 'class', '--exercise', '99')", "--exercise 99", "choose one of"),
)  # fmt: skip
