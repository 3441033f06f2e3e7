"""Independent references: nothing in here uses what it checks."""
