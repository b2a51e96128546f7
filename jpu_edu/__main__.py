import os
import sys

try:
    from jpu_edu.cli import main
except ModuleNotFoundError as error:
    if (error.name or "jpu_edu").startswith("jpu_edu"):
        raise
    sys.exit(
        f"jpu_edu: {error.name} is missing in this Python ({sys.executable}); run `python run.py` once, which sets up "
        "all it needs, then `.venv/bin/python -m jpu_edu` (on Windows `.venv\\Scripts\\python -m jpu_edu`)"
    )

try:
    status = main()
    sys.stdout.flush()
except BrokenPipeError:  # whoever read, such as `head`, has seen enough; nobody is there to be told
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 1
sys.exit(status)
