"""Steps of the tests of interrupted and damaged runs: what is left, what it covers, resuming."""

import json
import os

import h5py

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run.block_task import run_block
from jumpsim.store import WritableStore
from jumpsim.store.file_part import FilePart
from jumpsim.store.plan import Plan
from support.killed_runs import (
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
    completed,
)


def names(out):
    return [f.name for f in blocks_folder(out).glob("traj-*.h5")]


def covered(out):
    """Trajectories that are there, in files that prove to be whole."""
    files = [*blocks_folder(out).glob("traj-*.h5"), *([out] if out.exists() else [])]
    found = set()
    for file in files:
        part = FilePart(file)
        part.verify()
        found |= {i for first, last in part.ranges for i in range(first, last)}
    return found


def assert_readable(out, capsys):
    """Assert that `info` describes the store, or in one line that there is nothing."""
    capsys.readouterr()
    status = main(["info", str(out)])
    printed = capsys.readouterr()
    assert status in (0, 2)
    if status == 2:
        assert_one_line(printed.err)
        assert not names(out)
    else:
        assert printed.err == ""


def resumed(spec, out, reference, tmp_path, held, **options):
    """Run to the end, and compare; what was held before it was not written again."""
    note = tmp_path / "held.json"
    status, printed = completed(spec, out, held=str(note), **options)
    assert (status, printed) == (0, "")
    at_the_end = json.loads(note.read_text())
    assert {name: at_the_end.get(name) for name in held} == held
    assert_same(out, reference)
    assert_nothing_left(out)


def plan_of(spec, **changes):
    said = js.load_spec(spec)
    given = {"seed": 7, "record": tuple(said.run["record"])} | changes
    return Plan(said.model, said.initial, said.times, **given)


def leave_blocks(spec, out, *ranges, **changes):
    """Make the blocks that a run leaves when it is killed; returns their files."""
    plan = plan_of(spec, **changes)
    store = WritableStore(out, plan)
    for first, last in ranges:
        store.write([run_block(plan, first, last)[0]])
    store.finish(None, complete=False)
    return sorted(blocks_folder(out).glob("traj-*.h5"))


def simulate_again(spec, out):
    said = js.load_spec(spec)
    return js.simulate(said.model, said.times, initial=said.initial, store=out, **said.run)


def truncate(file):
    os.truncate(file, file.stat().st_size * 2 // 3)


def flip(file):
    data = bytearray(file.read_bytes())
    with h5py.File(file) as opened:
        place = opened["counts"].id.get_chunk_info(0).byte_offset
    data[place + 20] ^= 4
    file.write_bytes(data)


def be_foreign(file):
    with h5py.File(file, "w") as opened:
        opened["x"] = 1


def be_another_range(file):
    file.rename(file.with_name("traj-000000000100-000000000110.h5"))


def be_a_folder(file):
    file.unlink(missing_ok=True)
    file.mkdir()
    (file / "something").write_text("in it")


DAMAGES = {
    "truncated": truncate,
    "one bit": flip,
    "empty": lambda file: file.write_bytes(b""),
    "foreign": be_foreign,
    "text": lambda file: file.write_text("hello"),
    "another range": be_another_range,
    "a folder": be_a_folder,
}
