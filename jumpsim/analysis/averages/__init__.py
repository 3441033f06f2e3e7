"""Averages over trajectories against a theory."""
