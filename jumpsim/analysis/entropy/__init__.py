"""Entropy production: fluctuation theorems, entropy decreases, uncertainty relations."""
