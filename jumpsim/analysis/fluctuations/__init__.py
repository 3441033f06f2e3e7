"""Fluctuations of the counts: cumulants, distributions, correlations, typicality."""
