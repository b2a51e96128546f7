import sys

from tests.adversary.judge import main

sys.exit(main())
