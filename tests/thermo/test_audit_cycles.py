"""Cycles, small cycles and reduced copies of the audit, against dense algebra."""

import math

import numpy as np
import pytest
from support.networks import random_model, random_pool

import jumpsim as js
from jumpsim.model.initial import Thermal
from jumpsim.theory.exponential_average import mean_production
from jumpsim.theory.stationary import stationary
from jumpsim.thermo.second_law.equilibria import imbalance
from jumpsim.thermo.second_law.kolmogorov import kolmogorov, reduced_copy
from jumpsim.thermo.second_law.small_cycles import closure, random_states

s = js.systems
CHIRAL = {"gamma_tilde": (1e7, 0), "gamma_tilde_wg": (1e7, 0)}
RECIPROCAL = {"gamma_tilde": (1e7, 1e7), "gamma_tilde_wg": (1e7, 1e7)}
OPEN = {"tls": 100, "modes": 100, "gamma_dec": 1e4, "gamma_0": 1e4}
CLOSED = {**OPEN, "modes_wg": 100, "gamma_3": 1e4}
START = Thermal(1.0)


def cycle_affinity(model, cycle):
    """Affinity of a printed cycle, from the model's own rates: each channel and its reverse."""
    total = 0.0
    for name, before, after in zip(
        cycle.channels, cycle.states, [*cycle.states[1:], cycle.states[0]], strict=True
    ):
        c = model.channels.index(name)
        assert tuple(np.add(before, model.changes[c])) == after
        forward, back = model.rates(before)[c], model.channel_specs[c].reverse
        reverse = model.rates(after)[model.channels.index(back)] if back else 0.0
        assert forward > 0
        total += math.log(forward / reverse) if reverse else math.inf
    return total


def test_cycles_do_not_balance_indeed():
    for model in (
        s.open_waveguide(**OPEN, **CHIRAL),
        s.closed_waveguide(**CLOSED, **CHIRAL),
        s.closed_waveguide(**CLOSED, **RECIPROCAL),
    ):
        inside = [k for k, c in enumerate(model.channel_specs) if c.bath is None]
        found = kolmogorov(model, inside).cycle
        copy, _ = reduced_copy(model)
        # Within the system alone: the losses of the open one do not count.
        internal = js.Model(copy.pool_specs, [copy.channel_specs[k] for k in inside])
        affinity = cycle_affinity(internal, found)
        assert affinity == pytest.approx(found.affinity, rel=1e-6)
        assert affinity > 1e-6


def product_law_is_balanced(model, channels, states):
    """Whether some weights balance every channel with its reverse: least squares on ln P."""
    index = {tuple(x): k for k, x in enumerate(states.tolist())}
    rows, values = [], []
    for x, k in index.items():
        for c in channels:
            y = tuple(np.add(x, model.changes[c]).tolist())
            rate = model.rates(x)[c]
            if y not in index or rate == 0:
                continue
            back = model.channel_specs[c].reverse
            reverse = model.rates(y)[model.channels.index(back)] if back else 0.0
            if reverse == 0:
                return False
            row = np.zeros(len(index))
            row[index[y]] += 1
            row[k] -= 1
            rows.append(row)
            values.append(math.log(rate / reverse))
    if not rows:
        return True
    rows, values = np.array(rows), np.array(values)
    solution = np.linalg.lstsq(rows, values, rcond=None)[0]
    return bool(np.abs(rows @ solution - values).max() < 1e-6)


def bathed_model(rng, kinds=("bosonic", "tls", "fermionic"), still=0.5):
    """Random network whose steps each couple to one to three baths, at equal temperatures or not.

    With the probability `still` it has an event that changes no count, balanced or not.
    """
    kinds = rng.choice(kinds, size=rng.integers(1, 4))
    pools = [random_pool(f"{kind[0]}{p}", str(kind), rng) for p, kind in enumerate(kinds)]
    equal, channels = rng.random() < 0.5, []
    exchange = js.Channel.reversible
    for pool in pools:
        for bath in range(rng.integers(1, 4)):
            x = 0.7 if equal else float(rng.uniform(0.2, 1.5))
            up, down = np.exp(-x * pool.energy) * np.array([1, np.exp(x * pool.energy)])
            factor = float(10 ** rng.uniform(-1, 1))
            channels += exchange(
                f"{pool.name} in {bath}", f"{pool.name} out {bath}", factor * up, {},
                {pool.name: 1}, reverse_rate=factor * down, bath=f"bath {bath}",
            )  # fmt: skip
    if rng.random() < still:
        channels += exchange("here", "there", 2.0, {}, {}, reverse_rate=2.0 if equal else 3.0)
    return js.Model(pools, channels)


@pytest.mark.parametrize("maker", [random_model, bathed_model])
def test_random_networks_against_least_squares(maker):
    answers = []
    for seed in range(60):
        rng = np.random.default_rng([100, seed])
        model = maker(rng)
        every = [k for k, constant in enumerate(model.table.constants) if constant > 0]
        copy, states = reduced_copy(model, 60)
        found = kolmogorov(model, every, 60)
        assert found.states == len(states) <= 60
        expected = product_law_is_balanced(copy, every, states)
        assert found.holds == expected
        answers.append(expected)
        if found.cycle is not None:
            assert cycle_affinity(copy, found.cycle) == pytest.approx(found.cycle.affinity)
    assert 5 < sum(answers) < 55


def test_entropy_production_of_random_networks_against_dense_algebra():
    """Σ p w ln(w/w_reverse) over channels, from a null vector of a dense generator."""
    for seed in range(40):
        rng = np.random.default_rng([101, seed])
        model, states = reduced_copy(bathed_model(rng, ("tls", "fermionic")), 60)
        index = {tuple(x): k for k, x in enumerate(states.tolist())}
        generator = np.zeros((len(index),) * 2)
        edges = []
        for x, k in index.items():
            for c, rate in enumerate(model.rates(x)):
                y = index.get(tuple(np.add(x, model.changes[c]).tolist()))
                if y is not None and rate > 0:
                    generator[y, k] += rate
                    generator[k, k] -= rate
                    back = model.channels.index(model.channel_specs[c].reverse)
                    edges.append((k, rate, model.rates(states[y])[back]))
        weights = np.linalg.svd(generator)[2][-1]
        weights /= weights.sum()
        expected = sum(weights[k] * w * math.log(w / back) for k, w, back in edges)
        steady = stationary(model, js.Fixed(dict.fromkeys(model.pools, 0)))
        found = mean_production(steady.space, steady.probabilities)
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_a_square_that_does_not_close():
    """Emission passes through W, absorption does not; W itself comes and goes."""
    model = js.Model(
        [js.Pool.bosonic("N", 5), js.Pool.bosonic("W", 4), js.Pool.tls("m", 60)],
        [
            js.Channel("emit", 1.0, {"m": 1}, {"N": 1}, {"W": 1}, reverse="absorb"),
            js.Channel("absorb", 1.0, {"N": 1}, {"m": 1}, reverse="emit"),
            *js.Channel.reversible("W out", "W in", 2.0, {"W": 1}, {}, reverse_rate=1.0),
        ],
    )
    states = np.array([[10, 4, 30]])
    found = closure(model, range(4), states)
    # ln of (1 + n_W) one photon up or down, from n_W = 1.
    assert found.largest == pytest.approx(math.log(2 / 1.75), rel=1e-9)
    assert not kolmogorov(model, range(4)).holds


def test_disturbance_of_the_thermal_law():
    states = np.array([[3, 2], [0, 4], [7, 0]])
    assert imbalance(s.hohlraum(5, 2.5, 1.0), 0.7, states) < 1e-13
    one_way = js.Model(
        [js.Pool.bosonic("N", 2.5), js.Pool.tls("m", 5)],
        [js.Channel("emission", 1.0, {"m": 1}, {"N": 1})],
    )
    assert imbalance(one_way, 0.7, states) > 0.1


def test_closures_at_random_states():
    chiral = s.closed_waveguide(**CLOSED, **CHIRAL)
    every = [k for k, constant in enumerate(chiral.table.constants) if constant > 0]
    states = random_states(chiral, Thermal(1.0).mean(chiral))
    assert states.shape == (50, 5)
    assert (states >= 0).all()
    assert (states[:, 4] <= 100).all()
    small = closure(chiral, every, states)
    assert set(small.one_way) == {"absorb A via 1", "emit B via 1"}
    assert small.largest > 0.1
    balanced = s.closed_waveguide(**CLOSED, **CHIRAL, long_path=True)
    every = [k for k, constant in enumerate(balanced.table.constants) if constant > 0]
    found = closure(balanced, every, states)
    assert found.one_way == ()
    assert found.cycles > 5000
    assert found.largest < 1e-12


def test_reduced_copies():
    copy, states = reduced_copy(s.closed_waveguide(**CLOSED, **CHIRAL))
    assert len(states) == 6**5
    assert states.max() == 5
    assert copy.pool("m").size == 5
    copy, states = reduced_copy(s.hohlraum(2, 1e6, 1.0))
    assert copy.pool("m").size == 2
    assert len(states) == 3 * 3333
    pools = [js.Pool.fermionic(f"f{k}") for k in range(20)]
    many = js.Model(pools, [js.Channel("in", 1.0, {}, {"f0": 1})])
    with pytest.raises(js.InputError, match=r"too many pools for an audit: .* 2\^20 states"):
        reduced_copy(many)
