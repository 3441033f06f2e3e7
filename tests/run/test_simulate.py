"""`simulate`: the same numbers for any workers, early stops, and readable refusals."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from support.systems import LARGER_HOHLRAUM, SMALL_WAVEGUIDE

import jumpsim as js
from jumpsim.errors import SimulationError
from jumpsim.run.block_task import run_block
from jumpsim.run.stopping import achieved_sem
from jumpsim.statistics.moments import Moments
from jumpsim.store.plan import Plan

TIMES = [0.0, 0.3, 1.0]
THERMAL = js.Thermal(1.0)
RECORD = ["counts", "jumps", "events", "moments", "variances"]
# One decay in ten thousand trajectories: a small sample sees no difference at all.
RARE = js.Model([js.Pool.tls("m", 1)], [js.Channel("decay", 1e-4, {"m": 1})])


def run(ntraj=200, seed=9, model=SMALL_WAVEGUIDE, times=TIMES, initial=THERMAL, **options):
    options = {"workers": 1, "record": RECORD, "max_events": 10**5} | options
    return js.simulate(model, times, ntraj, initial, seed=seed, **options)


@pytest.fixture(scope="module")
def whole():
    return run(block_size=200)


def assert_same(ensemble, whole):
    """The trajectories of `ensemble` are the first of `whole`, bit for bit."""
    n = ensemble.ntraj
    np.testing.assert_array_equal(ensemble.indices, np.arange(n))
    for name in ("counts", "jumps", "event_count"):
        np.testing.assert_array_equal(getattr(ensemble, name), getattr(whole, name)[:n], name)
    for i in range(n):
        for mine, theirs in zip(ensemble.events(i), whole.events(i), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    if n == whole.ntraj:
        for name in ("mean", "var", "cov", "sem"):
            np.testing.assert_array_equal(getattr(ensemble, name)(), getattr(whole, name)())
        assert ensemble.n_events == whole.n_events


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("block_size", [1, 7, 64, None])
def test_neither_workers_nor_blocks_change_a_bit(workers, block_size, whole):
    assert_same(run(workers=workers, block_size=block_size), whole)


def test_threads_of_the_user(whole):
    with ThreadPoolExecutor(3) as threads:
        assert_same(run(executor=threads, block_size=11), whole)
        assert_same(run(executor=threads, workers=None), whole)


def test_processes(whole):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as processes:
        assert_same(run(executor=processes, block_size=50), whole)
        with pytest.raises(
            SimulationError, match=r"trajectory \d+, t = .*more events than `max_events`"
        ):
            run(executor=processes, max_events=2)


def test_short_run_is_the_beginning_of_a_long_one(whole):
    assert_same(run(ntraj=1), whole)
    assert_same(run(ntraj=100, workers=2), whole)
    assert_same(whole, run(ntraj=1000, workers=2))


def test_any_trajectory_alone(whole):
    plan = Plan(SMALL_WAVEGUIDE, THERMAL, np.array(TIMES), 9, ("counts",))
    for i in (0, 63, 199):
        block, _ = run_block(plan, i, i + 1)
        np.testing.assert_array_equal(block.arrays["counts"][0], whole.counts[i])


def test_averages_are_those_of_the_counts(whole, tmp_path):
    counts = whole.counts.astype(float)
    np.testing.assert_allclose(whole.mean(), counts.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.var(), counts.var(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(whole.sem(), counts.std(axis=0, ddof=1) / 200**0.5, rtol=1e-12)
    for k in range(len(TIMES)):
        np.testing.assert_allclose(whole.cov()[k], np.cov(counts[:, k].T), rtol=1e-12, atol=1e-12)
    for record in ("counts", "moments"):
        np.testing.assert_array_equal(run(record=record, block_size=13).cov(), whole.cov())
    squares = run(record="variances", block_size=13)
    for found in (squares, run(record=["jumps", "variances"], store=tmp_path / "a.h5", workers=2)):
        for name in ("mean", "var", "sem"):
            np.testing.assert_array_equal(getattr(found, name)(), getattr(whole, name)())
    exact = Moments.of(whole.counts, pairs=False)
    stored = js.open(tmp_path / "a.h5")._store.moments(pairs=False)
    assert stored.first.tolist() == exact.first.tolist()
    assert stored.second.tolist() == exact.second.tolist()


@pytest.mark.parametrize("top", [10, 2**20, 2**28 - 1, 2**53])
def test_sums_are_exact_however_large(top):
    samples = np.random.default_rng(1).integers(0, top, (3000, 1, 2), endpoint=True)
    samples[:2000] = top
    moments = Moments.of(samples)
    x, y = ([int(v) for v in column] for column in samples[:, 0].T)
    assert moments.first.tolist() == [[sum(x), sum(y)]]
    cross = sum(a * b for a, b in zip(x, y, strict=True))
    assert moments.second[0, 0].tolist() == [sum(a * a for a in x), cross]


def test_seed_is_drawn_and_reported():
    ensemble = run(seed=None, ntraj=5)
    assert 0 <= ensemble.seed < 2**63
    assert ensemble.seed != run(seed=None, ntraj=5).seed
    assert_same(run(seed=ensemble.seed, ntraj=5), ensemble)


def test_seed_is_taken_as_given(whole):
    for seed in (0, 8, 10, 2**64 - 1):
        ensemble = run(seed=seed, ntraj=50)
        assert ensemble.seed == seed
        assert (ensemble.counts != whole.counts[:50]).any()


def test_target_sem_stops_at_a_look():
    target = {"B": 0.1}
    ensembles = [
        run(10**6, target_sem=target, workers=w, block_size=b, record="counts")
        for w, b in [(1, None), (3, 17), (2, 1000)]
    ]
    n = ensembles[0].ntraj
    assert n in (512, 1024, 2048)
    B = SMALL_WAVEGUIDE.pools.index("B")
    assert ensembles[0].sem()[:, B].max() <= 0.1
    before = Moments.of(ensembles[0].counts[: n // 2]).sem()
    assert before[:, B].max() > 0.1
    for ensemble in ensembles:
        assert ensemble.stop_reason.startswith(f"target_sem reached with {n} trajectories: largest")
        assert ensemble.stop_reason == ensembles[0].stop_reason
        np.testing.assert_array_equal(ensemble.counts, ensembles[0].counts)
    sums = run(10**6, target_sem=target, record="moments", workers=2)
    np.testing.assert_array_equal(sums.cov(), ensembles[0].cov())
    squares = run(10**6, target_sem=target, record="variances", workers=2)
    np.testing.assert_array_equal(squares.sem(), ensembles[0].sem())
    assert squares.stop_reason == ensembles[0].stop_reason


def test_target_sem_that_is_not_reached():
    ensemble = run(700, target_sem=1e-3)
    assert ensemble.ntraj == 700
    assert ensemble.stop_reason == "all 700 trajectories are there"
    assert run(100, target_sem=1e9).ntraj == 100
    assert run(257, target_sem=1e9).ntraj == 256


def test_target_sem_does_not_trust_zero_variance():
    rare = {"model": RARE, "times": [0.0, 1.0], "initial": {"m": 1}, "record": "counts"}
    first = run(256, **rare)
    assert first.var().max() == 0
    assert run(2048, target_sem=3**0.5 / 256 * 1.01, **rare).ntraj == 256
    assert run(2048, target_sem=3**0.5 / 256 * 0.99, **rare).ntraj == 512
    reached = achieved_sem(first.moments, first._store.plan)
    np.testing.assert_allclose(reached, [[0], [3**0.5 / 256]])
    assert "0.00677" in run(2048, target_sem=0.0068, **rare).stop_reason


def test_timeout_returns_what_is_done(whole):
    ensemble = run(10**6, timeout=0.3, workers=2, block_size=40, record=["counts", "moments"])
    assert ensemble.stop_reason == "timeout"
    indices = ensemble.indices
    assert 0 < len(indices) < 10**6
    assert (np.diff(indices) > 0).all()
    assert ensemble.counts.shape == (len(indices), 3, 3)
    early = indices[indices < 200]
    np.testing.assert_array_equal(ensemble.counts[: len(early)], whole.counts[early])
    plan = Plan(SMALL_WAVEGUIDE, THERMAL, np.array(TIMES), 9, ("counts",))
    for row in (len(indices) // 2, len(indices) - 1):
        block, _ = run_block(plan, indices[row], indices[row] + 1)
        np.testing.assert_array_equal(ensemble.counts[row], block.arrays["counts"][0])
    np.testing.assert_allclose(ensemble.mean(), ensemble.counts.mean(axis=0), rtol=1e-12)


def test_timeout_ends_a_trajectory_that_is_not_done():
    endless = run(
        1, times=[1e9], model=js.systems.hohlraum(9, 9, 1.0), timeout="50 ms", max_events=10**8
    )
    assert endless.stop_reason == "timeout"
    assert endless.ntraj == 0
    assert endless.counts.shape == (0, 1, 2)


def test_progress_changes_nothing(whole, capfd):
    assert_same(run(progress=True, block_size=9), whole)
    assert "200/200" in capfd.readouterr().err
    run(progress=False)
    assert capfd.readouterr().err == ""


POOLS = "choose from: A, B, m"
REFUSALS = [
    ({"model": "hohlraum"}, r"`model` must be a jumpsim\.Model, but is str"),
    ({"initial": None}, r"`initial` must be given: jumpsim\.Thermal"),
    ({"initial": {"A": 1, "B": 2}}, "must name every pool, but 'm' is missing"),
    ({"initial": {"A": 1, "B": 2, "m": 7}}, "'m' must be a whole number from 0 to 6, but is 7"),
    ({"initial": (1, 2)}, r"counts must have 3 entries \(A, B, m\)"),
    ({"initial": (1.5, 2, 3)}, "'A' must be a whole number from 0 to 2.53, but is 1.5"),
    ({"initial": js.Thermal(0.0)}, "must be > 0 for the bosonic pool 'A', but is 0.0"),
    ({"times": []}, "`times` must be a non-empty list of numbers"),
    ({"times": 3.0}, "`times` must be a list of times, but is 3.0"),
    ({"times": "1 us"}, "`times` must be a list of times, but is '1 us'"),
    ({"times": [[0.0, 1.0]]}, "`times` must be a non-empty list of numbers"),
    ({"times": [-1.0, 1.0]}, "`times` must be finite and ≥ 0"),
    ({"times": [0.0, float("nan")]}, "`times` must be finite"),
    ({"times": [0.0, 2.0, 2.0]}, r"times\[2\] = 2 s does not exceed times\[1\] = 2 s"),
    ({"times": [0.0, "3 MHz"]}, "`times` must be a time such as"),
    ({"ntraj": -1}, "`ntraj` must be a whole number .*, but is -1"),
    ({"ntraj": 2.5}, "`ntraj` must be a whole number .*, but is 2.5"),
    ({"ntraj": "x"}, "`ntraj` must be a whole number .*, but is 'x'"),
    ({"ntraj": True}, "`ntraj` must be a whole number .*, but is True"),
    ({"ntraj": 10**12}, r"`ntraj` = 1000000000000 .* \d+\.\d GB of memory.* `store="),
    ({"seed": -1}, "`seed` must be a whole number .*, but is -1"),
    ({"seed": 2**64}, "`seed` must be a whole number .*, but is 18446744073709551616"),
    ({"seed": "a"}, "`seed` must be a whole number .*, but is 'a'"),
    ({"seed": 1.5}, "`seed` must be a whole number .*, but is 1.5"),
    ({"record": "count"}, "`record`: unknown 'count'; did you mean 'counts'"),
    ({"record": ["counts", "event"]}, "`record`: unknown 'event'; did you mean 'events'"),
    ({"record": []}, "`record` must name one or several of counts, .*, moments, variances"),
    ({"workers": 0}, "`workers` must be a whole number .*, but is 0"),
    ({"executor": 4}, r"`executor` must be a concurrent\.futures\.Executor, but is int"),
    ({"timeout": -1}, "`timeout` must be a finite time ≥ 0, but is -1"),
    ({"timeout": "1 GHz"}, "`timeout` must be a time such as"),
    ({"target_sem": 0}, "`target_sem` must be a count > 0, but is 0"),
    ({"target_sem": float("nan")}, "`target_sem` must be a count > 0, but is nan"),
    ({"target_sem": {"C": 1.0}}, f"`target_sem`: unknown pool 'C'; {POOLS}"),
    ({"target_sem": {}}, "`target_sem`"),
    (
        {"target_sem": 1.0, "record": "jumps"},
        "`target_sem` needs counts, moments or variances, but the record is jumps",
    ),
    ({"max_events": 0}, "`max_events` must be a whole number .*, but is 0"),
    ({"block_size": 0}, "`block_size` must be a whole number .*, but is 0"),
]


@pytest.mark.parametrize(("options", "text"), REFUSALS, ids=lambda v: str(v)[:40])
def test_refusals(options, text):
    with pytest.raises(js.InputError, match=text) as caught:
        run(**{"timeout": 5} | options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("record", ["counts", "jumps", "events"])
def test_too_much_for_the_memory_is_refused(record):
    with pytest.raises(js.InputError, match="GB of memory"):
        run(10**12, record=record, timeout=0.2)


def test_what_was_not_kept_is_refused():
    sums = ("counts", "jumps")
    for record, others in [("counts", ("jumps",)), ("moments", sums), ("variances", sums)]:
        ensemble = run(3, record=record)
        for name in others:
            text = f'recorded with {record}; simulate with record="{name}" to have `{name}`'
            with pytest.raises(js.InputError, match=text):
                getattr(ensemble, name)
        with pytest.raises(js.InputError, match='record="events" to have `events`'):
            ensemble.events(0)
    with pytest.raises(js.InputError, match="`event_count` is not kept with variances alone"):
        _ = ensemble.event_count
    text = "covariances need counts or moments, but the record is variances"
    for refused in (
        ensemble.cov,
        lambda: ensemble.moments,
        lambda: js.thermo.of_averages(ensemble),
    ):
        with pytest.raises(js.InputError, match=text):
            refused()
    text = "averages need counts, moments or variances, but the record is jumps, events"
    with pytest.raises(js.InputError, match=text):
        run(3, record=["jumps", "events"]).mean()


def test_print_tells_the_facts(whole):
    text = str(whole)
    for fact in [
        "200 trajectories of open_waveguide",
        "A, B, m",
        "3 from 0 s to 1 s",
        "thermal, ħΩ/k_B T = 1.0, drawn for each trajectory",
        "counts (200, 3, 3)",
        "jumps (200, 3, 12)",
        f"{whole.n_events} times and channels",
        "seed      9",
        "all 200 trajectories are there",
        "in memory",
    ]:
        assert fact in text
    assert "200" in repr(whole)


def test_xarray_names_every_dimension(whole):
    xarray = pytest.importorskip("xarray")
    data = whole.to_xarray()
    assert isinstance(data, xarray.Dataset)
    assert data["counts"].dims == ("trajectory", "time", "pool")
    assert data["jumps"].dims == ("trajectory", "time", "channel")
    assert data["event_count"].dims == ("trajectory",)
    assert data["mean"].dims == ("time", "pool")
    assert data["covariance"].dims == ("time", "pool", "other_pool")
    assert data["variance"].dims == ("time", "pool")
    np.testing.assert_array_equal(data["variance"], whole.var())
    np.testing.assert_array_equal(data["covariance"], whole.cov())
    assert data["event_time"].dims == data["event_channel"].dims
    assert not any(name.startswith("dim_") for name in data.dims)
    np.testing.assert_array_equal(data["counts"].sel(pool="B"), whole.counts[:, :, 1])
    np.testing.assert_array_equal(data["time"], TIMES)
    assert data["channel"].values.tolist() == list(SMALL_WAVEGUIDE.channels)
    assert all({"units", "long_name"} <= set(data[name].attrs) for name in data.data_vars)


def test_only_pools_with_a_target_are_reported():
    model = js.systems.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    run = (model, [1e-6], 1000, js.Thermal(1.0), 1)
    ensemble = js.simulate(*run, target_sem={"m": 0.05})
    largest = float(ensemble.stop_reason.rsplit(" ", 1)[1])
    assert largest <= 0.05 < ensemble.sem().max()


@pytest.mark.parametrize("record", ["moments", "variances"])
def test_a_target_goes_on_from_stored_sums(record, tmp_path):
    model = LARGER_HOHLRAUM
    run = {"initial": {"N": 10, "m": 5}, "seed": 1, "record": record, "store": tmp_path / "a.h5"}
    js.simulate(model, [1.0], 1000, **run)
    ensemble = js.simulate(model, [1.0], 5000, **run, target_sem=0.05)
    assert ensemble.ntraj in (1024, 2048, 4096, 5000)
    assert ensemble.sem().max() <= 0.05


def test_events_of_a_row_that_is_not_there():
    model = LARGER_HOHLRAUM
    ensemble = js.simulate(model, [1.0], 5, {"N": 10, "m": 5}, 1, "events")
    for row in (5, -6, "a", True, 1.0):
        with pytest.raises(js.InputError, match="`i` must be a row from -5 to 4"):
            ensemble.events(row)
    assert np.array_equal(ensemble.events(-1)[0], ensemble.events(4)[0])


def test_a_truth_value_is_not_a_count():
    model = LARGER_HOHLRAUM
    with pytest.raises(js.InputError, match="counts must be numbers"):
        js.simulate(model, [1.0], 5, {"N": True, "m": 5}, 1)
