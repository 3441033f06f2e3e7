"""One page about a run: what it is, whether it is complete, and what every analysis finds."""

from .page import report

__all__ = ["report"]
