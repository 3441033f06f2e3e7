"""The second-law audit: verdicts on systems whose answer is known, and on random networks."""

import math

import numpy as np
import pytest

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.model.initial import Thermal

s = js.systems
CHIRAL = {"gamma_tilde": (1e7, 0), "gamma_tilde_wg": (1e7, 0)}
RECIPROCAL = {"gamma_tilde": (1e7, 1e7), "gamma_tilde_wg": (1e7, 1e7)}
OPEN = {"tls": 100, "modes": 100, "gamma_dec": 1e4, "gamma_0": 1e4}
CLOSED = {**OPEN, "modes_wg": 100, "gamma_3": 1e4}
START = Thermal(1.0)


def judged(model, start=START):
    return js.audit(model, start)


@pytest.mark.parametrize(
    "model",
    [
        s.hohlraum(100, 100, 1e6),
        s.hohlraum([20, 30], 12.5, [1e6, 3e5]),
        s.embedded_cavity(100, 50, 100, 1e4, 1e5, 1e3),
        s.closed_waveguide(**CLOSED, **CHIRAL, long_path=True),
        s.closed_waveguide(**CLOSED, **RECIPROCAL, long_path=True),
    ],
    ids=lambda m: m.name,
)
def test_balanced(model):
    found = judged(model)
    assert found.balanced
    assert found.small_inside.closes
    assert found.small_inside.cycles > 40
    assert found.cycle is None
    assert found.equilibria == ("every", "every")
    assert found.negative_intervals == []
    assert not any(found.first_law.values())
    assert found.verdict == ("detailed balance holds; from this start σ(t) is never negative")
    assert found.inside.states <= 10_000
    assert f"{found.inside.states} states of a reduced copy" in str(found)


def test_open_chiral():
    found = judged(s.open_waveguide(**OPEN, **CHIRAL))
    assert not found.balanced
    assert not found.balanced_inside
    assert sorted(found.cycle.channels) == ["absorb A via 1", "emit B via 1", "transfer B→A"]
    assert found.cycle.affinity == math.inf
    assert found.equilibria == ("only T = 0", "only T = 0")
    (interval,) = found.negative_intervals
    assert interval == (0.0, pytest.approx(0.7512e-6, abs=2e-10))
    text = str(found)
    assert "absorb A via 1  emit A via 2 (rate 0)" in text
    assert "loss A via 1    none" in text
    assert (
        "detailed balance is BROKEN within the system; σ(t) is NEGATIVE from 0 to 0.7512 µs" in text
    )
    change = found.entropy_change
    assert change == pytest.approx(found.heat_entropy + found.produced, rel=1e-5)
    assert found.produced < 0


def test_clausius_balance_up_to_the_crossing():
    """∫σ dt of BM Fig. 4 up to its zero, by an independent sum."""
    model = s.open_waveguide(**OPEN, **CHIRAL)
    found = js.audit(model, START, times=["0.7512 us"])
    grid = np.linspace(0, 0.7512e-6, 4001)
    counts = js.mean_field(model, grid, START).counts
    sigma = js.thermo.entropy_production(model, counts).total
    assert found.produced == pytest.approx((sigma[1:] + sigma[:-1]).sum() / 2 * grid[1], rel=1e-5)
    assert found.produced == pytest.approx(-52.7, abs=0.5)
    entropies = js.thermo.entropies(model, counts).sum(axis=1)
    assert found.entropy_change == pytest.approx(entropies[-1] - entropies[0], rel=1e-9)


def test_closed_chiral():
    found = judged(s.closed_waveguide(**CLOSED, **CHIRAL))
    assert not found.balanced
    assert found.cycle.affinity == math.inf
    assert found.negative_intervals[0][0] == 0
    assert found.heat_entropy == 0
    assert found.produced == pytest.approx(-188.57, abs=0.01)
    assert found.entropy_change < 0
    assert abs(found.sigma[-1]) < 1e-6 * abs(found.sigma.min())


def test_open_reciprocal_is_balanced_apart_from_its_losses():
    found = judged(s.open_waveguide(**OPEN, **RECIPROCAL))
    assert not found.balanced
    assert found.balanced_inside
    assert found.inside.holds
    assert len(found.losses) == 6
    assert found.verdict.startswith("detailed balance holds apart from its losses; from this start")
    assert found.negative_intervals == []


def test_warm_ends():
    x = math.log(1.5 / 0.5)
    same = judged(s.open_waveguide(**OPEN, **RECIPROCAL, n_env=(0.5, 0.5)))
    assert same.balanced
    assert same.equilibria == (f"ħΩ/k_B T = {x:.6g}",) * 2
    different = judged(s.open_waveguide(**OPEN, **RECIPROCAL, n_env=(0.5, 0.2)))
    assert not different.balanced
    # Second order carries 1 + n_r of the channel it passes: forth by 1, back by 2.
    assert not different.balanced_inside
    assert different.equilibria[0] == "none"


def test_reciprocal_loop_is_not_balanced_in_second_order():
    """Forward and reverse pass through different channels; the rate equations do not see it."""
    found = judged(s.closed_waveguide(**CLOSED, **RECIPROCAL))
    assert not found.balanced
    assert 0 < found.cycle.affinity < 1
    assert not found.small_inside.closes
    assert found.equilibria == ("only T = 0", "every")
    from_elsewhere = judged(
        s.closed_waveguide(**CLOSED, **RECIPROCAL),
        Thermal({"A": 0.5, "B": 0.5, "1": 0.4, "2": 3.0, "m": 1.0}),
    )
    assert not from_elsewhere.balanced


def two_baths(hot=2.0, cold=0.5, size=1):
    """Two-level systems between two baths, with the rates of golden-rule exchange with light."""
    channels = []
    for name, temperature in (("hot", hot), ("cold", cold)):
        n = 1 / math.expm1(1 / temperature)
        channels += js.Channel.reversible(
            f"up {name}", f"down {name}", n, {}, {"m": 1}, reverse_rate=1 + n, bath=name
        )
    return js.Model([js.Pool.tls("m", size)], channels)


def test_two_baths():
    """Two states: everything by hand."""
    model = two_baths()
    n_h, n_c = 1 / math.expm1(0.5), 1 / math.expm1(2.0)
    p = (n_h + n_c) / (2 * (n_h + n_c) + 2)
    current = n_h * (1 - p) - (1 + n_h) * p  # quanta per second from hot to cold
    expected = current * (1 / 0.5 - 1 / 2.0)
    assert expected == pytest.approx(0.385, abs=5e-4)
    found = judged(model, {"m": 0})
    assert not found.balanced
    assert found.cycle.channels == ("up hot", "down cold")
    assert found.cycle.affinity == pytest.approx(1 / 0.5 - 1 / 2.0)
    assert found.small_with_baths.largest == pytest.approx(1 / 0.5 - 1 / 2.0)
    assert found.small_with_baths.one_way == ()
    assert sum(found.bath_production.values()) == pytest.approx(expected, rel=1e-4)
    assert found.verdict.startswith(
        "detailed balance holds apart from its baths, which are not in equilibrium; no event "
        "within the system produces entropy; the exchange with baths produces 0.385 k_B/s"
    )
    flow = js.thermo.entropy_production(model, [p])
    assert flow.everything == pytest.approx(expected)
    assert flow.total == 0
    assert flow.system == pytest.approx(0, abs=1e-12)
    equal = judged(two_baths(1.3, 1.3), {"m": 0})
    assert equal.balanced
    assert sum(equal.bath_production.values()) == pytest.approx(0, abs=1e-7)


def test_an_event_that_changes_no_count_is_a_cycle():
    """A photon that is scattered from a hot to a cold bath."""
    for back, holds in ((2.0, True), (0.5, False)):
        model = js.Model(
            [js.Pool.tls("m", 4)],
            [
                *js.Channel.reversible("in", "out", 1.0, {}, {"m": 1}, bath="end"),
                *js.Channel.reversible("to", "fro", 2.0, {}, {}, reverse_rate=back, bath="end"),
            ],
        )
        found = judged(model, {"m": 1})
        assert found.balanced == holds
        if not holds:
            assert found.cycle.channels == ("to",)
            assert found.cycle.affinity == pytest.approx(math.log(4))


def test_channels_that_are_not_declared_as_reverses():
    model = js.Model(
        [js.Pool.tls("m", 4)],
        [js.Channel("in", 1.0, {}, {"m": 1}, bath="a"), js.Channel("out", 1.0, {"m": 1}, bath="a")],
    )
    found = judged(model, {"m": 1})
    assert not found.balanced
    assert found.verdict.startswith(
        "detailed balance is not decided: 'in' and 'out' undo each other, but are not declared as "
        "the `reverse` of each other"
    )


def test_pairs_are_counted_one_by_one():
    """Two ways up and down that balance together, but not one by one."""
    up, down = ({"N": 1}, {"m": 1}), ({"m": 1}, {"N": 1})
    model = js.Model(
        [js.Pool.bosonic("N", 5), js.Pool.tls("m", 6)],
        [
            *js.Channel.reversible("up 1", "down 1", 1.0, *up, reverse_rate=2.0),
            *js.Channel.reversible("up 2", "down 2", 3.0, *up, reverse_rate=2.0),
        ],
    )
    assert model.channel("down 1").takes == down[0]
    found = judged(model, {"N": 20, "m": 3})
    assert not found.balanced_inside
    assert found.cycle.affinity == pytest.approx(math.log(3), rel=1e-9)
    assert len(found.cycle.channels) == 2
    assert found.small_inside.largest == pytest.approx(math.log(3), rel=1e-9)
    assert "detailed balance is BROKEN within the system" in str(found)


def test_first_law():
    model = js.Model(
        [js.Pool.bosonic("N", 5, energy=1.0), js.Pool.tls("m", 6, energy=1.5)],
        [
            *js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1}),
            js.Channel("loss", 1.0, {"m": 1}, bath="cold"),
        ],
    )
    found = judged(model, {"N": 20, "m": 3})
    assert found.first_law == {"up": 0.5, "down": -0.5, "loss": 0.0}
    text = str(found)
    assert "first law" in text
    assert "VIOLATED" in text
    assert "+0.5 ħΩ" in text


def loop_of_three(excess):
    """Three reservoirs whose constants multiply up to 1 + excess round the loop."""
    names = ("A", "B", "C")
    channels = []
    for k, (p, q) in enumerate(zip(names, ("B", "C", "A"), strict=True)):
        rate = 1.0 + excess if k == 0 else 1.0
        channels += [
            *js.Channel.reversible(f"{p}→{q}", f"{q}→{p}", rate, {p: 1}, {q: 1}, reverse_rate=1.0),
        ]
    return js.Model([js.Pool.bosonic(n, 3) for n in names], channels)


@pytest.mark.parametrize("excess", [1e-6, 0.3])
def test_however_little_it_is_broken(excess):
    found = judged(loop_of_three(excess), (5, 4, 3))
    assert not found.balanced
    assert len(found.cycle.channels) == 3
    assert found.cycle.affinity == pytest.approx(math.log1p(excess), rel=1e-5)
    assert found.small_inside.largest == pytest.approx(math.log1p(excess), rel=1e-5)
    assert judged(loop_of_three(0.0), (5, 4, 3)).balanced


def test_equilibria_of_a_large_system():
    """Entropies of 10¹² modes differ by less than their rounding errors."""
    model = s.hohlraum(10**12, 10**12, 1.0)
    found = js.audit(model, {"N": 10**12, "m": 10**11}, [1.0])
    assert found.equilibria == ("every", "every")
    assert found.balanced


def test_mass_action_has_no_sigma():
    X = js.Pool.mass_action("X")
    model = js.Model(
        [X],
        [
            *js.Channel.reversible("birth", "death", 3.0, {}, {"X": 1}, reverse_rate=1.0),
        ],
    )
    found = judged(model, (2,))
    assert found.balanced
    assert np.isnan(found.sigma).all()
    assert found.verdict == "detailed balance holds; σ(t) is not defined (mass action)"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({"A": 1, "B": 2},), "'m' is missing"),
        ((START, [0]), "`times` must reach beyond t = 0"),
        ((START, "1 us"), "`times` must be a list of times"),
    ],
)
def test_refused(arguments, match):
    with pytest.raises(js.InputError, match=match):
        js.audit(s.open_waveguide(**OPEN, **CHIRAL), *arguments)


def test_nothing_that_relaxes():
    with pytest.raises(js.InputError, match="state has no relaxation time; give `times`"):
        js.audit(s.hohlraum(5, 5, 0), (1, 1))
    assert js.audit(s.hohlraum(5, 5, 0), (1, 1), [1]).balanced


def test_on_the_command_line(capsys, tmp_path):
    assert main(["audit", "data/open_waveguide.toml", "--until", "1 us"]) == 0
    captured = capsys.readouterr()
    assert "σ(t) is NEGATIVE from 0 to 0.7512 µs" in captured.out
    assert "k_B up to 1 µs, of which" in captured.out
    assert "Δ = 1.571e+06 /s is NOT much larger than the linewidth 1e+07 /s" in captured.out
    assert captured.err == ""
    out = tmp_path / "out.h5"
    assert main(["run", "data/hohlraum.toml", "-o", str(out), "-n", "3", "-q"]) == 0
    capsys.readouterr()
    assert main(["audit", str(out)]) == 0
    assert "verdict                   detailed balance holds" in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
