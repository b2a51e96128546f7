"""A file of weights, from anywhere, without running anything that it contains."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import safetensors
import torch
from torch import Tensor

from jpu_edu.data.files import access

Source = str | Path | Mapping


def read(source: Source) -> dict[str, Tensor]:
    """A state dict from a file or from a dictionary.

    Notice: a .pth file is a pickle, and a pickle can run code. torch.load(weights_only=True) builds tensors and
    plain containers alone. The official checkpoints also hold `best_pred`, a numpy number; so the names that make up
    a numpy float are allowed while this file is read. They build a number from bytes and call nothing.

    Args:
        source: a path (.pth, .pth.tar, .safetensors), a state dict, or a dictionary with one under `state_dict`.

    Returns:
        Names and tensors, `module.` (left there by DataParallel) removed from the names.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or holds no state dict, or anything else than tensors.
    """
    if not isinstance(source, Mapping | str | Path):
        raise TypeError(f"weights: got {type(source).__name__}; pass the path of a file, or a state dict")
    if isinstance(source, Mapping):
        content = source
    elif not Path(source).is_file():
        raise FileNotFoundError(f"weights: no file {str(source)!r}")
    elif Path(source).suffix == ".safetensors":
        content = read_safetensors(Path(source))[0]
    else:
        scalar = np.float64(0).__reduce__()[0]
        allowed = [
            (scalar, "numpy.core.multiarray.scalar"),  # written by numpy 1
            (scalar, "numpy._core.multiarray.scalar"),  # written by numpy 2
            np.dtype,
            np.dtypes.Float64DType,
        ]
        with torch.serialization.safe_globals(allowed), readable(source):
            content = torch.load(source, map_location="cpu", weights_only=True)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(
            f"{'weights' if isinstance(source, Mapping) else source}: no state dict in it; expected weights, as names "
            "and tensors, or a dictionary with `state_dict`"
        )
    return {key.removeprefix("module."): value for key, value in state.items()}


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Names and tensors, and what the header says besides."""
    with readable(path), safetensors.safe_open(path, framework="pt") as file:
        # copied, because the tensors are views of the open file, which could then not be replaced on Windows
        return {key: file.get_tensor(key).clone() for key in file.keys()}, file.metadata() or {}  # noqa: SIM118


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """One kind of error for a file of weights that cannot be read, whatever torch or safetensors say to it."""
    with access(path, "read"):
        Path(path).open("rb").close()  # safetensors says "no such file" where it may not read
    if Path(path).suffix == ".onnx":
        raise ValueError(f"{path}: an ONNX file, which onnxruntime runs; give the .safetensors that it was made from")
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # the unpickler takes any text for a program, and fails in any way
        raise ValueError(
            f"{path}: these weights are damaged, or hold more than tensors alone, which could run a program, so they "
            "are not read. Copy the file again, or save tensors alone: torch.save(model.state_dict(), file)"
        ) from error
