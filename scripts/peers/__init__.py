"""Models and simulators of `bench_peers.py`."""

import os
import sys
from pathlib import Path

# GillesPy2 calls SCons, which is installed next to the interpreter.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
