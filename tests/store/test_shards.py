"""Array jobs: independent shards give together the file of the run."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.killed_runs import (
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
)

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run.block_task import run_block
from jumpsim.store import WritableStore, hdf5_layout
from jumpsim.store.plan import Plan
from jumpsim.store.shard import Shard, shard_of, shards

ROOT = Path(__file__).parents[2]
NTRAJ = 200


def run(shard, *more):
    return main(["run", "spec.toml", "-o", "out.h5", "-q", "--shard", shard, *more])


@pytest.mark.parametrize("ntraj", [0, 1, 5, 7, 200, 1001, 2**53])
@pytest.mark.parametrize("of", [1, 2, 7, 13])
def test_the_shards_cover_every_index_once(ntraj, of):
    spans = [Shard(number, of).span(ntraj) for number in range(1, of + 1)]
    assert [spans[0][0], *(last for _, last in spans)] == [*(first for first, _ in spans), ntraj]
    sizes = [last - first for first, last in spans]
    assert max(sizes) - min(sizes) <= 1


def test_seven_shards_in_any_order_are_the_run(folder, reference, capsys):
    for number in (5, 1, 7, 2, 6, 3):
        assert run(f"{number}/7") == 0
    status = js.status("out.h5")
    assert (status.done, status.wanted) == (171, NTRAJ)
    assert status.missing == [(85, 114)]
    assert status.shards == ["4/7 lacks 29 of 29, not begun"]
    assert js.status("out.shard-2-of-7.h5").missing == []
    capsys.readouterr()
    assert main(["merge", *map(str, folder.glob("out.shard*")), "-o", "part.h5"]) == 0
    assert "171 trajectories, merged from 6 stores; missing 85 ... 113" in capsys.readouterr().out
    assert run("4/7") == 0
    assert js.open("out.shard-4-of-7.h5").stop_reason == (
        "shard 4 of 7: trajectories 85 ... 113 of 200 are there"
    )
    assert main(["merge", *map(str, folder.glob("out.shard*")), "-o", "all.h5"]) == 0
    assert_same(folder / "all.h5", reference)
    assert main(["compact", "out.h5"]) == 0
    assert "out.h5: 200 of 200 trajectories are there" in capsys.readouterr().out
    assert_same(folder / "out.h5", reference)
    assert_nothing_left(folder / "out.h5")
    assert shards("out.h5") == []


@pytest.mark.parametrize("record", ["moments", "variances"])
def test_shards_of_sums_are_joined(folder, record):
    for number in (2, 3, 1):
        assert run(f"{number}/3", f"--record={record}") == 0
    js.compact("out.h5")
    assert main(["run", "spec.toml", "-o", "whole.h5", "-q", f"--record={record}"]) == 0
    assert js.open("out.h5").record == (record,)
    assert_same(folder / "out.h5", folder / "whole.h5")


def test_nothing_is_simulated_twice(folder, reference, monkeypatch):
    for number in (1, 2):
        assert run(f"{number}/3") == 0
    js.compact("out.h5")
    assert js.status("out.h5").missing == [(133, NTRAJ)]  # it still knows how many were wanted
    done = []
    monkeypatch.setattr(
        "jumpsim.run.block_task.run_block", lambda *a: done.append(a[1:3]) or run_block(*a)
    )
    for number in (1, 2, 3):
        assert run(f"{number}/3") == 0
    assert {i for span in done for i in range(*span)} == set(range(133, NTRAJ))
    assert [shard.number for shard, _ in shards("out.h5")] == [3]
    js.compact("out.h5")
    assert_same(folder / "out.h5", reference)
    done.clear()
    assert run("3/3") == 0
    assert js.compact("out.h5") == "out.h5: 200 of 200 trajectories are there"
    assert not done


def test_a_larger_number_is_shared_anew(folder):
    for number in (1, 2):
        assert run(f"{number}/2", "-n", "40") == 0
    js.compact("out.h5")
    for number in (2, 1):
        assert run(f"{number}/2", "-n", "60") == 0
    js.compact("out.h5")
    assert main(["run", "spec.toml", "-o", "whole.h5", "-q", "-n", "60"]) == 0
    assert_same(folder / "out.h5", folder / "whole.h5")


def plan():
    spec = js.load_spec("spec.toml")
    return Plan(spec.model, spec.initial, spec.times, 7, tuple(spec.run["record"]))


def half_done(number, of):
    """Leave what a shard that was killed leaves; returns its store, which still has its lock."""
    span = Shard(number, of).span(NTRAJ)
    store = WritableStore(Shard(number, of).path("out.h5"), plan())
    store.begin(NTRAJ)
    store.write([run_block(plan(), span[0], span[0] + 10)[0]])
    return store


def test_a_shard_that_was_killed_is_seen_and_goes_on(folder, reference):
    assert run("1/3") == 0
    store = half_done(2, 3)
    store.finish(None, complete=False)
    status = js.status("out.h5")
    assert status.missing == [(76, NTRAJ)]
    assert [line.split(",")[0] for line in status.shards] == [
        "2/3 lacks 57 of 67",
        "3/3 lacks 67 of 67",
    ]
    js.compact("out.h5")  # what is there already; the rest comes later
    assert shards("out.h5") == []
    assert js.open("out.h5").ntraj == 76
    for number in (3, 2):
        assert run(f"{number}/3") == 0
    js.compact("out.h5")
    assert_same(folder / "out.h5", reference)


def test_compact_waits_for_nobody_and_mixes_nothing(folder, capsys):
    assert run("1/3") == 0
    store = half_done(2, 3)
    with pytest.raises(js.StoreError, match=r"shard-2-of-3.h5: another process is writing to it"):
        js.compact("out.h5")
    store.finish(None, complete=False)
    assert run("3/3", "--seed", "8") == 0
    capsys.readouterr()
    assert main(["compact", "out.h5"]) == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert "belongs to another run: seed: 8 instead of 7" in printed
    assert js.open("out.shard-1-of-3.h5").ntraj == 66
    assert js.open("out.shard-2-of-3.h5").ntraj == 10
    assert main(["compact", "none.h5"]) == 2
    assert_one_line(capsys.readouterr().err)
    assert not blocks_folder(folder / "none.h5").exists()


def test_a_disk_that_is_full_while_shards_are_united_costs_nothing(folder, reference, monkeypatch):
    for number in (1, 2):
        assert run(f"{number}/2") == 0

    def full(*_):
        raise RuntimeError("Can't write: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(hdf5_layout, "write", full)
        with pytest.raises(js.StoreError, match="no space left"):
            js.compact("out.h5")
    assert js.status("out.h5").missing == []
    js.compact("out.h5")
    assert_same(folder / "out.h5", reference)
    assert_nothing_left(folder / "out.h5")


def test_a_finished_file_of_another_run_or_record_is_refused(folder, capsys):
    assert run("1/1", "-n", "10") == 0
    js.compact("out.h5")
    capsys.readouterr()
    for option, text in (
        ("--seed=8", "belongs to another run: seed: 7 instead of 8"),
        (
            "--record=counts",
            "must be that of out.h5 (counts, jumps, events), because shards cannot",
        ),
    ):
        assert run("1/2", option) == 2
        printed = capsys.readouterr().err
        assert_one_line(printed)
        assert text in printed
    assert sorted(file.name for file in folder.iterdir()) == ["out.h5", "spec.toml"]


def test_a_damaged_shard_costs_itself_alone(folder, reference):
    for number in (1, 2):
        assert run(f"{number}/2") == 0
    file = Path("out.shard-1-of-2.h5")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert "out.shard-1-of-2.h5" in js.status("out.h5").damaged[0]
    with pytest.raises(js.StoreError, match="damaged"):
        js.compact("out.h5")
    file.unlink()
    js.compact("out.h5")
    assert run("1/2") == 0
    js.compact("out.h5")
    assert_same(folder / "out.h5", reference)


@pytest.mark.usefixtures("folder")
def test_more_shards_than_trajectories():
    for number in (1, 2, 3):
        assert run(f"{number}/3", "-n", "2") == 0
    assert js.status("out.h5").shards == []
    js.compact("out.h5")
    assert np.array_equal(js.open("out.h5").indices, [0, 1])


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1", "1/0", "-1/3", "1/3/5", "a/b", "", "1/9999999"]
)
def test_bad_shards(text, folder, capsys):
    assert main(["run", "spec.toml", "-o", "out.h5", f"--shard={text}"]) == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert f"such as 3/7 for the third of seven, but is {text!r}" in printed
    assert [file.name for file in folder.iterdir()] == ["spec.toml"]


def test_a_shard_needs_what_all_have_in_common(folder, capsys):
    spec = js.load_spec("spec.toml")
    given = (spec.model, spec.times, 10, spec.initial)
    for options in ({"seed": 1}, {"store": "a.h5"}, {"seed": 1, "store": "a.h5", "target_sem": 1}):
        with pytest.raises(js.InputError, match="`shard` needs a `seed` that all shards have"):
            js.simulate(*given, **options, shard="1/2")
    assert not list(folder.glob("*.h5"))
    assert shard_of("out.shard-03-of-12.h5") == Shard(3, 12)
    assert shard_of("out.h5") is None
    assert Shard(3, 12).path("a/out.h5") == Path("a/out.shard-03-of-12.h5")
    assert run("1/2", "--time-limit", "0 s") == 75
    assert_one_line(capsys.readouterr().err)


def test_the_array_script_runs_every_shard(folder, reference):
    tools = folder / "tools"
    tools.mkdir()
    for name, body in {
        "srun": 'exec "$@"',
        "scontrol": 'echo "$@" >> requeued',
        "jumpsim": f'exec {sys.executable} -m jumpsim "$@"',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)

    def job(number, *more):
        environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SLURM_ARRAY_TASK_ID": str(number),
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_JOB_ID": f"77{number}",
        }
        script = ROOT / "scripts" / "slurm_array.sh"
        return subprocess.run(
            ["sh", script, "3", "spec.toml", "out.h5", *more],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | environment,
        )

    stopped = job(2, "--time-limit", "0 s")
    assert stopped.returncode == 75
    assert_one_line(stopped.stderr)
    assert (folder / "requeued").read_text() == "requeue 772\n"
    for number in (3, 1, 2):
        done = job(number)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "requeued").read_text() == "requeue 772\n"
    js.compact("out.h5")
    assert_same(folder / "out.h5", reference)
