"""Deterministic theories, each derived from the model's one declaration; none knows an engine."""
