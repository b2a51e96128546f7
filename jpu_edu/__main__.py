import sys

from jpu_edu.cli import main

sys.exit(main())
