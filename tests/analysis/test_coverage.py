"""How often 95 % intervals hold the exact value: 400 seeds, false alarm 0.1 % for each fraction."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim.analysis.fluctuations.correlations import _periodogram
from jumpsim.papers.braak_mannhart import _zero_crossing
from jumpsim.theory.counting_statistics import coincidence_rate
from jumpsim.theory.evolution import evolve

pytestmark = pytest.mark.slow

SEEDS = range(10_000, 10_400)
START = {"N": 5, "m": 3}
OPEN = js.systems.open_waveguide(4, 3, 0.1, 0.05, (1.0, 0), (0.4, 0.2))
FILLED = {"A": 5, "B": 2, "m": 1}


def check(measure, conservative=False):
    """See that the fractions of seeds for which `measure` gives True are those of 95 % intervals.

    Intervals that hold a discrete quantity more often than they say have a lower limit alone.
    """
    fractions = np.mean([measure(seed) for seed in SEEDS], axis=0)
    print(np.round(fractions, 3))
    assert (fractions > 0.910).all()
    assert conservative or (fractions < 0.9825).all()


def near(value, error, exact):
    return np.abs(np.subtract(value, exact)) < 1.96 * np.asarray(error)


def holds(low, high, exact):
    return (np.asarray(low) <= exact) & (exact <= np.asarray(high))


def steps_of(space, durations):
    """Laws of the state after each duration, given the state before, (n, n_states, n_states)."""
    unit = np.eye(len(space))
    return [np.array([evolve(space.transitions(), p, [d])[0] for p in unit]) for d in durations]


def test_averages():
    """200 trajectories of three pools at two times: master equation."""
    times = [0.3, 1.5]
    exact = js.master_equation(OPEN, times, FILLED).mean

    def measure(seed):
        found = js.compare(js.simulate(OPEN, times, 200, FILLED, seed, "moments", workers=1))
        return near(found.mean, found.sem, exact).ravel()

    check(measure)


def test_averages_of_runs_that_stop_at_a_target():
    """The number of trajectories depends on them: about half of the runs stop at the first look."""
    exact = js.master_equation(OPEN, [1.5], FILLED)
    target = {"m": float(np.sqrt(exact.covariance[0, 2, 2] / 256))}
    numbers = []

    def measure(seed):
        ensemble = js.simulate(
            OPEN, [1.5], 2048, FILLED, seed, "moments", workers=1, target_sem=target
        )
        numbers.append(ensemble.ntraj)
        return near(ensemble.mean()[0], ensemble.sem()[0], exact.mean[0])

    check(measure)
    assert 0.3 < np.mean(np.array(numbers) == 256) < 0.7


def test_thermodynamics_of_averages():
    """Temperatures, entropy, σ and heat of 400 trajectories: functions of the exact averages."""
    times = [0.3, 1.5]
    mean = js.master_equation(OPEN, times, FILLED).mean
    expected = [
        *js.thermo.temperatures(OPEN, mean).T,
        js.thermo.entropies(OPEN, mean).sum(axis=1),
        js.thermo.entropy_production(OPEN, mean).total,
        *(js.count_cumulants(OPEN, times, FILLED, f"end {r}").cumulants[0] for r in (1, 2)),
    ]

    def measure(seed):
        ensemble = js.simulate(OPEN, times, 400, FILLED, seed, ["moments", "jumps"], workers=1)
        found = js.thermo.of_averages(ensemble)
        heat, heat_sem = ([h[f"end {r}"] for r in (1, 2)] for h in (found.heat, found.heat_sem))
        values = [*found.temperatures.T, found.entropy, found.sigma, *heat]
        errors = [*found.temperatures_sem.T, found.entropy_sem, found.sigma_sem, *heat_sem]
        return near(values, errors, expected).ravel()

    check(measure)


def test_zero_of_the_entropy_production():
    """Where σ of the averages of 4,000 trajectories crosses zero, as the figure tells it."""
    start, fine = {"A": 6, "B": 6, "m": 3}, np.linspace(0, 2, 1001)
    model = js.systems.open_waveguide(10, 10, 0.01, 0.01, (10, 0), (10, 0))

    def sigma(counts):
        return js.thermo.entropy_production(model, counts).total

    theory = js.mean_field(model, fine, start)
    exact = sigma(js.master_equation(model, fine, start).mean)
    k = np.flatnonzero((exact[:-1] < 0) & (exact[1:] >= 0))[0]
    zero = np.interp(0, exact[k : k + 2], fine[k : k + 2])

    def measure(seed):
        times = np.linspace(0, 1.5, 31)
        run = SimpleNamespace(factor=(1.0, "s"), fine=theory)
        run.ensemble = js.simulate(model, times, 4000, start, seed, "moments", workers=1)
        averages = js.thermo.of_averages(run.ensemble)
        printed = _zero_crossing(run, sigma(theory.counts), averages)[-1]
        return near(*map(float, re.search(r"at (\S+) ± (\S+) s", printed).groups()), zero)

    check(measure)


def test_spectra_and_correlation_times():
    """400 stationary trajectories: periodogram and integral of the exact autocovariance of m."""
    times, fine = np.linspace(2, 6, 41), np.linspace(0, 8, 4001)
    law = js.stationary(HOHLRAUM, START)
    m = law.states[:, 1]
    mean = law.average(m)
    # Shifted by 100, because probabilities must not be negative; shifted back.
    weighted = evolve(law.space.transitions(), law.probabilities * (m - mean + 100), fine)
    exact = weighted @ m - mean * weighted.sum(axis=1)
    area = np.trapezoid(exact, fine) / exact[0]
    expected = np.interp(times - 2, fine, exact)[:, None]
    some = [0, 2, 5, 20]

    def measure(seed):
        found = js.correlations(js.simulate(HOHLRAUM, times, 400, START, seed, workers=1), 2.0)
        power = _periodogram(expected, found.lags[1])[some, 0]
        return [
            *near(found.power[some, 1], found.power_error[some, 1], power),
            near(found.correlation_time[1], found.correlation_time_error[1], area),
        ]

    check(measure)


@pytest.mark.parametrize("second", [None, "absorption"])
def test_coincidences(second):
    """Four bins of 200 trajectories: g² of one channel, and of two, by the master equation."""
    fine = np.linspace(0, 1, 81)
    chosen = [np.array([c == name for c in HOHLRAUM.channels])
              for name in ("emission", second or "emission")]  # fmt: skip
    rate = coincidence_rate(HOHLRAUM, fine, START, *chosen)
    expected = [np.trapezoid(rate[20 * k : 20 * k + 21], dx=1 / 20) for k in range(4)]

    def measure(seed):
        ensemble = js.simulate(HOHLRAUM, [8.0], 200, START, seed, "events", workers=1)
        found = js.coincidences(ensemble, "emission", second, 4.0, 1.0, bins=4, max_states=0)
        return near(found.g2, found.error, expected)

    check(measure)


def test_coincidences_of_a_single_emitter():
    """Five bins of 200 trajectories: averages of 1 - e^(-5τ); few pairs in the first one."""
    model = js.Model(
        [js.Pool.tls("m", 1)],
        [js.Channel("pump", 3.0, {}, {"m": 1}), js.Channel("emit", 2.0, {"m": 1}, bath="out")],
    )
    edges = np.linspace(0, 0.5, 6)
    expected = 1 + np.diff(np.exp(-5 * edges)) / np.diff(5 * edges)

    def measure(seed):
        ensemble = js.simulate(model, [12.0], 200, {"m": 0}, seed, "events", workers=1)
        found = js.coincidences(ensemble, "out", None, 2.0, 0.5, bins=5, max_states=0)
        return near(found.g2, found.error, expected)

    check(measure)


@pytest.mark.parametrize(
    ("names", "following", "after", "at"),
    [
        (["emission"], None, 0.0, (0.05, 0.15, 0.3)),
        (["absorption"], None, 3.0, (0.05, 0.15, 0.3)),
        (["emission"], "emission", 4.0, (0.05, 0.15, 0.3)),
        (["emission", "absorption"], "absorption", 4.0, (0.02, 0.05, 0.1)),
    ],
)
def test_waiting_times(names, following, after, at):
    """200 trajectories: from the start, from later on, after an event, for one channel and two."""
    fine = np.linspace(0, 0.5, 501)
    if following is None:
        law = js.master_equation(HOHLRAUM, [after], START)
        silent = [HOHLRAUM.channels.index(name) for name in names]
        transitions = law.space.transitions(silent=silent)
        expected = evolve(transitions, law.probabilities[0], fine).sum(axis=1)
    else:
        expected = js.waiting_time_distribution(HOHLRAUM, fine, START, names, following).survival

    def measure(seed):
        ensemble = js.simulate(HOHLRAUM, [after + 4.0], 200, START, seed, "events", workers=1)
        found = js.waiting_times(ensemble, names, following, after, points=101, max_states=0)
        k = [np.abs(found.times - t).argmin() for t in at]
        return near(found.survival[k], found.error[k], np.interp(found.times[k], fine, expected))

    check(measure)


@pytest.mark.parametrize(("tls", "end"), [(1, 60.0), (10, 4.0), (100, 2.0)])
def test_dwell_times_at_constant_rates(tls, end):
    """One trajectory, pumped at 2 and emptied at 5: means 1/5 and 1/2, also in short runs."""
    model = js.Model(
        [js.Pool.tls("m", tls)],
        [js.Channel("up", 2.0, {}, {"m": 1}), js.Channel("down", 5.0, {"m": 1})],
    )

    def measure(seed):
        ensemble = js.simulate(model, [end], 1, {"m": tls * 2 // 7}, seed, "events", workers=1)
        found = js.telegraph(ensemble, 0)
        stays = [found.mean_dwell(state) for state in (True, False)]
        return [near(*stay[:2], exact) for stay, exact in zip(stays, (0.2, 0.5), strict=True)]

    check(measure)


def test_dwell_times_of_systems_that_share_light():
    """One trajectory: mean number in a state over the mean rate out of it, in steady state."""
    law = js.stationary(HOHLRAUM, START)
    mean_rates = law.average(HOHLRAUM.table.jump_rates(law.states))
    rates = dict(zip(HOHLRAUM.channels, mean_rates, strict=True))
    expected = law.mean[1] / rates["emission"], (8 - law.mean[1]) / rates["absorption"]

    def measure(seed):
        found = js.telegraph(js.simulate(HOHLRAUM, [60.0], 1, START, seed, "events", workers=1), 0)
        stays = [found.mean_dwell(state) for state in (True, False)]
        return [near(*stay[:2], exact) for stay, exact in zip(stays, expected, strict=True)]

    check(measure)


def fading():
    """Times, the law at the first one, the next ones' laws, and which steps lower the entropy."""
    times, start = np.array([0.02, 0.06, 0.12]), {"N": 8, "m": 0}
    law = js.master_equation(HOHLRAUM, times[:1], start)
    entropy = js.thermo.boltzmann_entropies(HOHLRAUM, law.states).sum(axis=1)
    steps = steps_of(law.space, np.diff(times))
    return times, start, law.probabilities[0], steps, entropy < entropy[:, None] - 1e-9


def test_signs_of_the_entropy_production():
    """300 trajectories, closed: fractions of the other sign, and whether ever, step by step."""
    times, start, law, steps, less = fading()
    opposite = [law @ (steps[0] * less).sum(axis=1), law @ steps[0] @ (steps[1] * less).sum(axis=1)]
    ever = 1 - (law @ (steps[0] * ~less) @ (steps[1] * ~less)).sum()

    def measure(seed):
        found = js.production_signs(
            js.simulate(HOHLRAUM, times, 300, start, seed, "events", workers=1)
        )
        return [*holds(found.low, found.high, opposite), holds(*found.ever[1:], ever)]

    check(measure, conservative=True)


def test_time_of_the_other_sign():
    """300 trajectories: Σ probability · interval, of the test before."""
    times, start, law, steps, less = fading()
    opposite = [law @ (steps[0] * less).sum(axis=1), law @ steps[0] @ (steps[1] * less).sum(axis=1)]
    expected = np.diff(times) @ opposite

    def measure(seed):
        found = js.production_signs(
            js.simulate(HOHLRAUM, times, 300, start, seed, "events", workers=1)
        )
        return near(found.duration, found.duration_sem, expected)

    check(measure)


def test_what_is_undone_produces_no_entropy():
    """Exactly the trajectories whose last state has less entropy count, none that came back."""
    ensemble = js.simulate(HOHLRAUM, [0.1, 3.0], 4000, {"N": 8, "m": 0}, 1, ["counts", "events"])
    found = js.production_signs(ensemble)
    entropy = js.thermo.boltzmann_entropies(HOHLRAUM, ensemble.counts).sum(axis=2)
    assert found.opposite[0] == (np.diff(entropy, axis=1) < -1e-9).mean()


def largest_deviations(times):
    """Possible largest deviations of m over some times, and the chance not to exceed each."""
    theory = js.mean_field(HOHLRAUM, times, START).counts[:, 1]
    space = js.master_equation(HOHLRAUM, [0.0], START).space
    steps = steps_of(space, np.diff(times, prepend=0.0))
    away = np.abs(space.states[:, 1] - theory[:, None]) / 8
    values = np.unique(away)
    below = []
    for limit in values:
        p = space.start
        for step, far in zip(steps, away, strict=True):
            p = (p @ step) * (far <= limit + 1e-9)
        below.append(p.sum())
    return values, np.array(below)


def test_fractions_and_tails_of_deviations():
    """200 trajectories, three times: within 0.1, 0.25, 0.4; beyond three levels."""
    times = [0.3, 1.0, 2.0]
    values, below = largest_deviations(times)
    beyond = np.append(1.0, 1 - below)
    within = below[np.searchsorted(values, [0.1, 0.25, 0.4]) - 1]

    def measure(seed):
        run = js.typicality(js.simulate(HOHLRAUM, times, 200, START, seed, workers=1))
        tail = js.gaussian_tail(run, paths=100)
        some = [0, len(tail.thresholds) // 2, -1]
        exact = beyond[np.searchsorted(values, tail.thresholds[some, 1] - 1e-9)]
        return [
            *(holds(*(x[1] for x in run.within(e)[1:]), p)
              for e, p in zip((0.1, 0.25, 0.4), within, strict=True)),
            *holds(tail.low[some, 1], tail.high[some, 1], exact),
        ]  # fmt: skip

    check(measure, conservative=True)


def test_distributions():
    """200 trajectories: each count of m, likely or not, by the master equation."""
    exact = js.master_equation(HOHLRAUM, [1.0], START).marginal("m")[0]

    def measure(seed):
        ensemble = js.simulate(HOHLRAUM, [1.0], 200, START, seed, workers=1)
        found = js.distribution(ensemble, "m", 1.0)
        return holds(found.low, found.high, exact[found.counts])

    check(measure, conservative=True)
