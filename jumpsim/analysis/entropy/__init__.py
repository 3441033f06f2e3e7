"""Entropy production: fluctuation theorems, losses of entropy, uncertainty relations."""
