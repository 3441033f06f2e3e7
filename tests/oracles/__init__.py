"""References that import nothing of the package: they cannot share its errors."""
