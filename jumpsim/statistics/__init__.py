"""Statistics of samples: exact mergeable moments, intervals, jackknife errors."""
