"""Trees, groups, work for an event and the choice of the engine of many channels."""

import time
import tracemalloc

import numpy as np
import pytest
from oracles import partial
from support.many_channels import SYSTEMS, duplicates

import jumpsim as js
from jumpsim.engine import ENGINES, partial_table
from jumpsim.engine.partial_groups import chosen_groups, live_channels
from jumpsim.engine.partial_kernel import OWN, _begin, _pick, _rebuild, _update

ENGINE = ENGINES["partial_propensities"]
LEAVES = [1, 2, 7, 8, 9, 63, 64, 65, 511, 513, 4097]
_U = np.uint64


def trees(*leaves):
    """Where the levels of trees are, as in the table, and zeros for their numbers."""
    tree_first, level, size = partial_table._trees(list(leaves))
    return tree_first, level, np.zeros(size)


def set_leaves(nodes, level, tree_first, tree, values):
    first = int(level[tree_first[tree]])
    nodes[first : first + len(values)] = values


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("decades", [1, 300])
def test_sums_are_those_of_a_binary_tree_after_any_updates(leaves, decades):
    """Bit for bit: three trees of one array, of which the second changes."""
    rng = np.random.default_rng(leaves)
    tree_first, level, nodes = trees(3, leaves, 9)
    others = rng.random(3), rng.random(9)
    for tree, values in zip((0, 2), others, strict=True):
        set_leaves(nodes, level, tree_first, tree, values)
        _rebuild(nodes, level, tree_first, _U(tree), _U(len(values)))
    values = np.zeros(leaves)
    for place in rng.integers(0, leaves, min(4000, 20 * leaves)):
        values[place] = rng.random() * 10.0 ** rng.uniform(-decades, 0) * (rng.random() < 0.8)
        total = _update(nodes, level, tree_first, _U(1), _U(place), values[place])
    assert total == partial.tree_sum(partial.padded(values.tolist()))
    again = trees(3, leaves, 9)[2]
    for tree, given in zip((0, 1, 2), (others[0], values, others[1]), strict=True):
        set_leaves(again, level, tree_first, tree, given)
        found = _rebuild(again, level, tree_first, _U(tree), _U(len(given)))
        assert found == partial.tree_sum(partial.padded(given.tolist()))
    np.testing.assert_array_equal(nodes, again)


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("decades", [1, 300])
def test_the_leaf_that_is_picked(leaves, decades):
    """As in the plain descent; at 0, at borders, and where rounding gives the total itself."""
    rng = np.random.default_rng(leaves + 1)
    tree_first, level, nodes = trees(2, leaves)
    values = rng.random(leaves) * 10.0 ** rng.uniform(-decades, 0, leaves)
    values[rng.random(leaves) < 0.4] = 0.0
    values[rng.integers(leaves)] = 0.5
    set_leaves(nodes, level, tree_first, 1, values)
    total = _rebuild(nodes, level, tree_first, _U(1), _U(leaves))
    full = partial.padded(values.tolist())
    some = rng.choice(np.cumsum(values), min(leaves, 30))
    xs = [0.0, 5e-324, total, np.nextafter(total, 0), *some, *np.nextafter(some, 0)]
    for x in [*xs, *(total * rng.random(100))]:
        place = _pick(nodes, level, tree_first, _U(1), min(x, total))
        assert place == partial.chosen(full, min(x, total))
        assert values[place] > 0


def state_of_the_sums(table, counts):
    nodes, sums = np.zeros(table.nodes), np.zeros(len(table.group_first) - 1)
    total, fault = _begin(table, counts, nodes, sums)
    return nodes, sums, total, fault


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_an_event_computes_again_is_all_that_depends_on_it(name):
    """A replica of the kernel's step: bit for bit the sums that are computed from the counts."""
    model, start, _, _ = SYSTEMS[name]
    table = ENGINE.table(model.table)
    rng, counts = np.random.default_rng(1), np.array(start)
    nodes, sums, _, _ = state_of_the_sums(table, counts)
    groups = len(sums)
    rates = int(table.level[table.tree_first[groups]])

    def product(value, factors, k, own=0):
        for f in range(int(factors.first[k]), int(factors.first[k + 1])):
            p = own if factors.pool[f] == OWN else factors.pool[f]
            value *= factors.offset[f] + factors.slope[f] * counts[p]
        return value

    indices = table.kind[table.channel[:, 2], 1]
    for _ in range(150):
        possible = model.rates(counts)[indices] > 0
        c = int(rng.choice(np.flatnonzero(possible)))
        changed = set()
        own, _, kind = table.channel[c].tolist()
        span = range(int(table.kind[kind, 0]), int(table.kind[kind + 1, 0]))
        pools = [own if table.change[i, 0] < 0 else table.change[i, 0] for i in span]
        for p, i in zip(pools, span, strict=True):
            counts[p] += table.change[i, 1]
        for p in pools:
            for j in range(int(table.pool[p, 0]), int(table.pool[p + 1, 0])):
                g, leaf, k = (int(n) for n in table.member[j])
                w = product(table.member_constant[j], table.product, k, p)
                sums[g] = _update(nodes, table.level, table.tree_first, _U(g), _U(leaf), w)
                changed.add(g)
            first, last = (int(table.pool[p + k, 1]) for k in (0, 1))
            changed.update(table.affected[first:last].tolist())
        assert len(changed) <= table.most_changed
        for g in changed:
            rate = product(sums[g], table.shared, g)
            _update(nodes, table.level, table.tree_first, _U(groups), _U(g), rate)
        expected = state_of_the_sums(table, counts)
        np.testing.assert_array_equal(nodes, expected[0])
        np.testing.assert_array_equal(sums, expected[1])
        # Nothing else depends on the counts: all rates of the model are those of the table.
        found = np.zeros(len(model.channels))
        for g in range(groups):
            members = range(int(table.group_first[g]), int(table.group_first[g + 1]))
            leaves = int(table.level[table.tree_first[g]])
            for k, m in enumerate(members):
                w = product(nodes[leaves + k], table.shared, g)
                found[indices[m]] = w
        np.testing.assert_allclose(found, model.rates(counts), rtol=1e-14)
        assert nodes[rates : rates + groups].sum() == pytest.approx(found.sum(), rel=1e-13)


def emitters(number):
    """Disordered waveguide of emitters with individual rates, as the engine sees it."""

    def rates(k):
        return np.round(np.random.default_rng(k).uniform(0.5, 2, number), 3).tolist()

    one, two = rates(1), rates(2)
    channels = [js.Channel(f"loss {q}{r}", 2.0, {q: 1}) for q in "AB" for r in "12"]
    channels += js.Channel.reversible("A to B", "B to A", 3.0, {"A": 1}, {"B": 1})
    channels += [
        js.Channel("absorb A", one, {"A": 1}, {"m": 1}),
        js.Channel("emit B", one, {"m": 1}, {"B": 1}),
        js.Channel("absorb B", two, {"B": 1}, {"m": 1}),
        js.Channel("emit A", two, {"m": 1}, {"A": 1}),
        js.Channel("loss m1", rates(3), {"m": 1}),
        js.Channel("loss m2", rates(4), {"m": 1}),
    ]
    pools = [js.Pool.bosonic("A", 8.5), js.Pool.bosonic("B", 8.5), js.Pool.tls("m", number)]
    return js.Model(pools, channels)


@pytest.mark.parametrize(("number", "levels"), [(20, 2), (400, 4), (10_000, 5)])
def test_the_work_for_an_event_does_not_grow_with_the_number_of_emitters(number, levels):
    data = emitters(number).engine_input
    assert len(data.constants) == 6 + 6 * number
    live = live_channels(data)
    groups = chosen_groups(live)
    assert groups.shared.tolist() == [True, True, *[False] * number]
    assert groups.sizes.tolist() == [2 + number, 2 + number, 1, 1, number, number, 2 * number]
    table = ENGINE.table(data)
    members, affected = np.diff(table.pool.astype(int), axis=0).T
    assert members.tolist() == [0, 0, *[6] * number]
    assert affected.tolist() == [4, 4, *[0] * number]
    assert table.most_changed == 10  # six of an emitter and four groups of A or B
    assert np.diff(table.tree_first).max() == levels  # 1 for each factor of 8
    assert len(table.kind) == 13  # twelve kinds of events, of any number of emitters
    assert len(table.product.pool) == 2  # 1 - m and m


def test_the_table_of_60006_channels_takes_seconds_and_no_array_of_channels_by_pools():
    model = emitters(10_000)
    began = time.process_time()
    tracemalloc.start()
    data = model.engine_input
    live = live_channels(data)
    table = partial_table.table(live, chosen_groups(live))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 20  # 1.5 s, with the bookkeeping of memory
    assert most < 2e8  # 4.8 GB for all channels and pools
    assert table.nodes < 2 * len(live.index)
    assert "dense" not in vars(data.sparse_changes)


def test_groups_of_known_systems():
    table = SYSTEMS["network"][0].table
    groups = chosen_groups(live_channels(table))
    assert groups.sizes.tolist() == [20, 41, 20, 1, 1]
    assert np.flatnonzero(groups.shared).tolist() == [0, 1]  # E and S
    assert not groups.all_groups.any()
    same = chosen_groups(live_channels(duplicates(500)[0].table))
    assert same.sizes.tolist() == [1, 500]
    # One pool of many channels whose rates differ in the number of quanta.
    falling = js.Model(
        [js.Pool.mass_action("X"), *(js.Pool.mass_action(f"Y{k}") for k in range(60))],
        [js.Channel(f"c{k}", 1.0, {"X": 1 + k % 3}, {f"Y{k}": 1}) for k in range(60)],
    )
    assert chosen_groups(live_channels(falling.table)).sizes.tolist() == [20, 20, 20]


def test_channels_that_never_fire_are_in_no_group_and_no_tree():
    model = SYSTEMS["ring"][0]
    live = live_channels(model.table)
    assert len(live.index) == 90
    assert (model.table.constants[live.index] > 0).all()


def decays(number, never=0):
    channels = [js.Channel(f"c{k}", 1.0, {"X": 1}) for k in range(number)]
    channels += [js.Channel(f"n{k}", 0.0, {"X": 1}) for k in range(never)]
    return js.Model([js.Pool.mass_action("X")], channels)


def test_the_choice_of_the_engine():
    assert decays(40).engine == "direct"
    assert decays(40, never=100).engine == "direct"
    assert decays(41).engine == "partial_propensities"
    assert decays(0, never=41).engine == "direct"
    assert emitters(2).engine == "partial_propensities"  # of few channels, but individual


def test_no_channel_can_fire():
    """The engine itself; models of no live channel have the direct method."""
    out = js.engine.run(
        "partial_propensities", decays(0, never=3).table, np.array([0.0, 1e300]),
        np.array([[5]]), np.ones((1, 4), np.uint64), {"samples", "jumps", "events"},
    )  # fmt: skip
    assert out.samples.tolist() == [[[5], [5]]]
    assert out.event_count.tolist() == [0]
    assert (out.jumps == 0).all()


@pytest.fixture
def older_file(tmp_path, monkeypatch):
    """A file of 50 channels of a version in which all models had the direct method."""
    with monkeypatch.context() as patch:
        patch.setattr("jumpsim.model.model._MOST_DIRECT", 10**9)
        run = js.simulate(decays(50), [0.0, 0.01], 20, {"X": 30}, 3, store=tmp_path / "old.h5")
        assert len(set(run.counts[:, 1, 0])) > 3
    return tmp_path / "old.h5", run


def test_a_file_of_the_direct_method_is_read_but_not_extended(older_file, tmp_path):
    path, run = older_file
    old = js.open(path)
    np.testing.assert_array_equal(old.counts, run.counts)
    assert js.compare(old).agrees
    before = path.read_bytes()
    differs = "method: 'direct' instead of 'partial_propensities'"
    with pytest.raises(js.StoreError, match=differs) as refused:
        js.simulate(decays(50), [0.0, 0.01], 40, {"X": 30}, 3, store=path)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before
    js.simulate(decays(50), [0.0, 0.01], 20, {"X": 30}, 3, store=tmp_path / "new.h5")
    with pytest.raises(js.StoreError, match="method: "):
        js.merge(tmp_path / "both.h5", [path, tmp_path / "new.h5"])


def test_trajectories_of_an_older_file_are_simulated_again_with_its_method(older_file):
    for index in range(20):
        again = js.rerun(older_file[0], index)
        assert again.equal == {"event_count": True, "counts": True}
