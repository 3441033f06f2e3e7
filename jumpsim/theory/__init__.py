"""Deterministic theories, each derived from the model's declaration, independent of the engines."""
