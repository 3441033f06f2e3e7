"""Many pools and huge counts in analyses and figures."""

import io
import itertools
import warnings

import pytest

import jumpsim as js


def test_many_pools_and_pools_that_start_in_the_target():
    """Figures show the first pools; no warning; what is undefined is said, the rest printed."""
    names = [f"s{k}" for k in range(40)]
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    ring = js.Model(
        [js.Pool.fermionic(name) for name in names],
        [js.Channel(f"{a} to {b}", 1.0, {a: 1}, {b: 1}) for a, b in pairs],
    )
    start = {name: int(name == "s0") for name in names}
    run = js.simulate(ring, [0.0, 1.0], 64, start, 1, ["counts", "events"], progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for result in (js.compare(run), js.typicality_study([js.typicality(run)])):
            name = "compare" if "Comparison" in type(result).__name__ else "typicality"
            getattr(js.plotting, name)(result).savefig(io.BytesIO())
    at_once = js.first_passages(run, "s0 = 1")
    assert at_once.mean == (0.0, 0.0)
    assert at_once.exact.survival[0] == 0.0
    study = js.typicality_study([js.typicality(_exchange())])
    assert "no signs of the entropy production: the entropy of pool 'X' is not" in str(study)


def _exchange():
    """Twenty trajectories of 3·10⁹ quanta, of which a few change."""
    swap = js.Channel.reversible("xy", "yx", 1e-9, {"X": 1}, {"Y": 1}, reverse_rate=1.0)
    model = js.Model([js.Pool.mass_action("X"), js.Pool.mass_action("Y")], swap)
    start = {"X": 3_000_000_000, "Y": 0}
    return js.simulate(model, [0.0, 0.5], 64, start, 1, ["counts", "events"], progress=False)


def test_distribution_of_huge_counts():
    found = js.distribution(_exchange(), "X", 0.5)
    assert found.observed.sum() == pytest.approx(1.0)
    assert found.counts[-1] <= 3_000_000_000
    assert "more than 20000 states" in found.no_exact


def test_without_linear_noise_the_rest_of_an_analysis_is_printed():
    """A stiff chain of 80 pools, for which linear noise is refused."""
    names = [f"x{k}" for k in range(80)]
    channels = [
        channel
        for k, (a, b) in enumerate(itertools.pairwise(names))
        for channel in js.Channel.reversible(
            f"{a} on", f"{a} back", 10.0 ** (k % 9), {a: 1}, {b: 1}, reverse_rate=10.0 ** (k % 7)
        )
    ]
    model = js.Model([js.Pool.mass_action(name) for name in names], channels)
    start = {name: 50 * (name == "x0") for name in names}
    run = js.simulate(model, [0.0, 1e-3], 64, start, 1, ["counts"], progress=False)
    compared, cumulants = js.compare(run), js.fluctuations(run)
    study = js.typicality_study([js.typicality(run)])
    assert compared.noise is cumulants.noise is study.tail is None
    for result in (compared, cumulants, study):
        assert "linear noise of model with 80 pools up to 0.001 s would take" in str(result)
    assert "(40 of 3160)" in str(cumulants)
    for name, result in (("compare", compared), ("fluctuations", cumulants)):
        getattr(js.plotting, name)(result)
