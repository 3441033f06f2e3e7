"""Running a plan: simulate, workers, sweeps, long runs, parameter files."""
