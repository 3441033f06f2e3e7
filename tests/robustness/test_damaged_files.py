"""Damaged finished files: no wrong number is read, copied or merged."""

import contextlib
import shutil

import h5py
import numpy as np
import pytest
from support.interrupted_runs import DAMAGES, flip, leave_blocks, plan_of, simulate_again
from support.killed_runs import NTRAJ, assert_one_line, assert_same, blocks_folder, in_child

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run.block_task import run_block
from jumpsim.store.file_part import FilePart


def finish(spec, out):
    simulate_again(spec, out)
    return js.open(out).counts


def change_a_number(file):
    """As no bit flip would: every checksum of HDF5 fits."""
    with h5py.File(file, "r+") as opened:
        opened["counts"][3, 2, 1] += 1


def half_of(spec):
    """The same run with half of the trajectories."""
    half = spec.with_name("half.toml")
    half.write_text(spec.read_text().replace(f"ntraj = {NTRAJ}", f"ntraj = {NTRAJ // 2}"))
    return half


def test_a_finished_file_with_a_changed_bit_gives_no_number(spec, out, capsys):
    finish(spec, out)
    flip(out)
    with pytest.raises(js.StoreError, match=r"out\.h5"):
        _ = js.open(out).counts
    assert main(["compare", str(out), "--no-figure"]) == 2
    assert_one_line(capsys.readouterr().err)


@pytest.mark.parametrize("more", [False, True])
def test_a_finished_file_with_a_changed_bit_is_refused(more, spec, out, capsys):
    finish(half_of(spec), out)
    flip(out)
    before = out.read_bytes()
    wanted = spec if more else half_of(spec)
    assert main(["run", str(wanted), "-o", str(out), "-q"]) == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert f"{out}: damaged: " in printed
    assert out.read_bytes() == before
    assert [f.name for f in out.parent.iterdir()] == ["out.h5"]


@pytest.mark.parametrize("more", [False, True])
def test_a_finished_file_with_a_changed_number_is_made_again(more, spec, out, reference):
    # Another program opened it for writing, so that only the content shows it.
    finish(half_of(spec) if more else spec, out)
    change_a_number(out)
    damaged = out.read_bytes()
    with pytest.warns(js.StoreWarning, match=r"renamed to out\.h5\.damaged"):
        simulate_again(spec, out)
    assert out.with_name("out.h5.damaged").read_bytes() == damaged
    assert_same(out, reference)


@pytest.mark.parametrize("damage", [flip, change_a_number])
def test_a_damaged_finished_file_is_not_copied_from(damage, spec, out, reference, tmp_path):
    # A run was killed while it removed its blocks, and then the file was damaged.
    block = leave_blocks(spec, tmp_path / "other.h5", (0, 10))[0]
    finish(spec, out)
    damage(out)
    blocks_folder(out).mkdir()
    shutil.copy(block, blocks_folder(out))
    status, printed = in_child(lambda: main(["run", str(spec), "-o", str(out), "-q"]))
    assert_one_line(printed)
    assert status in (0, 2)
    if status == 0:
        assert_same(out, reference)
    else:
        with pytest.raises(js.StoreError):
            FilePart(out).verify()


@pytest.mark.parametrize("damage", [flip, change_a_number])
@pytest.mark.parametrize("which", ["input", "output"])
def test_a_damaged_file_is_not_merged(damage, which, spec, out, tmp_path):
    finish(half_of(spec), out)
    other = tmp_path / "other.h5"
    leave_blocks(spec, other, (NTRAJ // 2, NTRAJ))
    if which == "input":
        damage(out)
        target, source = tmp_path / "merged.h5", [out, other]
    else:
        damage(out)
        target, source = out, [other]
    status, printed = in_child(lambda: main(["merge", "-o", str(target), *map(str, source)]))
    assert_one_line(printed)
    assert status in (0, 2)
    for file in (target, *blocks_folder(target).glob("traj-*.h5")):
        if file.exists():
            with contextlib.suppress(js.StoreError):
                part = FilePart(file)
                part.verify()
                first, last = part.ranges[0]
                right = run_block(plan_of(spec), first, last)[0]
                assert np.array_equal(part.read("counts", 0, last - first), right.arrays["counts"])


@pytest.mark.parametrize("damage", ["truncated", "header", "empty", "text", "foreign"])
def test_a_finished_file_that_cannot_be_understood_is_refused(damage, spec, out, capsys):
    finish(spec, out)
    if damage == "header":
        with h5py.File(out, "r+") as file:
            file.attrs["ranges"] = file.attrs["ranges"] + 1
    else:
        DAMAGES[damage](out)
    before = out.read_bytes()
    for command in (["run", str(spec), "-q", "-o"], ["info"], ["compare", "--no-figure"]):
        assert main([*command, str(out)]) == 2
        printed = capsys.readouterr().err
        assert_one_line(printed)
        assert str(out) in printed
    assert out.read_bytes() == before
    assert [f.name for f in out.parent.iterdir()] == ["out.h5"]


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 302), marks=pytest.mark.slow)])
def test_finished_files_with_a_changed_bit_give_no_wrong_number(seed, spec, tmp_path, reference):
    counts = js.open(reference).counts
    jumps = js.open(reference).jumps
    original = reference.read_bytes()
    for number in [seed] if isinstance(seed, int) else seed:
        rng = np.random.default_rng(number)
        out = tmp_path / f"{number}.h5"
        data = bytearray(original)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        out.write_bytes(data)

        def read(out=out):
            try:
                read = js.open(out)
                same = np.array_equal(read.counts, counts) and np.array_equal(read.jumps, jumps)
            except js.StoreError:
                return 0
            return 0 if same else 3

        assert in_child(read)[0] == 0, number
        status, printed = in_child(lambda out=out: main(["run", str(spec), "-o", str(out), "-q"]))
        assert status in (0, 2), (number, printed)
        if printed:
            assert_one_line(printed)
        if out.with_name(f"{out.name}.damaged").exists():
            assert_same(out, reference)
        assert in_child(read)[0] == 0, number
        out.unlink()
