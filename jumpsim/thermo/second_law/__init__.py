"""The second-law audit of a model: detailed balance, and the sign of its entropy production."""
