"""The declaration: its table, its dict, what it refuses, what it conserves, and its large limit."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from support.networks import random_counts, random_model

from jumpsim import Channel, InputError, Model, Pool
from jumpsim.systems import hohlraum, open_waveguide

A, B, m = Pool.bosonic("A", 10), Pool.bosonic("B", 2.5), Pool.tls("m", 5)
f, P, P2 = Pool.fermionic("f"), Pool.mass_action("P"), Pool.mass_action("P2")


def published(size=100):
    return open_waveguide(
        size, size, "10 kHz", "10 kHz", ("10 MHz", 0), ("10 MHz", 0), wavelength="10 um"
    )


def dimerisation():
    return Model(
        [P, P2],
        [
            *Channel.reversible("dimerise", "split", 3, {"P": 2}, {"P2": 1}, reverse_rate=5),
        ],
        name="dimerisation",
    )


def networks(count, **kwargs):
    return [random_model(np.random.default_rng([70, seed]), **kwargs) for seed in range(count)]


def test_names_in_order():
    model = published()
    assert model.pools == ("A", "B", "m")
    assert model.channels[4:8] == (
        *("transfer A→B", "transfer B→A"),
        *("absorb A via 1", "emit B via 1"),
    )
    assert model.pool("B") is model.pool_specs[1]
    assert model.channel("emit B via 1").reverse == "absorb B via 2"
    assert [p.capacity for p in (A, m, f, P)] == [None, 5, 1, None]


def test_printed_table():
    lines = str(published()).splitlines()
    assert lines[0] == "open_waveguide: 3 pools, 12 channels, wavelength 10 µm"
    for line in (
        "pool  kind          size  energy/ħΩ",
        "A     bosonic  100 modes          1",
        "m     tls            100          1",
        "channel         event  constant (1/s)  factors      reverse         bath",
        "loss A via 1    A → ·           1e+06  n_A          -               end 1",
        "transfer A→B    A → B           1e+06  n_A (1+n_B)  transfer B→A    -",
        "absorb A via 1  A → m           1e+07  n_A (100-m)  emit A via 2    -",
        "emit B via 1    m → B           1e+07  m (1+n_B)    absorb B via 2  -",
        "absorb B via 2  B → m               0  n_B (100-m)  emit B via 1    -",
        "loss m via 1    m → ·           1e+07  m            -               end 1",
        "conserved: nothing",
    ):
        assert line in lines
    assert str(hohlraum(7, 5, 1)).splitlines()[-2:] == ["conserved: N + m", "method: direct"]


def test_printed_factors_of_several_quanta():
    model = Model(
        [A, B, m, P],
        [
            Channel("c", 1, {"A": 2, "P": 2}, {"m": 2}, {"B": 2}),
            Channel("d", 1, {"m": 2}, {"B": 2}),
            Channel("e", 1),
        ],
    )
    rows = {line.split("  ")[0]: line for line in str(model).splitlines()}
    assert "2 A + 2 P → 2 m" in rows["c"]
    assert "n_A (n_A-1/𝒩) P (P-1) /2! (5-m) (4-m) (1+n_B) (1+n_B)" in rows["c"]
    assert "m (m-1) (1+n_B) (1+n_B+1/𝒩)" in rows["d"]
    assert "· → ·" in rows["e"]


def test_dict_round_trip_through_json():
    for model in (published(), hohlraum(3, 2.5, 1 / 3), dimerisation(), *networks(40)):
        again = Model.fromdict(json.loads(json.dumps(model.asdict(), allow_nan=False)))
        assert again == model
        assert again.name == model.name
        assert again.asdict() == model.asdict()
        assert str(again) == str(model)


@pytest.mark.parametrize("data", [None, [], {}, {"pools": 3}, {"pools": [{"nam": "A"}]}])
def test_foreign_dicts_are_refused(data):
    with pytest.raises(InputError, match="not the dict of a model"):
        Model.fromdict(data)


def test_a_dict_is_checked_again():
    data = published().asdict()
    data["channels"][0]["takes"] = {"A": -1}
    with pytest.raises(InputError, match=r"takes\['A'\] of channel 'loss A via 1'"):
        Model.fromdict(data)


def test_copies_are_equal():
    for model in (published(), *networks(10)):
        expected = model.rates(random_counts(model, np.random.default_rng(71)))
        for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert again == model
            assert hash(again) == hash(model)
            counts = random_counts(again, np.random.default_rng(71))
            np.testing.assert_array_equal(again.rates(counts), expected)


def test_equality():
    assert published() == published()
    assert published(10) != published()
    pools, channel = [A, P, P2], Channel("c", 1, {"P": 1, "A": 1}, {"P2": 1})
    model = Model(pools, [channel], "one name", 1e-5)
    # The order inside a channel and the name of the system say nothing about its physics.
    same = Model(tuple(pools), (Channel("c", 1.0, {"A": 1, "P": 1.0}, {"P2": 1}),), "other", 1e-5)
    assert model == same
    assert hash(model) == hash(same)
    for other in (
        Model(pools, [channel], "one name", 2e-5),
        Model(pools, [channel], "one name"),
        Model([A, P2, P], [channel], "one name", 1e-5),
        Model(pools, [Channel("c", 2, {"P": 1, "A": 1}, {"P2": 1})], "one name", 1e-5),
        Model(pools, [Channel("c", 1, {"P": 1, "A": 2}, {"P2": 1})], "one name", 1e-5),
    ):
        assert model != other


def test_nothing_can_be_set():
    model = published()
    for thing, attribute in ((model, "name"), (A, "size"), (model.channel_specs[0], "rate")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, attribute, 3)
    with pytest.raises(TypeError):
        model.channel_specs[0].takes["A"] = 2
    model.changes[:] = 7  # a copy
    assert model.changes.max() == 1
    takes = {"A": 1}
    channel = Channel("c", 1, takes)
    takes["A"] = 2  # the caller's own dict
    assert channel.takes == {"A": 1}


def test_counts_in_any_form():
    model = published()
    assert model.as_counts({"m": 3, "A": 1, "B": 2.5}).tolist() == [1, 2.5, 3]
    whole = model.as_counts([[[1.0, 2.0, 3.0]]], whole=True)
    assert whole.dtype == np.int64
    assert whole.tolist() == [[[1, 2, 3]]]


def test_conserved_totals():
    assert hohlraum(7, 2.5, 1).conserved == ({"N": 1, "m": 1},)
    assert published().conserved == ()
    assert dimerisation().conserved == ({"P": 2, "P2": 4},) or dimerisation().conserved == (
        {"P": 1, "P2": 2},
    )
    two = Model(
        [A, m, P, P2],
        [Channel("emit", 1, {"m": 1}, {"A": 1}), Channel("dimerise", 1, {"P": 2}, {"P2": 1})],
    )
    assert [set(total) for total in two.conserved] == [{"A", "m"}, {"P", "P2"}]


def test_a_channel_that_cannot_fire_breaks_no_total():
    for rate, expected in ((0, ({"A": 1, "m": 1},)), (1e-9, ())):
        channels = [Channel("emit", 1, {"m": 1}, {"A": 1}), Channel("loss", rate, {"A": 1})]
        assert Model([A, m], channels).conserved == expected
    assert Model([A, m], [Channel("loss", 0, {"A": 1})]).conserved == ({"A": 1}, {"m": 1})


def test_conserved_totals_of_any_network():
    for model in networks(150):
        changes = model.changes[model.table.constants > 0]
        vectors = np.array([[t.get(p, 0) for p in model.pools] for t in model.conserved])
        vectors = vectors.reshape(-1, len(model.pools))
        assert not (changes @ vectors.T).any()
        rank = np.linalg.matrix_rank(changes) if len(changes) else 0
        assert len(vectors) == len(model.pools) - rank
        assert len(vectors) == 0 or np.linalg.matrix_rank(vectors) == len(vectors)


@pytest.mark.parametrize("factor", [2, 10, 1000])
def test_scaled_rates_grow_as_the_system(factor):
    for model in (
        published(),
        dimerisation(),
        *networks(40, kinds=("bosonic", "tls", "mass_action")),
    ):
        large = model.scaled(factor)
        counts = random_counts(model, np.random.default_rng(72), (20,))
        np.testing.assert_allclose(
            large.table.mean_rates(counts * float(factor)),
            factor * model.table.mean_rates(counts),
            rtol=1e-12,
        )
        assert large.changes.tolist() == model.changes.tolist()
        assert (large.pools, large.channels) == (model.pools, model.channels)
        assert (large.name, large.wavelength) == (model.name, model.wavelength)


def test_scaled_catalogue():
    assert published().scaled(10) == published(1000)
    assert published().scaled(1) == published()
    assert published().scaled(1.1) == published(110)  # 100 × 1.1 is 110.00000000000001
    large = dimerisation().scaled(4)
    assert [c.rate for c in large.channel_specs] == [3 / 4, 5]


def test_a_channel_with_its_reverse():
    pair = Channel.reversible(
        "up", "down", "3 MHz", {"P": 2}, {"P2": 1}, {"A": 1}, reverse_rate=5, bath="cold"
    )
    assert pair == (
        Channel("up", 3e6, {"P": 2}, {"P2": 1}, {"A": 1}, "down", "cold"),
        Channel("down", 5, {"P2": 1}, {"P": 2}, {"A": 1}, "up", "cold"),
    )
    forward, backward = Channel.reversible("up", "down", 2.0, {}, {"P": 1})
    assert forward == Channel("up", 2.0, gives={"P": 1}, reverse="down")
    assert backward == Channel("down", 2.0, takes={"P": 1}, reverse="up")
