"""Deterministic theories: each is derived from the declaration of a model, without simulation."""
