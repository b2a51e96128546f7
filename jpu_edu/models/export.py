"""A network as an ONNX file that takes images of any size.

Shape legend
    B, H, W    batch and size of the image, free in the file
    K          number of classes
"""

import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jpu_edu.data.files import written_whole
from jpu_edu.data.transforms import MEAN, STD
from jpu_edu.models.fuse import Fused
from jpu_edu.models.segmenter import Segmenter


class _Logits(nn.Module):
    """The logits alone: a file's outputs have names, not a dataclass."""

    def __init__(self, model: Segmenter | Fused) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        return self.model(x).logits


def to_onnx(model: Segmenter | Fused, path: str | Path, *, example: tuple[int, int] = (96, 128)) -> Path:
    """Write image -> logits as one ONNX file, with batch, height and width left free.

    Notice: a size that stays free must not be turned into a number on the way. The pyramid pooling of PSPNet is a
    matrix product for that reason, and every resize takes its size from a tensor.

    Args:
        model: a network in any mode; written in eval mode, without the auxiliary head. Not changed.
        path: ends in .onnx. Replaced only when the new file is whole.
        example: (H, W) of the image that is traced, any size of 64 or more that is not square.

    Returns:
        The path. The input is called "image", float32 and normalised as in training, (x / 255 - mean) / std for each
        of red, green and blue; the output "logits". The file's metadata hold mean and std, and where
        the network knows them its crop and the names of its classes, each as JSON.

    Raises:
        ImportError: onnx or onnxscript, of the extra `export`, is not installed.
        ValueError: a path that does not end in .onnx; an example below 64.

    Source: torch.onnx.export through torch.export; walkthrough 09.
    """
    path = Path(path)
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"to_onnx needs {' and '.join(missing)}; pip install onnx onnxscript onnxruntime")
    if path.suffix != ".onnx":
        raise ValueError(f"to_onnx: path={str(path)!r}; give the file a name that ends in .onnx")
    if len(example) != 2 or min(example) < 64:
        raise ValueError(f"to_onnx: example={example}; give (H, W), both 64 or more")
    about = {"mean": list(MEAN), "std": list(STD)}
    if model.crop is not None:
        about["crop"] = list(model.crop)
    if model.classes is not None:
        about["classes"] = list(model.classes.names)
    was_training = model.training
    try:
        with written_whole(path) as half, _quiet():
            program = torch.onnx.export(
                _Logits(model.eval()),
                (torch.zeros(2, 3, *example, device=next(model.parameters()).device),),
                dynamo=True,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=({0: "batch", 2: "height", 3: "width"},),
                verbose=False,
            )
            program.model.metadata_props.update({key: json.dumps(value) for key, value in about.items()})
            program.save(str(half), external_data=False)
    finally:
        model.train(was_training)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on its own internals, which no reader can act on."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
