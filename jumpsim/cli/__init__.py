"""The command line."""

from .main import entry

__all__ = ["entry"]
