"""`python -m jumpsim` is the command `jumpsim`."""

from .cli import entry

entry()
