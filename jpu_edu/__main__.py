import os
import sys

from jpu_edu.cli import main

try:
    status = main()
    sys.stdout.flush()
except BrokenPipeError:  # whoever read, such as `head`, has seen enough; nobody is there to be told
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 1
sys.exit(status)
