"""Damaged, foreign and unreadable blocks of a partial run: set aside, and simulated again."""

import shutil
import warnings

import numpy as np
import pytest
from support.interrupted_runs import (
    DAMAGES,
    be_a_folder,
    leave_blocks,
    names,
    resumed,
    simulate_again,
    truncate,
)
from support.killed_runs import (
    NTRAJ,
    SPEC,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks,
    blocks_folder,
    completed,
    in_child,
)

import jumpsim as js
from jumpsim.cli.main import main


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_block_is_set_aside(damage, twice, spec, out, reference):
    if twice:  # what was set aside before is in the way
        file = leave_blocks(spec, out, (0, 10))[0]
        be_a_folder(file.with_name(f"{file.name}.damaged"))
        be_a_folder(file.with_name("traj-000000000100-000000000110.h5.damaged"))
        file.unlink()
    files = leave_blocks(spec, out, (0, 10), (10, 20), (50, 60))
    kept = blocks(out)
    DAMAGES[damage](files[0])
    with pytest.warns(js.StoreWarning, match="was renamed to") as printed:
        simulate_again(spec, out)
    assert len(printed) == 1
    assert "\n" not in str(printed[0].message)
    assert str(blocks_folder(out)) in str(printed[0].message)
    assert_same(out, reference)
    assert not names(out)
    left = [f.name for f in blocks_folder(out).iterdir() if "damaged" in f.name]
    assert len(left) == 1 + 2 * twice
    assert kept


def test_a_block_that_the_system_cannot_read_is_left_where_it_is(spec, out, reference, tmp_path):
    """An error of the system proves no damage: one line, nothing is set aside or made again."""
    file = leave_blocks(spec, out, (0, 10), (10, 20))[0]
    away = file.rename(tmp_path / "away")
    file.symlink_to(file.name)  # a loop of links: ELOOP
    with pytest.raises(js.StoreError, match=rf"{file.name}: cannot be read \(Too many levels"):
        simulate_again(spec, out)
    assert file.is_symlink()
    assert not [f for f in blocks_folder(out).iterdir() if "damaged" in f.name]
    file.unlink()
    away.rename(file)
    resumed(spec, out, reference, tmp_path, blocks(out))


def test_the_command_reports_a_damaged_block_in_one_line(spec, out, reference):
    file = leave_blocks(spec, out, (0, 10))[0]
    truncate(file)
    status, printed = completed(spec, out, how="plain")
    assert status == 0
    assert_one_line(printed)
    assert f"{file.name}.damaged" in printed
    assert_same(out, reference)


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 302), marks=pytest.mark.slow)])
def test_blocks_damaged_at_random_places(seed, spec, tmp_path, reference):
    seeds = [seed] if isinstance(seed, int) else list(seed)
    original = tmp_path / "original.h5"
    leave_blocks(spec, original, (0, 100), (100, 200))
    warned = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        out = tmp_path / f"{seed}.h5"
        shutil.copytree(blocks_folder(original), blocks_folder(out))
        file = sorted(blocks_folder(out).glob("traj-*.h5"))[seed % 2]
        data = bytearray(file.read_bytes())
        if seed % 3 == 0:
            del data[rng.integers(len(data)) :]
        else:
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        status, printed = in_child(lambda out=out: main(["run", str(spec), "-o", str(out), "-q"]))
        assert status == 0, (seed, printed)
        if printed:
            warned += 1
            assert_one_line(printed)
        assert_same(out, reference)
        assert blocks_folder(out).exists() == bool(printed), seed
        shutil.rmtree(blocks_folder(out), ignore_errors=True)
        out.unlink()
    if len(seeds) > 1:
        print(f"{warned} of {len(seeds)} damages were reported; the others change no number")
        assert warned > len(seeds) / 2


@pytest.mark.parametrize("finished_file", [False, True])
def test_a_block_of_another_run_is_refused(finished_file, spec, out, tmp_path):
    other = tmp_path / "other.h5"
    foreign = leave_blocks(spec, other, (0, 10), seed=8)[0]
    if finished_file:
        spec.write_text(SPEC.replace(f"ntraj = {NTRAJ}", "ntraj = 30"))
        simulate_again(spec, out)
        blocks_folder(out).mkdir()
        shutil.copy(foreign, blocks_folder(out))
    else:
        leave_blocks(spec, out, (20, 30))
        shutil.copy(foreign, blocks_folder(out))
    before = {f: f.read_bytes() for f in out.parent.rglob("*.h5") if f.is_file()}
    status, printed = completed(spec, out, how="plain")
    assert status == 2
    assert_one_line(printed)
    assert "belongs to another run: seed: 8 instead of 7" in printed
    assert {f: f.read_bytes() for f in out.parent.rglob("*.h5") if f.is_file()} == before


def test_without_damage_there_is_no_warning(spec, out, reference):
    leave_blocks(spec, out, (0, 10), (30, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate_again(spec, out)
    assert_same(out, reference)
    assert_nothing_left(out)
