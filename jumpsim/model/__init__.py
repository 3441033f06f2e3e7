"""Models: pools, channels, jump rates and initial states."""
