"""Utilities without physics: text tables, progress bars, resources, provenance of results."""
