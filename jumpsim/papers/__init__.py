"""Figures of both papers: Braak & Mannhart (simulated) and Wacker (from theory)."""
