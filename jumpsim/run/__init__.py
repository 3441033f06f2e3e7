"""Execution of simulations: `simulate`, workers, sweeps, long runs, parameter files."""
