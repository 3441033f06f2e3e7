"""Runs of models of many channels: files, workers, long runs, parameter files."""

import time

import numpy as np
import pytest
from support.files import assert_same_content
from support.many_channels import SYSTEMS, duplicates, network, ring
from support.parameter_files import written

import jumpsim as js
from jumpsim.cli.main import main

SPECIES, Channel = js.Pool.mass_action, js.Channel


RECORDS = ["counts", "jumps", "events", "moments"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "a.h5"
    stored(path, 40, workers=1, block_size=40)
    return path


def stored(path, ntraj, record=RECORDS, **more):
    model, start, end, _ = SYSTEMS["warm ends"]
    return js.simulate(
        model, np.linspace(0, end / 2, 4), ntraj, start, 6, record, store=path, **more
    )


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("block_size", [1, 7, None])
def test_the_file_is_the_same_for_any_workers_and_blocks(workers, block_size, reference, tmp_path):
    stored(tmp_path / "a.h5", 40, workers=workers, block_size=block_size)
    assert_same_content(tmp_path / "a.h5", reference)


def test_the_file_is_the_same_when_it_grows_in_trajectories_and_records(reference, tmp_path):
    for ntraj, record in ((3, ["jumps"]), (11, ["jumps"]), (11, ["counts"]), (40, RECORDS)):
        stored(tmp_path / "a.h5", ntraj, record)
    assert_same_content(tmp_path / "a.h5", reference)


def test_merged_and_sharded_files_are_the_same(reference, tmp_path):
    for k in (1, 2, 3):
        stored(tmp_path / "a.h5", 40, shard=f"{k}/3")
    js.compact(tmp_path / "a.h5")
    assert_same_content(tmp_path / "a.h5", reference)
    stored(tmp_path / "b.h5", 15)
    js.merge(tmp_path / "c.h5", [tmp_path / "b.h5", reference])
    assert_same_content(tmp_path / "c.h5", reference)


def test_a_long_run_in_one_or_many_steps(tmp_path):
    model, start, _, _ = SYSTEMS["warm ends"]

    def long_run(path, blocks):
        initial = js.Fixed(dict(zip(model.pools, start, strict=True)))
        return js.long_run(model, initial, 0.5, blocks, 10, seed=3, warmup=0.5, store=path)

    whole = long_run(tmp_path / "whole.h5", 6)
    for blocks in (1, 2, 6):
        pieces = long_run(tmp_path / "pieces.h5", blocks)
    np.testing.assert_array_equal(pieces.means, whole.means)
    np.testing.assert_array_equal(pieces.cumulative, whole.cumulative)
    times = 0.5 + 0.5 * np.arange(7)
    initial = js.Fixed(dict(zip(model.pools, start, strict=True)))
    plain_run = js.simulate(model, times, 1, initial, 3, ["jumps"])
    np.testing.assert_array_equal(whole.cumulative, plain_run.jumps[0])


def spec(model, start, end, ntraj):
    """Parameter file of a model of species."""
    lines = ["[parameters]", f'name = "{model.name}"']
    for pool in model.pools:
        lines += ["[[pools]]", 'kind = "mass_action"', f'name = "{pool}"']
    for channel in model.channel_specs:
        lines += ["[[channels]]", f'name = "{channel.name}"', f"rate = {channel.rate!r}"]
        for part in ("takes", "gives"):
            if quanta := getattr(channel, part):
                text = ", ".join(f"{name} = {n}" for name, n in quanta.items())
                lines.append(f"{part} = {{ {text} }}")
    counts = ", ".join(f"{n} = {k}" for n, k in zip(model.pools, start, strict=True))
    lines += ["[start]", f"counts = {{ {counts} }}", "[times]", f"stop = {end}", "points = 6"]
    return "\n".join([*lines, "[run]", f"ntraj = {ntraj}", "seed = 1"])


def cycle(number):
    """So many channels between five species, which take one to three quanta."""
    names = [f"x{k}" for k in range(5)]
    channels = []
    for k in range(number):
        takes = {names[k % 5]: 1 + k % 3}
        gives = {names[(k + 1) % 5]: 1} if k % 2 else {}
        channels.append(Channel(f"e{k}", 1e-3 * (1 + k % 7), takes, gives))
    return js.Model([SPECIES(name) for name in names], channels, f"{number} channels")


COMMANDS = {
    "300 channels": (cycle(300), (100,) * 5, 0.01, 200),
    "500 channels": (cycle(500), (100,) * 5, 0.01, 200),
    "duplicates": (duplicates(500)[0], (8,), 5.0, 200),
    "idle parts": (ring()[0], (*[2] * 45, *[7] * 199, 1), 1.0, 100),
    "network": (network()[0], (9, 60, 3, *[3, 1] * 20), 0.1, 100),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_parameter_file_of_many_channels_runs_at_once(name, tmp_path, capsys):
    """No code is compiled for the model; the same trajectories as from Python."""
    model, start, end, ntraj = COMMANDS[name]
    path = written(tmp_path, spec(model, start, end, ntraj))
    began = time.process_time()
    assert main(["run", str(path), "-o", str(tmp_path / "a.h5"), "-q"]) == 0
    assert time.process_time() - began < 20
    found = js.open(tmp_path / "a.h5")
    assert found.ntraj == ntraj
    expected = js.simulate(model, np.linspace(0, end, 6), 10, start, 1)
    np.testing.assert_array_equal(found.counts[:10], expected.counts)
    capsys.readouterr()


def test_the_mean_of_a_network_with_duplicates():
    """0 -> X, 500 times X -> 0: survivors and Poisson newcomers; false alarm 7e-6 for each."""
    model, start = duplicates(500)[0], 8
    found = js.simulate(model, [0.1, 0.5, 3.0], 2000, [start], 2)
    for k, t in enumerate((0.1, 0.5, 3.0)):
        p = np.exp(-5.0 * t)
        mean, variance = start * p + 8 * (1 - p), start * p * (1 - p) + 8 * (1 - p)
        assert abs(found.mean()[k, 0] - mean) < 4.5 * (variance / 2000) ** 0.5
