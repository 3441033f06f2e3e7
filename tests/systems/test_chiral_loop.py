"""Loops are recognised by what their channels do, not by how they are called."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.model.stoichiometry import Quanta
from jumpsim.systems.chiral_loop import chiral_loop

RATES = (2.0, 0.5)


def waveguide(**more):
    pairs = [RATES, RATES]
    return js.systems.closed_waveguide([20, 30], 20, 20, 1.0, 1.0, 1.0, pairs, pairs, **more)


def renamed(model):
    """The same model with other names for its pools, channels and itself."""
    pools = {name: f"pool{k}" for k, name in enumerate(model.pools)}
    channels = {name: f"event {k}" for k, name in enumerate(model.channels)}

    def moved(quanta: Quanta):
        return {pools[name]: number for name, number in quanta.items()}

    return js.Model(
        [js.Pool(pools[p.name], p.kind, p.size, p.energy) for p in model.pool_specs],
        [
            js.Channel(
                channels[c.name], c.rate, moved(c.takes), moved(c.gives), moved(c.through),
                channels[c.reverse],
            )
            for c in model.channel_specs
        ],
        name="declared by the user",
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::jumpsim.PhysicsWarning")
def test_reservoirs_and_asymmetry():
    assert chiral_loop(waveguide()) == ("A", "B", 0.25)
    assert chiral_loop(renamed(waveguide())) == ("pool0", "pool1", 0.25)
    assert chiral_loop(waveguide(long_path=True)).asymmetry == 1  # reciprocal


@pytest.mark.filterwarnings("ignore::jumpsim.PhysicsWarning")
def test_a_loop_of_the_user_from_a_file(tmp_path):
    """The analysis of a stored run of a user's own model is that of the ready-made one."""
    times, start = np.linspace(0, 2, 5), (20, 20, 10, 10, 10, 15)
    stored = []
    for k, model in enumerate((waveguide(), renamed(waveguide()))):
        path = tmp_path / f"{k}.h5"
        js.simulate(model, times, 40, start, 1, store=path)
        stored.append(js.open(path))
    with pytest.raises(js.InputError, match="not stationary: N_pool1 - N_pool0 changes"):
        js.sorting(js.simulate(renamed(waveguide()), times, 40, (60, 0, 0, 0, 10, 15), 1), 0.0)
    first, second = (js.sorting(run, 1.0) for run in stored)
    assert second.loop == ("pool0", "pool1", 0.25)
    np.testing.assert_array_equal(first.counts, second.counts)
    assert (first.deficit, first.expected) == (second.deficit, second.expected)
    assert "⟨N_pool1-N_pool0⟩" in str(second)


@pytest.mark.filterwarnings("ignore::jumpsim.PhysicsWarning")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (js.systems.hohlraum(5, 5, 1.0), "from no reservoir by way of another mode"),
        (js.systems.embedded_cavity(5, 5, 5, 1.0, 1.0, 1.0), "from A alone by way"),
        (
            js.systems.closed_waveguide(5, 5, 5, 1.0, 1.0, 1.0, (0, 1.0), (0, 1.0)),
            "absorption from A are 0",
        ),
    ],
)
def test_what_is_no_loop(model, reason):
    with pytest.raises(js.InputError, match=reason):
        chiral_loop(model)
