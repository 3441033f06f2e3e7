"""Uncertainty relations: exact ratios, limits that are reached, conditions, coverage, refusals."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.analysis.entropy.uncertainty import _ratio
from jumpsim.cli.main import main
from jumpsim.statistics.jackknife import jackknife_error

TIMES = np.linspace(0, 12, 13)
AFTER = 4.0


def two_baths(left=(2.0, 1.0), right=(0.3, 1.5), size=3):
    """Two-level systems between two baths that pump at different ratios: a stationary current."""
    channels = []
    for name, (up, down) in (("L", left), ("R", right)):
        channels += [
            *js.Channel.reversible(
                f"in {name}", f"out {name}", up, {}, {"m": 1}, reverse_rate=down, bath=name
            ),
        ]
    return js.Model([js.Pool.tls("m", size=size)], channels, name="two_baths")


MODEL = two_baths()
CURRENT = {"in L": 1, "out L": -1}
ALL = ["counts", "jumps", "events"]


def test_against_the_exact_ratios():
    """Eight windows of both relations; single scores, |Z| < 4.5; both limits hold."""
    found = js.uncertainty(js.simulate(MODEL, TIMES, 20_000, {"m": 1}, 1, ALL), CURRENT, AFTER)
    kinetic, thermodynamic = found.exact
    assert found.windows.tolist() == list(range(1, 9))
    assert (np.abs(found.kinetic - kinetic) < 4.5 * found.kinetic_error).all()
    assert (np.abs(found.thermodynamic - thermodynamic) < 4.5 * found.thermodynamic_error).all()
    assert (found.thermodynamic_error < 0.05 * thermodynamic).all()
    assert (kinetic > 1).all()
    assert (thermodynamic > 1).all()
    assert "steady state, every event has a reverse" in str(found)


def test_the_ratios_by_hand():
    ensemble = js.simulate(MODEL, TIMES, 300, {"m": 1}, 2, ALL)
    found = js.uncertainty(ensemble, CURRENT, AFTER)
    done = ensemble.jumps[:, 6] - ensemble.jumps[:, 4]
    names = list(MODEL.channels)
    current = done[:, names.index("in L")] - done[:, names.index("out L")]
    precision = current.var(ddof=1) / current.mean() ** 2
    assert found.kinetic[1] == pytest.approx(precision * done.sum(axis=1).mean())
    produced, _ = js.thermo.ratio_production(ensemble)
    cost = (produced[:, 6] - produced[:, 4]).mean()
    assert found.thermodynamic[1] == pytest.approx(precision * cost / 2)


def test_poisson_events_reach_the_kinetic_limit():
    """Events that nothing hinders: Var = mean = activity."""
    source = js.Model(
        [js.Pool.bosonic("N", 5.0)], [js.Channel("in", 2.0, {}, {}, bath="outside")], name="source"
    )
    found = js.uncertainty(js.simulate(source, TIMES, 4000, {"N": 0}, 3, ALL), "in", AFTER)
    assert (np.abs(found.kinetic - 1) < 4.5 * found.kinetic_error).all()


def test_near_equilibrium_the_thermodynamic_limit_is_near():
    """Both baths almost alike: the ratio tends to 1 in long windows."""
    model = two_baths((1.1, 1.0), (1.0, 1.1))
    law = js.stationary(model, {"m": 1})
    cumulants = js.count_cumulants(
        model, [200.0], {"m": 1}, CURRENT, from_stationary=True
    ).cumulants
    from jumpsim.theory.exponential_average import mean_production

    cost = mean_production(law.space, law.probabilities) * 200
    assert 1 < cumulants[1, 0] * cost / 2 / cumulants[0, 0] ** 2 < 1.02


def test_a_chiral_loop_has_the_kinetic_relation_alone():
    model = js.systems.closed_waveguide(2, 1, 1, 1.0, 1.0, 1.0, (1.0, 0), (1.0, 0))
    start = {"A": 1, "B": 1, "1": 0, "2": 0, "m": 0}
    ensemble = js.simulate(model, TIMES * 2, 3000, start, 1, ALL)
    found = js.uncertainty(ensemble, "absorb A via 1", 8.0)
    assert found.why_not == "'absorb A via 1' has no reverse"
    assert np.isnan(found.thermodynamic).all()
    assert (np.abs(found.kinetic - found.exact[0]) < 4.5 * found.kinetic_error).all()
    assert (found.exact[0] > 1).all()
    assert "no thermodynamic relation: 'absorb A via 1' has no reverse" in str(found)


def test_conditions():
    ensemble = js.simulate(MODEL, TIMES, 200, {"m": 1}, 1, ALL)
    one_way = js.uncertainty(ensemble, "in L", AFTER)
    assert "'in L' and its reverse must have opposite weights" in one_way.why_not
    without = js.simulate(MODEL, TIMES, 200, {"m": 1}, 1, ["jumps"])
    assert 'run again with record "events"' in js.uncertainty(without, CURRENT, AFTER).why_not
    # Nothing flows on average: the ratio is not a number that could be reported.
    equal = js.simulate(two_baths((1.0, 1.0), (1.0, 1.0)), TIMES, 200, {"m": 1}, 1, ALL)
    none = js.uncertainty(equal, CURRENT, AFTER)
    assert np.isnan(none.kinetic).all()
    assert "undecided" in str(none)


@pytest.mark.parametrize(
    ("arguments", "record", "ntraj", "match"),
    [
        ((CURRENT, AFTER), "counts", 100, "a current needs the jumps"),
        ((CURRENT, AFTER), "jumps", 10, "errors need 64 trajectories"),
        ((CURRENT, 11.0), "jumps", 100, "at least 3 of the stored times from 11 s on"),
        (("in X", AFTER), "jumps", 100, "unknown channel or bath 'in X'"),
    ],
)
def test_refused(arguments, record, ntraj, match):
    ensemble = js.simulate(MODEL, TIMES, ntraj, {"m": 1}, 1, record)
    with pytest.raises(js.InputError, match=match):
        js.uncertainty(ensemble, *arguments)


def test_a_run_that_is_not_in_steady_state_is_refused():
    ensemble = js.simulate(two_baths(size=100), TIMES / 12, 100, {"m": 0}, 1, "jumps")
    with pytest.raises(js.InputError, match="the run is not stationary"):
        js.uncertainty(ensemble, CURRENT, 0.0)
    # Nothing but a rate that falls.
    decay = js.Model([js.Pool.tls("m", 100)], [js.Channel("out", 1.0, {"m": 1}, bath="R")])
    ensemble = js.simulate(decay, TIMES / 6, 100, {"m": 100}, 1, "jumps")
    with pytest.raises(js.InputError, match="rate of 'out' changes by -"):
        js.uncertainty(ensemble, "out", 0.0)


def test_errors_by_hand():
    """64 groups of ten trajectories: each group is left out once."""
    rng = np.random.default_rng(1)
    current, cost = rng.normal(5, 1, (640, 1)), rng.normal(9, 2, (640, 1))

    def ratio(j, k):
        return j.var(ddof=1) * k.mean() / j.mean() ** 2

    kept = [np.arange(640) % 64 != g for g in range(64)]
    left = [ratio(current[k], cost[k]) for k in kept]
    value, error = _ratio(current, cost)
    assert value[0] == pytest.approx(ratio(current, cost))
    assert error[0] == pytest.approx(jackknife_error(np.array(left)))


def test_on_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    run = ["run", "data/hohlraum.toml", "-o", out, "-n", "100", "-q", "--record", "counts,jumps"]
    assert main(run) == 0
    capsys.readouterr()
    assert main(["uncertainty", out, "emission", "absorption=0.5", "--after", "2 us"]) == 0
    printed = capsys.readouterr()
    assert "uncertainty of the current +1 emission, +0.5 absorption" in printed.out
    assert (tmp_path / "out-uncertainty.png").stat().st_size > 10_000
    assert printed.err == ""
    with pytest.raises(SystemExit) as caught:
        main(["uncertainty", out, "emission=x", "--after", "2 us"])
    assert caught.value.code == 2
    assert "a weight must be a number" in capsys.readouterr().err


def test_the_figure_shows_what_was_measured():
    found = js.uncertainty(js.simulate(MODEL, TIMES, 300, {"m": 1}, 2, ALL), CURRENT, AFTER)
    (axis,) = js.plotting.uncertainty(found).axes
    np.testing.assert_allclose(axis.containers[0].lines[0].get_ydata(), found.kinetic)
    np.testing.assert_allclose(axis.containers[1].lines[0].get_ydata(), found.thermodynamic)
    assert axis.get_xlabel() == "length of the window (s)"
    lines = [x for x in axis.lines if x.get_linestyle() in ("-", "--")][:2]
    for k, error in enumerate((found.kinetic_error, found.thermodynamic_error)):
        known = np.isfinite(error)
        segments = [s for s in axis.containers[k].lines[2][0].get_segments() if len(s) == 2]
        np.testing.assert_allclose(np.diff(np.array(segments)[:, :, 1])[:, 0] / 2, error[known])
        np.testing.assert_allclose(lines[k].get_ydata(), found.exact[k])


@pytest.mark.slow
def test_errors_cover():
    """400 seeds: ±1.96 errors of both ratios in two windows, alarm 0.1 % each."""
    inside = []
    for seed in range(400):
        ensemble = js.simulate(MODEL, TIMES, 400, {"m": 1}, seed, ALL, workers=1)
        found = js.uncertainty(ensemble, CURRENT, AFTER)
        pairs = (
            (found.kinetic - found.exact[0], found.kinetic_error),
            (found.thermodynamic - found.exact[1], found.thermodynamic_error),
        )
        inside.append([abs(d[k]) < 1.96 * e[k] for d, e in pairs for k in (1, 7)])
    covered = np.mean(inside, axis=0)
    print(covered)
    assert ((covered > 0.910) & (covered < 0.9825)).all()
