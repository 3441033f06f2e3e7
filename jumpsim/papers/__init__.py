"""The published figures of both papers."""
