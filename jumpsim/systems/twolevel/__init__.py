"""Two electronic levels and light: parameters, golden-rule jumps, quantum jumps."""
