"""Texts of small parameter files, and writing them to a folder."""


def written(folder, text, name="spec.toml"):
    """Write a text into a folder; returns the path."""
    path = folder / name
    path.write_text(text)
    return path


def hohlraum(start, times, run, tls=20, modes=10, gamma_tilde='"1 MHz"'):
    """Text for a hohlraum; the tables `start`, `times` and `run` as lines of TOML."""
    return f"""# a small hohlraum
system = "hohlraum"
[parameters]
tls = {tls}
modes = {modes}
gamma_tilde = {gamma_tilde}
[start]
{start}
[times]
{times}
[run]
{run}
"""
