"""Counting statistics: Poisson, a plain counter, trajectories, coverage, refusals."""

import numpy as np
import pytest
from oracles.exact import Exact

import jumpsim as js
from jumpsim.cli.main import main

SMALL = js.systems.open_waveguide(3, 3, 1.0, 0.5, (1.5, 0.3), (1.0, 0.2))
START = {"A": 3, "B": 1, "m": 1}
WINDOWS = [0.2, 0.7, 2.0]


def with_counter(model, weights, start, times):
    """Moments of whole weights by carrying the counter in the state, built without the package."""
    changes = [(*map(int, v), int(w)) for v, w in zip(model.changes, weights, strict=True)]

    def rates(state):
        rest = abs(state[-1]) > 25  # rarely that far; a net number has no limit of its own
        return [0.0] * len(changes) if rest else model.rates(list(state[:-1])).tolist()

    law = Exact((rates, changes), {(*start, 0): 1.0}, limit=60)
    n, probabilities = law.counts[:, -1], law.laws(np.array(times))
    mean = probabilities @ n
    m2, m3, m4 = (
        np.array([p @ (n - m) ** r for p, m in zip(probabilities, mean, strict=True)])
        for r in (2, 3, 4)
    )
    return np.array([mean, m2, m3, m4 - 3 * m2**2])


@pytest.mark.parametrize(
    "counted",
    [
        "loss A via 1",
        ["emit B via 1", "absorb A via 1"],
        {"transfer A→B": 1, "transfer B→A": -1},
        "end 1",
    ],
)
def test_against_a_counter_in_the_state(counted):
    found = js.count_cumulants(SMALL, WINDOWS, START, counted)
    from jumpsim.theory.counting_statistics import channel_weights

    weights = channel_weights(SMALL, counted)
    expected = with_counter(SMALL, weights, (3, 1, 1), WINDOWS)
    np.testing.assert_allclose(found.cumulants, expected, rtol=1e-8, atol=1e-9)


def test_heat_of_a_bath_is_its_losses():
    from jumpsim.theory.counting_statistics import channel_weights

    weights = channel_weights(SMALL, "end 1")
    names = [n for n, w in zip(SMALL.channels, weights, strict=True) if w]
    assert names == ["loss A via 1", "loss B via 1", "loss m via 1"]
    assert (weights[weights != 0] == 1).all()


def test_poisson_in_steady_state_and_many_events():
    model = js.Model(
        [js.Pool.mass_action("X")],
        [js.Channel("birth", 50.0, {}, {"X": 1}), js.Channel("death", 100.0, {"X": 1})],
    )
    found = js.count_cumulants(model, [0.5, 20.0], (0,), "birth", truncate={"X": 15})
    np.testing.assert_allclose(found.cumulants, np.array([[25, 1000]] * 4), rtol=1e-5)
    # What leaves a Poisson law in steady state is Poisson too (Burke).
    out = js.count_cumulants(model, [0.5], (0,), "death", from_stationary=True, truncate={"X": 15})
    np.testing.assert_allclose(out.cumulants[:, 0], [25] * 4, rtol=1e-6)
    np.testing.assert_allclose(out.fano, 1, rtol=1e-8)


def test_trajectories_against_the_exact_statistics():
    """60 scores of 20,000 trajectories within 4.5 errors (4e-4), errors small."""
    ensemble = js.simulate(SMALL, [0, *WINDOWS], 20_000, START, 1, ["jumps"])
    for counted in ("loss A via 1", "end 1", {"transfer A→B": 1, "transfer B→A": -1}):
        found = js.counting(ensemble, counted)
        np.testing.assert_array_equal(found.windows, WINDOWS)
        exact = js.count_cumulants(SMALL, WINDOWS, START, counted)
        np.testing.assert_allclose(found.exact.cumulants, exact.cumulants)
        decided = np.isfinite(found.errors)
        assert decided[:3].all()  # of rare events, fourth cumulants are undecided
        away = np.abs(found.cumulants - exact.cumulants)
        assert (away < 4.5 * found.errors)[decided].all()
        assert (found.errors[1] < 0.03 * exact.cumulants[1]).all()
    heat = js.counting(ensemble, "end 1")
    assert (np.abs(heat.fano - heat.exact.fano) < 4.5 * heat.fano_error).all()
    assert "exact" in str(heat)


def test_windows_that_begin_later():
    ensemble = js.simulate(SMALL, [0.5, 1.0, 2.0], 500, START, 1, ["jumps"])
    found = js.counting(ensemble, "end 1", after=0.5)
    assert found.after == 0.5
    np.testing.assert_allclose(found.windows, [0.5, 1.5])
    heat = js.thermo.heat_to_baths(SMALL, ensemble.jumps)["end 1"]
    np.testing.assert_allclose(found.cumulants[0], (heat[:, 1:] - heat[:, :1]).mean(axis=0))
    variance = (heat[:, 1:] - heat[:, :1]).var(axis=0, ddof=1)
    np.testing.assert_allclose(found.cumulants[1], variance, rtol=1e-9)
    assert found.exact is None
    whole = js.counting(ensemble, "end 1")
    np.testing.assert_allclose(whole.cumulants[0], heat.mean(axis=0))


def test_slabs_change_nothing(slabs):
    ensemble = js.simulate(SMALL, WINDOWS, 300, START, 1, ["jumps"])
    whole = js.counting(ensemble, "end 1")
    slabs(samples=8 * 3 * 12 * 7)
    parts = js.counting(ensemble, "end 1")
    np.testing.assert_allclose(parts.cumulants, whole.cumulants, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(parts.errors, whole.errors, rtol=1e-8, atol=1e-9)


@pytest.mark.slow
def test_intervals_cover():
    """400 seeds; fraction of ±1.96 errors that hold the exact value, alarm 0.1 % each."""
    exact = js.count_cumulants(SMALL, [0.7], START, "end 1")
    expected = np.append(exact.cumulants[:, 0], exact.fano)
    inside = []
    for seed in range(400):
        ensemble = js.simulate(SMALL, [0.7], 4000, START, seed, ["jumps"], workers=1)
        found = js.counting(ensemble, "end 1", max_states=0)
        values = np.append(found.cumulants[:, 0], found.fano)
        errors = np.append(found.errors[:, 0], found.fano_error)
        inside.append(np.abs(values - expected) < 1.96 * errors)
    covered = np.mean(inside, axis=0)
    print(covered)
    # Errors of high orders contain counts that the sample lacks, and are larger than needed.
    assert (covered > 0.910).all()
    assert (covered[[0, 1, 4]] < 0.9825).all()


def test_nothing_to_count():
    still = js.systems.hohlraum(5, 5, 0)
    found = js.counting(js.simulate(still, [1.0], 20, (3, 2), 1, "jumps"), "emission")
    assert (found.cumulants[0] == 0).all()
    np.testing.assert_allclose(found.errors[0], 3 / 20 / 1.96)
    assert np.isnan(found.cumulants[1:]).all()
    assert np.isnan(found.fano).all()
    assert "variance / mean is undecided" in found.verdict
    assert "nan" not in str(found).lower()


@pytest.mark.parametrize(
    ("arguments", "record", "ntraj", "match"),
    [
        (("end 1",), "counts", 20, "counting needs the jumps, but this run recorded counts"),
        (("end 1",), "jumps", 7, "four cumulants need 8 trajectories"),
        (("end 3",), "jumps", 20, "unknown channel or bath 'end 3'; did you mean 'end 2'"),
        (([],), "jumps", 20, "`counted` is empty"),
        (("end 1", 2.0), "jumps", 20, "at least 2 of the stored times from 2 s on, but there are"),
        (("end 1", "5 kg"), "jumps", 20, "`after` must be a time"),
    ],
)
def test_refused(arguments, record, ntraj, match):
    ensemble = js.simulate(SMALL, WINDOWS, ntraj, START, 1, record)
    with pytest.raises(js.InputError, match=match):
        js.counting(ensemble, *arguments)


def test_on_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    assert main(["run", "data/hohlraum.toml", "-o", out, "-n", "50", "-q"]) == 0
    capsys.readouterr()
    assert main(["counting", out, "emission", "absorption"]) == 0
    printed = capsys.readouterr()
    assert "counts of emission, absorption of 50 trajectories of hohlraum" in printed.out
    assert printed.err == ""
    assert main(["counting", out, "emission", "--after", "2 us"]) == 0
    assert "from 2 µs on" in capsys.readouterr().out
    assert main(["counting", out, "losses"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_figure_shows_what_was_measured():
    found = js.counting(js.simulate(SMALL, WINDOWS, 1000, START, 1, "jumps"), "end 1")
    found.ensemble.times = found.ensemble.times / 1000  # so that times are reported in ms
    mean, ratio = js.plotting.counting(found).axes
    pairs = (
        (mean, found.cumulants[0], found.errors[0], found.exact.cumulants[0]),
        (ratio, found.fano, found.fano_error, found.exact.fano),
    )
    for axis, value, error, theory in pairs:
        bars = axis.containers[0]
        np.testing.assert_allclose(bars.lines[0].get_ydata(), value)
        ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
        np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, error)
        line = next(x for x in axis.lines if x.get_linestyle() == "-")
        np.testing.assert_allclose(line.get_xdata(), found.windows * 1000)
        np.testing.assert_allclose(line.get_ydata(), theory)
    assert mean.get_xlabel() == "length of the window (ms)"
