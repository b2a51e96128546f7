"""Where measured numbers come from: machine, versions, commit. `data.files.write_json` writes them."""

import platform
import subprocess
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
