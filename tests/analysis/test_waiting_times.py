"""Waiting times from events: plain loops, closed forms, the master equation, censoring."""

import numpy as np
import pytest
from scipy import stats
from support.systems import FEW_LEVELS

import jumpsim as js
from jumpsim.analysis.events.waiting_times import _kaplan_meier
from jumpsim.cli.main import main
from jumpsim.statistics.jackknife import covering_error, jackknife_error

START = {"N": 5, "m": 1}


def plain(ensemble, wanted, following, after):
    """Waits found by a loop over every event."""
    found, end = [], ensemble.times[-1]
    names = ensemble.model.channels
    for i in range(ensemble.ntraj):
        events = [(t, names[c]) for t, c in zip(*ensemble.events(i), strict=True) if t >= after]
        begins = [t for t, name in events if name == following]
        begins = [after] if following is None else begins
        for start in begins:
            later = [
                t for t, name in events
                if name in wanted and (t > start or (following is None and t >= start))
            ]  # fmt: skip
            found.append((min(later) - start, True) if later else (end - start, False))
    return sorted(found)


@pytest.mark.parametrize(
    ("wanted", "following", "after"),
    [
        (["emission"], "absorption", 1.0),
        (["emission"], None, 0.0),
        (["absorption", "emission"], "emission", 0.0),
        (["absorption"], "absorption", 1.5),
    ],
)
def test_waits_are_those_of_a_plain_loop(wanted, following, after, slabs):
    ensemble = js.simulate(FEW_LEVELS, [2.0], 60, START, 1, "events")
    for size in (50, 10**6):
        slabs(events=size)
        found = js.waiting_times(ensemble, wanted, following, after)
        got = sorted(zip(found.durations.tolist(), found.ended.tolist(), strict=True))
        expected = plain(ensemble, wanted, following, after)
        assert len(got) == len(expected)
        np.testing.assert_allclose([d for d, _ in got], [d for d, _ in expected], atol=1e-12)
        assert sum(e for _, e in got) == sum(e for _, e in expected)


def test_without_censoring_it_is_the_empirical_law():
    rng = np.random.default_rng(1)
    durations = rng.exponential(size=500)
    times = np.linspace(0, 2, 9)
    survival, _ = _kaplan_meier(durations, np.ones(500, bool), np.arange(500) % 32, times)
    expected = (durations[None, :] > times[:, None]).mean(axis=1)
    np.testing.assert_allclose(survival, expected, atol=1e-12)


def test_censoring_does_not_bias():
    """20,000 exponential waits, half of them cut short: within 4.5 errors."""
    rng = np.random.default_rng(2)
    wait, cut = rng.exponential(1.0, 20_000), rng.exponential(1.0, 20_000)
    times = np.linspace(0, 2, 9)
    survival, error = _kaplan_meier(
        np.minimum(wait, cut), wait <= cut, np.arange(20_000) % 32, times
    )
    assert (np.abs(survival - np.exp(-times)) <= 4.5 * error).all()
    assert error.max() < 0.02


def test_against_the_master_equation():
    """First events, and waits in steady state: 41 points within 4.5 errors, errors small."""
    first = js.simulate(FEW_LEVELS, [3.0], 4000, START, 1, "events")
    rest = js.simulate(FEW_LEVELS, [12.0], 1500, START, 2, "events")
    for found in (
        js.waiting_times(first, "emission"),
        js.waiting_times(rest, "emission", following="absorption", after=5.0),
        js.waiting_times(rest, ["emission", "absorption"], following="emission", after=5.0),
    ):
        assert found.exact is not None
        known = np.isfinite(found.survival)
        assert known.sum() > 15
        gap = np.abs(found.survival - found.exact.survival)[known]
        assert (gap <= 4.5 * found.error[known] + 1e-12).all()
        assert found.error[known].max() < 0.02
        assert "exact" in str(found)


def test_the_exact_distribution_in_steady_state_needs_a_beginning():
    ensemble = js.simulate(FEW_LEVELS, [2.0], 60, START, 1, "events")
    assert js.waiting_times(ensemble, "emission", following="absorption").exact is None
    assert js.waiting_times(ensemble, "emission", max_states=0).exact is None


def test_few_waits_are_undecided():
    ensemble = js.simulate(FEW_LEVELS, [2.0], 25, START, 1, "events")
    found = js.waiting_times(ensemble, "emission")
    assert np.isnan(found.survival[-1])
    assert "undecided" in str(found)
    assert "nan" not in str(found)


@pytest.mark.slow
def test_errors_cover():
    """400 seeds; fraction of ±1.96 errors that hold the exact survival at three times."""
    inside = []
    for seed in range(400):
        ensemble = js.simulate(FEW_LEVELS, [8.0], 200, START, seed, "events", workers=1)
        found = js.waiting_times(ensemble, "emission", "absorption", 4.0, points=101)
        at = [np.searchsorted(found.times, t) for t in (0.1, 0.3, 0.6)]
        gap = np.abs(found.survival - found.exact.survival)[at]
        inside.append(gap < 1.96 * found.error[at])
    covered = np.mean(inside, axis=0)
    print(covered)
    assert ((covered > 0.910) & (covered < 0.9825)).all()


@pytest.mark.parametrize(
    ("arguments", "record", "match"),
    [
        (("emission",), "counts", "need every event, but this run recorded counts"),
        (("emision",), "events", "unknown channel 'emision'; did you mean 'emission'"),
        (("emission", "absorb"), "events", "unknown channel 'absorb'"),
        (([],), "events", "`channels` must name a channel"),
        (("emission", None, 3.0), "events", "`after` must be before the end of the run at 2 s"),
        (("emission",), "events", "errors need 16 trajectories at least, but there are 10"),
    ],
)
def test_refused(arguments, record, match):
    ensemble = js.simulate(FEW_LEVELS, [2.0], 10, START, 1, record)
    with pytest.raises(js.InputError, match=match):
        js.waiting_times(ensemble, *arguments)


def test_nothing_to_wait_for():
    still = js.simulate(js.systems.hohlraum(5, 5, 0), [1.0], 10, (3, 2), 1, "events")
    with pytest.raises(js.InputError, match="no wait for 'emission' is completed"):
        js.waiting_times(still, "emission")


def test_on_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    assert (
        main(["run", "data/hohlraum.toml", "-o", out, "-n", "80", "--record", "events", "-q"]) == 0
    )
    capsys.readouterr()
    arguments = ["emission", "--following", "absorption", "--after", "2 us"]
    assert main(["waiting_times", out, *arguments]) == 0
    captured = capsys.readouterr()
    assert "waits for 'emission' after 'absorption' in 80 trajectories of hohlraum" in captured.out
    assert captured.err == ""


def test_the_other_commands_on_events(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    run = ["run", "data/hohlraum.toml", "-o", out, "-n", "80", "--record", "counts,events", "-q"]
    assert main(run) == 0
    capsys.readouterr()
    for arguments, captured in (
        (["coincidences", out, "emission", "--after", "2 us", "--bins", "3"], "g²"),
        (["distribution", out, "m", "5 us"], "χ² against the master equation: p = "),
        (["telegraph", out, "--row", "3"], "flips of 20 two-level systems 'm'"),
    ):
        assert main(arguments) == 0
        printed = capsys.readouterr()
        assert captured in printed.out
        assert printed.err == ""
    more = ["--after", "2 us", "--bins", "3", "--longest", "0.6 us"]
    assert main(["coincidences", out, "emission", "absorption", *more]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "coincidences of emission and absorption"
    lags = [line.split("  ")[0 if line[0] != " " else 1].strip() for line in lines[3:6]]
    assert (tmp_path / "out-coincidences.png").stat().st_size > 10_000
    assert lags == ["0 to 200", "200 to 400", "400 to 600"]
    for arguments in (["coincidences", out, "x"], ["distribution", out, "m", "3.33 us"],
                      ["telegraph", out, "--row", "99"]):  # fmt: skip
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_the_figure_shows_what_was_measured():
    found = js.waiting_times(
        js.simulate(FEW_LEVELS, [3.0], 200, START, 1, "events"), "emission", points=9
    )
    (axis,) = js.plotting.waiting_times(found).axes
    bars = axis.containers[0]
    known = np.isfinite(found.survival)
    np.testing.assert_allclose(bars.lines[0].get_ydata()[known], found.survival[known])
    ends = np.array([s for s in bars.lines[2][0].get_segments() if len(s) == 2])[:, :, 1]
    np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, found.error[known], atol=1e-12)
    theory = axis.lines[-1]
    np.testing.assert_allclose(theory.get_ydata(), found.exact.survival)


def test_errors_by_hand():
    """32 waits in 32 groups; the error is not less than that of independent waits."""
    rng = np.random.default_rng(4)
    durations = rng.exponential(size=32)
    times = np.array([0.0, 0.2, durations.min()])
    group = np.arange(32)
    survival, error = _kaplan_meier(durations, np.ones(32, bool), group, times)
    np.testing.assert_allclose(survival, [(durations > t).mean() for t in times])
    arrived = (durations[:, None] <= times).sum(axis=0)
    part = (arrived + 2) / 36
    floor = np.sqrt(part * (1 - part) / 36)
    left = [[(np.delete(durations, i) > t).mean() for t in times] for i in range(32)]
    np.testing.assert_allclose(error, np.maximum(floor, jackknife_error(np.array(left))))
    assert error[0] == floor[0] > 0
    # All of a group arrive together: the groups tell a larger error.
    together = np.repeat(rng.exponential(size=32), 50)
    _, error = _kaplan_meier(together, np.ones(1600, bool), np.repeat(group, 50), times[1:2])
    assert error[0] > 4 * np.sqrt(0.2 * 0.8 / 1600)
    # Of equal durations those that end come first: the others are still at risk then.
    ended = np.arange(60) % 2 == 0
    survival, _ = _kaplan_meier(
        np.append(np.ones(60), np.full(60, 2.0)), np.append(ended, ended), np.arange(120) % 32,
        np.array([1.0]),
    )  # fmt: skip
    assert survival[0] == pytest.approx(1 - 30 / 120)
    found = js.waiting_times(js.simulate(FEW_LEVELS, [30.0], 32, START, 5, "events"), "emission")
    assert found.ended.all()
    mean, error = found.mean
    assert mean == pytest.approx(found.durations.mean())
    factor = 1 + (2 + stats.skew(found.durations) ** 2) / 32
    assert error == pytest.approx(factor * found.durations.std(ddof=1) / np.sqrt(32))
    assert found.times[-1] == found.durations.max()


def test_times_end_with_the_longest_wait_that_ended():
    found = js.waiting_times(js.simulate(FEW_LEVELS, [0.2], 60, START, 1, "events"), "emission")
    assert found.times[-1] == found.durations[found.ended].max() < found.durations.max()


def test_waits_of_a_run_that_is_not_in_steady_state_are_reported():
    """Light that fades: waits after an event are no steady distribution, and no exact one."""
    fading = js.Model(
        [js.Pool.mass_action("m")],
        [js.Channel("glow", 5.0, {"m": 1}, {"m": 1}), js.Channel("gone", 0.5, {"m": 1})],
    )
    ensemble = js.simulate(fading, [4.0], 400, {"m": 3}, 1, "events")
    found = js.waiting_times(ensemble, "glow", "glow", after=0.1)
    assert found.exact is None
    assert "not in steady state, the rate of" in found.verdict
    assert "warning" in str(found)
    steady = js.simulate(FEW_LEVELS, [8.0], 400, START, 1, "events")
    assert js.waiting_times(steady, "emission", "absorption", after=4.0).drift is None


def test_a_mean_of_one_long_wait_is_undecided():
    ensemble = js.simulate(FEW_LEVELS, [30.0], 32, START, 1, "events")
    found = js.waiting_times(ensemble, "emission", max_states=0)
    found.durations[0] = 1e3
    assert np.isnan(found.mean).all()
    assert "undecided, because a few trajectories determine it" in found.verdict


def test_means_of_few_waits_cover():
    """16 exponential waits, 2,000 means: jackknife errors cover 0.90, these 0.92 and more."""
    waits = np.random.default_rng(1).exponential(1.0, (16, 2000))
    left = (waits.sum(axis=0) - waits) / 15
    away = np.abs(waits.mean(axis=0) - 1)
    assert (away < 1.96 * jackknife_error(left)).mean() < 0.905
    error = covering_error(left)
    known = np.isfinite(error)
    assert known.mean() > 0.85
    assert (away < 1.96 * error)[known].mean() > 0.915
