"""Thousands of broken stores: no wrong number is given, and no command crashes."""

import re
import shutil
import struct
import sys
from functools import reduce

import h5py
import numpy as np
import pytest
from support.fuzzing import FILES, MEMORY, SECONDS
from support.killed_runs import assert_one_line, assert_same, in_child

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.errors import InputError
from jumpsim.store import hdf5_layout, seals

NTRAJ = 30

CHANGES = {
    '"10 us"': '"2 us"',
    "101": "11",
    "ntraj = 2000": f"ntraj = {NTRAJ}",
    '["counts", "jumps"]': '["counts", "jumps", "events", "moments"]',
}

SPEC = reduce(
    lambda text, change: text.replace(*change),
    CHANGES.items(),
    FILES["open_waveguide.toml"].decode(),
)


class Original:
    """A small finished file of many chunks, and everything that is printed about it."""

    def __init__(self, folder):
        self.spec, self.path = folder / "spec.toml", folder / "out.h5"
        self.spec.write_text(SPEC)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hdf5_layout, "_CHUNK_BYTES", 512)
            assert main(["run", str(self.spec), "-o", str(self.path), "-q"]) == 0
        self.data = self.path.read_bytes()
        read = js.open(self.path)
        self.arrays = arrays_of(read)
        with h5py.File(self.path) as file:
            self.chunks = {
                name: [file[name].id.get_chunk_info(k) for k in range(n)]
                for name in ("counts", "jumps", "event_time", "event_count")
                if (n := file[name].id.get_num_chunks()) > 1
            }
        assert {"counts", "jumps"} <= set(self.chunks)
        signatures = rb"TREE|SNOD|HEAP|GCOL|OHDR|OCHK|FADB|FAHD|BTHD|BTLF|FRHP|FSHD|\x89HDF"
        self.marks = [m.start() for m in re.finditer(signatures, self.data)]


def arrays_of(read):
    """Every number that a reader can ask for."""
    events = [read.events(i) for i in range(NTRAJ)]
    return {
        "indices": read.indices,
        "times": read.times,
        "counts": read.counts,
        "jumps": read.jumps,
        "event_count": read.event_count,
        "event_time": np.concatenate([t for t, _ in events]),
        "event_channel": np.concatenate([c for _, c in events]),
        "mean": read.mean(),
        "cov": read.cov(),
        "n_events": read.n_events,
        "seed": read.seed,
        "pools": read.model.pools,
        "channels": read.model.channels,
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return Original(tmp_path_factory.mktemp("original"))


def exchange_chunks(data, original, rng):
    """Let the index of chunks give one chunk for another, of the same variable."""
    name = list(original.chunks)[rng.integers(len(original.chunks))]
    a, b = rng.choice(len(original.chunks[name]), 2, replace=False)
    keys = []
    for chunk in (original.chunks[name][a], original.chunks[name][b]):
        rank = len(chunk.chunk_offset)
        key = struct.pack(
            f"<II{rank + 1}Q", chunk.size, chunk.filter_mask, *chunk.chunk_offset, 0
        ) + struct.pack("<Q", chunk.byte_offset)
        keys.append((data.find(key), len(key)))
    if min(place for place, _ in keys) >= 0:
        (p, n), (q, _) = keys
        for start, stop in ((0, 8), (n - 8, n)):
            data[p + start : p + stop], data[q + start : q + stop] = (
                data[q + start : q + stop],
                data[p + start : p + stop],
            )


def mutated_store(original, number):
    """A damaged copy of the file, and how it was damaged."""
    rng = np.random.default_rng([2, number])
    data = bytearray(original.data)
    size = len(data)

    def place():
        """Anywhere, or where HDF5 describes what is where."""
        if rng.random() < 0.5:
            return int(rng.integers(size))
        mark = original.marks[rng.integers(len(original.marks))]
        return min(size - 1, mark + int(rng.integers(600)))

    kind = ("flip", "flips", "cut", "zeros", "doubled", "exchanged", "ones", "chunks")[number % 8]
    n = int(2 ** rng.uniform(0, 12))
    a, b = place(), int(rng.integers(size))
    if kind == "flip":
        data[a] ^= 1 << int(rng.integers(8))
    elif kind == "flips":
        for _ in range(rng.integers(2, 9)):
            data[place()] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del data[a:]
    elif kind in ("zeros", "ones"):
        data[a : a + n] = (b"\0" if kind == "zeros" else b"\xff") * len(data[a : a + n])
    elif kind == "doubled":
        n = min(n, size - a, size - b)
        data[a : a + n] = data[b : b + n]
    elif kind == "exchanged":
        n = min(n, abs(a - b), size - max(a, b))
        data[a : a + n], data[b : b + n] = data[b : b + n], data[a : a + n]
    else:
        exchange_chunks(data, original, rng)
    return bytes(data), kind


def read_all(path, original):
    """Read every number; returns 0 when each is right or refused, else 3."""
    readers = {name: lambda read, name=name: arrays_of(read)[name] for name in original.arrays}
    for name in ("counts", "jumps", "event_count"):  # which may be readable when others are not
        readers[name] = lambda read, name=name: getattr(read, name)
    wrong, refused = [], False
    for name, reader in readers.items():
        if refused and name not in ("counts", "jumps", "event_count"):
            continue
        try:
            if not np.array_equal(reader(js.open(path)), original.arrays[name]):
                wrong.append(name)
        except (js.StoreError, InputError):
            refused = True
    if wrong:
        print("wrong numbers:", *wrong, file=sys.stderr)
    return 3 if wrong else 0


def tell_all(commands):
    """Carry out commands and print the exit status of each one on stderr."""
    for name, command in commands.items():
        status = command()
        print(f"\x1e{name} {status}", file=sys.stderr, flush=True)
    return 0


def carried_out(commands):
    """(name, exit status, stderr) of commands in a child; the last one may have ended it."""
    end, printed = in_child(lambda: tell_all(commands), SECONDS, MEMORY)
    *done, last = re.split(r"\x1e(.*) (.*)\n", printed)
    for k in range(0, len(done), 3):
        yield done[k + 1], int(done[k + 2]), done[k]
    if end != 0:
        yield list(commands)[len(done) // 3], end, last


def try_a_store(original, number, folder):
    """What is wrong with how a damaged store is dealt with; None when nothing is."""
    folder.mkdir()
    data, kind = mutated_store(original, number)
    path, again = folder / "out.h5", folder / "again.h5"
    path.write_bytes(data)
    again.write_bytes(data)
    ntraj = NTRAJ + (number % 3) * 2
    run = ["run", str(original.spec), "-o", str(again), "-n", str(ntraj), "-q"]
    reading = {
        "info": lambda: main(["info", str(path)]),
        "compare": lambda: main(["compare", str(path), "--no-figure"]),
        "read": lambda: read_all(path, original),
    }
    running = {
        "run": lambda: main(run),
        "read again": lambda: read_all(again, original) if ntraj == NTRAJ else 0,
    }
    wrong = []
    for name, status, printed in [*carried_out(reading), *carried_out(running)]:
        if status not in (0, 2):
            wrong.append(f"{name}: status {status}: {printed[-600:]}")
        elif printed and (printed.count("\n") != 1 or not printed.startswith("jumpsim ")):
            wrong.append(f"{name}: {printed[-600:]}")
        elif status == 2 and not printed:
            wrong.append(f"{name}: status 2 without a word")
        elif name == "run" and status == 0 and ntraj > NTRAJ:
            try:
                assert_same(again, original.grown[ntraj])
            except (AssertionError, OSError) as difference:
                wrong.append(f"run: gave another file: {difference}")
    shutil.rmtree(folder)
    return f"{number} ({kind}): " + "; ".join(wrong) if wrong else None


def try_stores(original, numbers, tmp_path):
    if not hasattr(original, "grown"):
        original.grown = {n: tmp_path / f"{n}.h5" for n in (NTRAJ + 2, NTRAJ + 4)}
        for n, path in original.grown.items():
            assert main(["run", str(original.spec), "-o", str(path), "-n", str(n), "-q"]) == 0
    results = [try_a_store(original, number, tmp_path / f"s{number}") for number in numbers]
    wrong = [text for text in results if text]
    assert not wrong, f"{len(wrong)} of {len(results)} are wrong:\n" + "\n\n".join(wrong[:40])


def test_an_undamaged_store_is_right(original):
    assert in_child(lambda: read_all(original.path, original), SECONDS, MEMORY) == (0, "")
    assert in_child(lambda: main(["info", str(original.path)]), SECONDS, MEMORY) == (0, "")


@pytest.mark.usefixtures("warmed")
def test_some_broken_stores(original, tmp_path):
    try_stores(original, range(25), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("warmed")
@pytest.mark.parametrize("part", range(20))
def test_broken_stores(original, part, tmp_path):
    try_stores(original, range(60 + 100 * part, 160 + 100 * part), tmp_path)


@pytest.mark.usefixtures("warmed")
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("number", [7, 39, 47])  # counts, jumps and times of events among them
def test_exchanged_chunks(original, number, sealed, tmp_path):
    # HDF5 finds nothing wrong; without the seal (another program wrote) nor do the bytes show it.
    data, kind = mutated_store(original, number)
    assert kind == "chunks"
    assert data != original.data
    path = tmp_path / "out.h5"
    path.write_bytes(data if sealed else data[: -seals.SEAL_BYTES])
    assert in_child(lambda: read_all(path, original), SECONDS, MEMORY) == (0, "")
    for command in (["compare", "--no-figure"], ["run", str(original.spec), "-q", "-o"]):
        status, printed = in_child(lambda c=command: main([*c, str(path)]), SECONDS, MEMORY)
        assert_one_line(printed)
        assert status == (0 if command[0] == "run" and not sealed else 2)


def test_a_file_without_its_seal_is_read(original, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(original.data[: -seals.SEAL_BYTES])
    assert in_child(lambda: read_all(path, original), SECONDS, MEMORY) == (0, "")
    for name, numbers in original.arrays.items():
        assert np.array_equal(arrays_of(js.open(path))[name], numbers)


def test_a_shape_that_the_header_does_not_say_is_refused(original, tmp_path):
    for name in ("counts", "jumps", "event_count", "mean"):
        path = tmp_path / f"{name}.h5"
        path.write_bytes(original.data)
        with h5py.File(path, "r+") as file:
            values = file[name][()]
            del file[name]
            file[name] = values[:-1]
        with pytest.raises(js.StoreError, match=f"'{name}' has not the shape or type"):
            js.open(path)
