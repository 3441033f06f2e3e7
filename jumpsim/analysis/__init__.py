"""Analyses of runs: results with errors, compared with theory where there is one."""
