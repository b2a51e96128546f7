"""Measured numbers and where they come from: machine, versions, and a file that is never half written."""

import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import torch


def machine(device: str = "cpu") -> dict[str, str | int]:
    """What a reader needs to judge a timing: processor, its vector instructions, threads, versions."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    found: dict[str, str | int] = {
        "processor": name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda or "none"
        found["cudnn"] = torch.backends.cudnn.version() or "none"
        found["driver"] = _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") or "unknown"
    return found


def commit() -> str:
    """The commit of this checkout, with "+" where tracked files differ from it; "unknown" outside a checkout."""
    here = str(Path(__file__).parent)
    name = _said("git", "-C", here, "rev-parse", "--short=12", "HEAD")
    changed = _said("git", "-C", here, "status", "--porcelain", "--untracked-files=no")
    return name + "+" * bool(changed) if name else "unknown"


def _said(*command: str) -> str:
    """The first line that a program prints; nothing where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else ""


def write_json(path: str | Path, record: object) -> Path:
    """Write to a temporary name beside `path`, then rename: a reader sees the old file or the new one, whole.

    Raises:
        OSError: the folder cannot be made or written; the old file, if there was one, is untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
