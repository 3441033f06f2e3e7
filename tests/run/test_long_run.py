"""One long trajectory: the events of `simulate`, averages with correct errors, and resuming."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from support.parameter_files import hohlraum, written
from support.systems import LARGER_HOHLRAUM, SYSTEMS

import jumpsim as js
from jumpsim import engine, statistics, streams
from jumpsim.analysis.averages import long_run
from jumpsim.cli.main import main
from jumpsim.engine import compiling
from jumpsim.store import long_run_file

START = js.Fixed({"N": 6, "m": 5})
TURNOVER = js.Model(
    [js.Pool.mass_action("X")],
    [js.Channel("come", 30.0, {}, {"X": 1}), js.Channel("gone", 2.0, {"X": 1})],
)
SPEC = hohlraum("thermal = 1.0", "stop = 1.0\npoints = 2", "seed = 4", gamma_tilde=1.0)


def equal(one, other):
    assert one.plan.differences(other.plan) == []
    for name in ("times", "means", "cumulative", "events"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.cov(), other.cov())
    for name, value in one.state.items():
        np.testing.assert_array_equal(value, other.state[name])


@pytest.mark.usefixtures("compiled_at_once")
@pytest.mark.parametrize("method", ["direct", "partial_propensities"])
@pytest.mark.parametrize("patience", [1e9, 0.0])  # with 0 the code written for the model
def test_a_path_goes_on_where_it_was(method, patience, monkeypatch):
    model, initial = SYSTEMS["waveguide"]
    starts, states = initial.draw(model, 5, 0, 1), streams.states(5, 0, 1, streams.JUMPS)
    times = np.concatenate([[0.0], np.geomspace(1e-3, 40, 60)])
    whole = engine.run(method, model.table, times, starts, states, {"samples", "jumps"})
    monkeypatch.setattr(compiling, "LOADING_PAYS", patience)
    monkeypatch.setattr(compiling, "COMPILING_PAYS", 0.0)
    for cuts in ([], [1], [30], [1, 2, 3, 50], range(1, 61)):
        path = engine.Path(method, model.table, starts[0], states[0])
        heard = []

        def proceed(number, heard=heard):
            heard.append(number)
            return True

        found = [path.sample(part, proceed) for part in np.split(times, list(cuts))]
        np.testing.assert_array_equal(np.concatenate([c for c, _ in found]), whole.samples[0])
        np.testing.assert_array_equal(np.concatenate([j for _, j in found]), whole.jumps[0])
        assert path.events == sum(heard) == whole.event_count[0]


@pytest.mark.parametrize("method", ["direct", "partial_propensities"])
def test_a_state_is_not_that_of_what_was_ended_later(method):
    model, initial = SYSTEMS["waveguide"]
    starts, states = initial.draw(model, 5, 0, 1), streams.states(5, 0, 1, streams.JUMPS)
    times = np.linspace(0, 9, 19)
    whole = engine.run(method, model.table, times, starts, states, {"samples", "jumps"})
    path, again = (engine.Path(method, model.table, starts[0], states[0]) for _ in range(2))
    _, jumps = path.sample(times[:4])
    state = path.state()
    path.sample(times[4:10])
    again.go_on_from(**state, jumps=jumps[-1])
    counts, jumps = again.sample(times[4:])
    np.testing.assert_array_equal(counts, whole.samples[0, 4:])
    np.testing.assert_array_equal(jumps, whole.jumps[0, 4:])
    assert again.events == whole.event_count[0]


def test_it_is_the_trajectory_of_that_seed_and_index():
    run = js.long_run(LARGER_HOHLRAUM, js.Thermal(1.0), 2.0, 5, 4, seed=9, index=3, warmup=1.0)
    times = 1.0 + 2.0 * (np.arange(21) / 4)
    plain = js.simulate(LARGER_HOHLRAUM, times, 4, js.Thermal(1.0), 9, ["counts", "jumps"])
    counts, jumps = plain.counts[3], plain.jumps[3]
    np.testing.assert_array_equal(run.means, counts[1:].reshape(5, 4, 2).mean(axis=1))
    np.testing.assert_allclose(run.cov(), np.cov(counts[1:].T), rtol=1e-12)
    np.testing.assert_array_equal(run.cumulative, jumps[::4])
    np.testing.assert_array_equal(run.times, times[::4])
    # The same errors by loops over blocks.
    blocks = counts[1:].reshape(5, 4, 2)
    np.testing.assert_allclose(run.sem(), blocks.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(5))
    left = [np.cov(np.delete(blocks, k, axis=0).reshape(16, 2).T) for k in range(5)]
    np.testing.assert_allclose(run.cov_error(), np.std(left, axis=0) * np.sqrt(5 - 1))
    np.testing.assert_allclose(run.rates(), np.diff(jumps[::4], axis=0).mean(axis=0) / 2.0)
    assert run.start == js.Fixed(dict(zip("Nm", plain.starts(3, 1)[0].tolist(), strict=True)))


def test_pieces_are_the_whole(tmp_path):
    whole = js.long_run(LARGER_HOHLRAUM, START, 2.0, 7, 50, seed=2, warmup="500 ms")
    assert "all 7 blocks" in str(whole)
    for blocks in (1, 2, 3, 7):
        js.long_run(
            LARGER_HOHLRAUM, START, 2.0, blocks, 50, seed=2, warmup=0.5, store=tmp_path / "a.h5"
        )
    grown = js.open_long(tmp_path / "a.h5")
    equal(whole, grown)
    before = (tmp_path / "a.h5").read_bytes()
    again = js.long_run(LARGER_HOHLRAUM, START, 2.0, 3, 50, warmup=0.5, store=tmp_path / "a.h5")
    assert "nothing to do" in again.stop_reason
    assert (tmp_path / "a.h5").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_time_limit_keeps_what_is_done(tmp_path):
    path = tmp_path / "a.h5"
    run = js.long_run(TURNOVER, {"X": 15}, 5.0, 10**9, 100, seed=1, store=path, timeout=0.5)
    assert run.stop_reason == "timeout"
    done = len(js.open_long(path))
    assert done == len(run) > 10
    js.long_run(TURNOVER, {"X": 15}, 5.0, done + 3, 100, seed=1, store=path)
    equal(js.open_long(path), js.long_run(TURNOVER, {"X": 15}, 5.0, done + 3, 100, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_it_goes_on(number, tmp_path):
    written(tmp_path, SPEC)
    code = (
        "from jumpsim import cli; from jumpsim.run import long_run; "
        "long_run._COMMIT_SECONDS = 0.05; cli."
    )
    given = [
        "long",
        "spec.toml",
        "-o",
        "a.h5",
        "--block",
        "2",
        "--samples",
        "50",
        "--no-figure",
        "-q",
    ]
    rng = np.random.default_rng(number)
    statuses = set()
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", f"{code}entry({[*given, '--blocks', '100000000']!r})"],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        began = time.monotonic()
        while not (tmp_path / "a.h5").exists() and time.monotonic() < began + 60:
            time.sleep(0.05)
        time.sleep(1.5 + rng.uniform(0, 0.5))
        before = len(js.open_long(tmp_path / "a.h5"))
        child.send_signal(number)
        _, printed = child.communicate(timeout=20)
        statuses.add(child.returncode)
        assert len(js.open_long(tmp_path / "a.h5")) >= before > 0
        assert "Traceback" not in printed
        assert number == signal.SIGKILL or "run the same command again" in printed
    assert statuses == {-9 if number == signal.SIGKILL else 75}
    held = js.open_long(tmp_path / "a.h5")
    whole = js.long_run(LARGER_HOHLRAUM, js.Thermal(1.0), 2.0, len(held), 50, seed=4)
    equal(held, whole)


def test_the_distribution_in_steady_state_is_found():
    """Twelve scores with |Z| < 4.5: false alarm 1e-4."""
    run = js.long_run(TURNOVER, {"X": 15}, 20.0, 400, 200, seed=1, warmup=10.0)
    assert abs(run.mean()[0] - 15) < 4.5 * run.sem()[0] < 0.5
    assert abs(run.cov()[0, 0] - 15) < 4.5 * run.cov_error()[0, 0] < 2.0
    assert (np.abs(run.rates() - 30) < 4.5 * run.rates_error()).all()
    # C(τ) = 15 exp(-2τ): the integral is 1/2, which 400 blocks know to 2 √(2/399).
    assert abs(run.correlation_times()[0] / 0.5 - 1) < 4.5 * np.sqrt(2 / 399)
    assert abs(run.neighbours()[0]) < 4.5 / np.sqrt(400)
    assert abs(run.drift()[0]) < 4.5
    for joined in (2, 8):
        n = 400 // joined
        assert abs(run.sem(joined)[0] / run.sem()[0] - 1) < 4.5 / np.sqrt(2 * (n - 1))
    hohlraum = js.stationary_averages(
        js.long_run(LARGER_HOHLRAUM, START, 20.0, 300, 100, seed=1, warmup=10.0)
    )
    assert hohlraum.theory == "master equation"
    assert (np.abs(hohlraum.scores) < 4.5).all()
    error = hohlraum.run.cov_error()
    assert (np.abs(hohlraum.run.cov() - hohlraum.covariance) < 4.5 * error).all()
    assert hohlraum.warnings == []
    # A conserved total is that of this trajectory, not of all starts.
    warm = js.stationary_averages(js.long_run(LARGER_HOHLRAUM, js.Thermal(1.0), 1.0, 2, 5, seed=1))
    assert warm.mean.sum() == pytest.approx(sum(warm.run.start.counts.values()), rel=1e-9)
    assert "warning" not in str(hohlraum)


def test_errors_of_correlation_times_by_hand():
    """One block left out each; half of the spacing below and the finite block are part of it."""
    run = js.long_run(TURNOVER, {"X": 15}, 20.0, 40, 200, seed=1, warmup=10.0)
    tau = run.correlation_times()[0]
    left = []
    for k in range(40):
        means, each = np.delete(run.means[:, 0], k), run.totals
        first, second = (x.sum() - x[k].sum() for x in (each.first, each.second))
        n = 39 * 200
        variance = (n * second - first**2) / (n * (n - 1))
        time = means.var(ddof=1) * 20.0 / 2 / float(variance)
        left.append(time * (1 + time / 20.0))
    scatter = statistics.covering_error(np.array(left))
    scatter = max(scatter, tau * np.sqrt(2 / 39) * (1 + 10 / 40))
    expected = np.sqrt(scatter**2 + (0.1**2 / 12 / tau) ** 2 + (tau**2 / 20) ** 2)
    assert run.correlation_times_error()[0] == pytest.approx(expected, rel=1e-9)
    assert abs(tau - 0.5) < 4 * run.correlation_times_error()[0]


def test_correlation_times_below_the_spacing_are_bounds(monkeypatch):
    """C(τ) = 15 exp(-2τ) is sampled every 2 s: half of that would be printed as a time."""
    monkeypatch.setattr(long_run, "_MOST_STATES", 200)
    run = js.long_run(TURNOVER, {"X": 15}, 200.0, 100, 100, seed=1, warmup=10.0)
    found = js.stationary_averages(run)
    assert found.times[0] == pytest.approx(0.5)
    printed = re.search(r"< (\S+) \(sample spacing 2\)", str(found))
    assert 0.5 < float(printed[1]) < 2
    fine = js.stationary_averages(js.long_run(TURNOVER, {"X": 15}, 20.0, 100, 200, seed=1))
    assert re.search(r"\d+ ± \d+ +500\n", str(fine))


@pytest.mark.slow
def test_errors_of_correlation_times_cover():
    """300 seeds of 60 blocks of 20 correlation times; below 0.91 by chance in 0.1 %."""
    inside = []
    for seed in range(300):
        run = js.long_run(TURNOVER, {"X": 15}, 10.0, 60, 100, seed=seed, warmup=10.0)
        inside.append(
            abs(run.correlation_times()[0] - 0.5) < 1.96 * run.correlation_times_error()[0]
        )
    print(np.mean(inside))
    assert np.mean(inside) > 0.91


@pytest.mark.slow
def test_errors_cover():
    """95 % intervals of 400 seeds: covered fraction within [0.910, 0.9825], alarm 0.1 %."""
    expected = js.stationary(LARGER_HOHLRAUM, START)
    covered = []
    for seed in range(400):
        run = js.long_run(LARGER_HOHLRAUM, START, 5.0, 60, 50, seed=seed, warmup=5.0)
        mean = abs(run.mean()[0] - expected.mean[0]) < 2.0 * run.sem()[0]
        variance = abs(run.cov() - expected.covariance)[0, 0] < 2.0 * run.cov_error()[0, 0]
        covered.append((mean, variance))
    fractions = np.mean(covered, axis=0)
    assert (fractions > 0.910).all(), fractions
    assert (fractions < 0.9825).all(), fractions


def test_what_speaks_against_the_errors_is_said(monkeypatch):
    monkeypatch.setattr(long_run, "_MOST_STATES", 200)
    short = js.stationary_averages(
        js.long_run(TURNOVER, {"X": 15}, 0.1, 400, 5, seed=1, warmup=10.0)
    )
    assert "too short" in str(short)
    few = js.stationary_averages(js.long_run(TURNOVER, {"X": 15}, 1.0, 5, 5, seed=1))
    assert "too few" in str(few)
    cold = js.stationary_averages(js.long_run(TURNOVER, {"X": 5000}, 1.0, 40, 5, seed=1))
    assert "longer warm-up" in str(cold)
    alone = js.stationary_averages(js.long_run(TURNOVER, {"X": 15}, 1.0, 1, 5, seed=1))
    assert "nan" in str(alone)
    grows = js.Model([js.Pool.mass_action("X")], [js.Channel("more", 1.0, {}, {"X": 1})])
    lost = js.stationary_averages(js.long_run(grows, {"X": 0}, 1.0, 30, 5, seed=1))
    assert lost.theory is None
    assert "no theory" in str(lost)
    for result in (short, few, alone, lost):
        assert js.plotting.stationary_averages(result).axes


def test_no_block_yet():
    run = js.long_run(LARGER_HOHLRAUM, START, 1e6, 5, 5, seed=1, timeout=1e-9)
    with pytest.raises(js.InputError, match="no block is complete"):
        js.stationary_averages(run)


BAD = [
    ({"block": 0.0}, "`block` must be a time > 0"),
    ({"block": "20 K"}, "block"),
    ({"blocks": 0}, "`blocks` must be a whole number ≥ 1"),
    ({"samples": 2**18}, "`samples` must be a whole number ≥ 1 and < 131073"),
    ({"warmup": 1e30}, "`block` must be a time > 0"),
    ({"index": -1}, "`index`"),
    ({"seed": -1}, "`seed`"),
    ({"initial": {"N": 3}}, "m"),
    ({"model": None}, "`model`"),
]


@pytest.mark.parametrize(("given", "printed"), BAD)
def test_bad_input(given, printed):
    good = {"model": LARGER_HOHLRAUM, "initial": START, "block": 1.0, "blocks": 3}
    with pytest.raises(js.InputError, match=printed) as caught:
        js.long_run(**good | given)
    assert "\n" not in str(caught.value)


def test_another_run_is_refused(tmp_path):
    good = {
        "model": LARGER_HOHLRAUM,
        "initial": START,
        "block": 1.0,
        "blocks": 3,
        "samples": 5,
        "seed": 1,
    }
    js.long_run(**good, store=tmp_path / "a.h5")
    for other in (
        {"seed": 2}, {"samples": 6}, {"index": 1}, {"block": 2.0}, {"warmup": 1.0},
        {"initial": {"N": 5, "m": 6}}, {"model": js.systems.hohlraum(20, 10, 2.0)},
    ):  # fmt: skip
        with pytest.raises(js.StoreError, match=r"a\.h5: belongs to another run: "):
            js.long_run(**good | other, store=tmp_path / "a.h5")


def test_a_file_of_an_earlier_engine_is_read_but_not_continued(tmp_path):
    path, good = tmp_path / "a.h5", (LARGER_HOHLRAUM, START, 1.0)
    run = js.long_run(*good, 3, 5, seed=1, store=path)
    data, arrays, state = long_run_file.read(path)
    state["clock"] = state["clock"][:1]  # before the correction was kept
    model = run.model
    names = {"pool": model.pools, "other_pool": model.pools, "channel": model.channels}
    long_run_file.write(path, data | {"engine_version": 1}, arrays, state, names)
    np.testing.assert_array_equal(js.open_long(path).means, run.means)
    with pytest.raises(js.StoreError, match=r"engine_version: 1 instead of .* give a new output"):
        js.long_run(*good, 4, 5, store=path)


def test_files_that_are_not_what_they_should_be(tmp_path):
    path = tmp_path / "a.h5"
    js.long_run(LARGER_HOHLRAUM, START, 1.0, 3, 5, seed=1, store=path)
    data = path.read_bytes()
    for name in ("count_sum", "count_product_sum", "jumps", "time", "stream", "counts", "events"):
        path.write_bytes(data)
        with h5py.File(path, "r+") as file:
            if name in file.attrs:
                file.attrs[name] = file.attrs[name] + np.array(1, file.attrs[name].dtype)
            else:
                file[name][-1] += 1
        with pytest.raises(js.StoreError, match="does not fit the checksum"):
            js.open_long(path)
    for wrong in (data[:-200], data[:100], b"", b"text"):
        path.write_bytes(wrong)
        with pytest.raises(js.StoreError, match=r"a\.h5: cannot be read as a long run"):
            js.open_long(path)
    js.simulate(LARGER_HOHLRAUM, [1.0], 3, START, 1, store=tmp_path / "b.h5")
    with pytest.raises(js.StoreError, match=r"b\.h5: must be a long run of jumpsim, but is"):
        js.long_run(LARGER_HOHLRAUM, START, 1.0, 3, store=tmp_path / "b.h5")
    path.write_bytes(data)
    with pytest.raises(js.StoreError, match="but a long run of jumpsim"):
        js.open(path)
    with pytest.raises(js.StoreError, match="no such file"):
        js.open_long(tmp_path / "c.h5")


def test_others_can_read_it(tmp_path):
    xarray = pytest.importorskip("xarray")
    run = js.long_run(LARGER_HOHLRAUM, START, 1.0, 3, 5, seed=1, store=tmp_path / "a.h5")
    for backend in ("h5netcdf", "netcdf4"):
        with xarray.open_dataset(tmp_path / "a.h5", engine=backend) as data:
            sums = data.count_sum.sel(word=1).values / 5
            np.testing.assert_array_equal(sums, run.means)
            np.testing.assert_array_equal(data.jumps.values, run.cumulative)
            assert data.time.attrs["units"] == "s"
            assert data.time.dims == ("edge",)
            np.testing.assert_array_equal(data.time.values, run.times)
            assert json.loads(data.attrs["run"])["seed"] == 1


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, SPEC)
    given = ["long", "spec.toml", "-o", "a.h5", "--block", "2 s", "--blocks", "30", "-q"]
    assert main([*given, "--samples", "20", "--warmup", "1 s"]) == 0
    printed = capsys.readouterr().out
    assert "seed 4, trajectory 0" in printed
    assert "master equation" in printed
    assert "figure: a.png, a.pdf" in printed
    assert main(["info", "a.h5"]) == 0
    assert "command" in capsys.readouterr().out
    assert main([*given, "--samples", "21", "--warmup", "1 s"]) == 2
    assert capsys.readouterr().err == (
        "jumpsim long: a.h5: belongs to another run: samples: 20 instead of 21\n"
    )
    assert main([*given, "--samples", "20", "--warmup", "1 s", "--blocks", "999999999",
                 "--time-limit", "0.2"]) == 75  # fmt: skip
    assert "stopped by the time limit with" in capsys.readouterr().err
