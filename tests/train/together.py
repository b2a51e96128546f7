"""torchrun for tests. On a busy virtual machine the wake-up of a process that waits for another can get lost."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

#: Else the processes that torchrun starts anew may read the addresses of those that died, and wait for them.
FRESH_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
TRIES = 3
SECONDS = 100  # what takes ten has stopped for good


def torchrun(words: Callable[[int], Sequence[str]], *, root: Path) -> subprocess.CompletedProcess:
    """Two processes on this machine. Whoever hangs is ended, and started anew with `words` of the next try."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root), **FRESH_STORE}
    for attempt in range(TRIES):
        asked = [*command, *words(attempt)]
        run = subprocess.Popen(
            asked, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = run.communicate(timeout=SECONDS)
            return subprocess.CompletedProcess(asked, run.returncode, out, err)
        except subprocess.TimeoutExpired:
            run.terminate()  # it ends its processes, with force after half a minute
            run.communicate()
    raise AssertionError(f"two processes did not meet in {TRIES} tries of {SECONDS} s")
