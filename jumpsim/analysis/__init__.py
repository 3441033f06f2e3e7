"""A run against a theory: what holds, by how much, and how sure that is."""
