"""First passages from events: a plain loop, the master equation, censoring, refusals."""

import numpy as np
import pytest
from support.systems import FEW_LEVELS

import jumpsim as js
from jumpsim.cli.main import main

START = {"N": 5, "m": 1}


def plain(ensemble, reached):
    """First passages found by a loop over every event; infinite where there is none."""
    changes = ensemble.model.table.changes
    found = []
    for i in range(ensemble.ntraj):
        state, first = ensemble.starts(i, 1)[0].copy(), np.inf
        if reached(state):
            first = 0.0
        for t, c in zip(*ensemble.events(i), strict=True):
            state = state + changes[c]
            if first == np.inf and reached(state):
                first = t
        found.append(first)
    return np.array(found)


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("m = 4", lambda n: n[1] == 4),
        ({"m": 1}, lambda n: n[1] == 1),  # at once
        (["m >= 3", "N < 4"], lambda n: n[1] >= 3 and n[0] < 4),
        (["m >= 1", "N <= 3"], lambda n: n[1] >= 1 and n[0] <= 3),
        ("m > 2", lambda n: n[1] > 2),
        (lambda states: states[:, 0] > states[:, 1] + 4, lambda n: n[0] > n[1] + 4),
        ("m<=0", lambda n: n[1] <= 0),
    ],
)
def test_passages_are_those_of_a_plain_loop(target, reached, slabs):
    ensemble = js.simulate(FEW_LEVELS, [2.0], 60, START, 1, "events")
    expected = plain(ensemble, reached)
    for size in (30, 10**6):
        slabs(events=size)
        found = js.first_passages(ensemble, target)
        assert (found.ended == np.isfinite(expected)).all()
        np.testing.assert_allclose(found.durations, np.minimum(expected, 2.0), atol=1e-12)


def test_against_the_master_equation():
    """Survival at 20 times, many of them cut short; single scores, |Z| < 4.5."""
    ensemble = js.simulate(FEW_LEVELS, [1.0], 20_000, START, 2, "events")
    found = js.first_passages(ensemble, "m = 4", points=21)
    assert 0.1 < (~found.ended).mean() < 0.9
    scores = (found.survival - found.exact.survival)[1:] / found.error[1:]
    assert np.abs(scores).max() < 4.5
    assert (found.error[1:] < 0.01).all()
    assert "m = 4" in found.exact.what
    assert "mean waiting time: undecided, because some waits are not completed (exact " in str(
        found
    )


def test_the_mean_when_all_arrive():
    """|Z| < 4.5, and an error that is that of independent passages."""
    ensemble = js.simulate(FEW_LEVELS, [60.0], 20_000, START, 3, "events")
    found = js.first_passages(ensemble, {"m": 0})
    mean, error = found.mean
    assert abs(mean - found.exact.mean) < 4.5 * error
    assert error == pytest.approx(np.sqrt(found.exact.variance / 20_000), rel=0.4)


def test_slabs_change_nothing(slabs):
    """Each trajectory has a start of its own."""
    ensemble = js.simulate(FEW_LEVELS, [2.0], 60, js.Thermal(1.0), 1, "events")
    whole = js.first_passages(ensemble, "m = 2")
    slabs(events=30)
    np.testing.assert_array_equal(js.first_passages(ensemble, "m = 2").durations, whole.durations)


def test_starts_from_a_law():
    """Some thermal starts are there at once."""
    start = js.Thermal(1.0)
    found = js.first_passages(js.simulate(FEW_LEVELS, [3.0], 10_000, start, 4, "events"), "m = 0")
    assert 0.05 < (found.durations == 0).mean() < 0.95
    scores = (found.survival - found.exact.survival) / found.error
    assert np.nanmax(np.abs(scores)) < 4.5


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("m", "must be a condition such as \"m <= 10\", but is 'm'"),
        ("x = 1", "unknown pool 'x'"),
        ([], "must give a condition"),
        ("m = 1.5", "must be a condition"),
        (lambda _: 1, "must return True or False for each row"),
        (lambda states: states[:, 1], "must return True or False for each row"),
        ("m = 9", "no wait for m = 9 is completed"),
    ],
)
def test_refused(target, match):
    ensemble = js.simulate(FEW_LEVELS, [1.0], 5, START, 1, "events")
    with pytest.raises(js.InputError, match=match):
        js.first_passages(ensemble, target)


def test_it_needs_events():
    with pytest.raises(js.InputError, match="first passages need every event"):
        js.first_passages(js.simulate(FEW_LEVELS, [1.0], 5, START, 1), "m = 0")


def test_on_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    run = ["run", "data/hohlraum.toml", "-o", out, "-n", "80", "--record", "events", "-q"]
    assert main(run) == 0
    capsys.readouterr()
    assert main(["first_passages", out, "m >= 6", "N < 20"]) == 0
    printed = capsys.readouterr()
    assert "waits for m >= 6 and N < 20 in 80 trajectories of hohlraum" in printed.out
    assert (tmp_path / "out-first_passages.png").stat().st_size > 10_000
    assert printed.err == ""
    assert main(["first_passages", out, "q = 6"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_errors_cover():
    """400 seeds; fraction of ±1.96 errors that hold the exact survival, alarm 0.1 % each."""
    times = np.linspace(0, 0.9, 41)
    exact = js.first_passage_distribution(FEW_LEVELS, times, START, "m = 4").survival
    inside = []
    for seed in range(400):
        ensemble = js.simulate(FEW_LEVELS, [1.0], 400, START, seed, "events", workers=1)
        found = js.first_passages(ensemble, "m = 4", max_states=0)
        at = np.searchsorted(found.times, [0.2, 0.5, 0.8])
        expected = np.interp(found.times[at], times, exact)
        inside.append(np.abs(found.survival[at] - expected) < 1.96 * found.error[at])
    covered = np.mean(inside, axis=0)
    print(covered)
    assert ((covered > 0.910) & (covered < 0.9825)).all()
