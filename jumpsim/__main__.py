"""`python -m jumpsim` is the command `jumpsim`."""

import sys

from .cli import main

sys.exit(main())
