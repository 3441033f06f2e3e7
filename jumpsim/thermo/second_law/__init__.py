"""Audit of a model against the second law: detailed balance and sign of the entropy production."""
