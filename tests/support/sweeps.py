"""A small sweep, its files, and ways to stop it."""

import json

from jumpsim.run import sweep
from support import parameter_files

SPEC = parameter_files.hohlraum(
    "thermal = 1", 'stop = "1 us"\npoints = 4', "ntraj = 20\nseed = 7\nworkers = 1", 6, 3
)

TLS, X = "parameters.tls", "start.thermal"
GRID = {TLS: [4, 6], X: [1, 2.5]}


def index_of(folder):
    return json.loads((folder / "index.json").read_text())


def stopping(monkeypatch, after, how):
    """Let the sweep's call of `simulate` for a point stop it once `after` points are complete."""
    real, done = sweep.simulate, []

    def simulate(*arguments, **settings):
        if settings.get("store"):
            done.append(settings["store"])
            if len(done) > after:
                how(settings)
        return real(*arguments, **settings)

    monkeypatch.setattr(sweep, "simulate", simulate)


def interrupt(_):
    raise KeyboardInterrupt
