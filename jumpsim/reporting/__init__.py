"""One page about a run: what it is, whether it is whole, and what every question to it answers."""

from .page import report

__all__ = ["report"]
