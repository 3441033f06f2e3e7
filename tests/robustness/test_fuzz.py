"""Broken parameter files and broken stores: one line, no crash, bounded time, no wrong number."""

import copy
import datetime
import math
import re
import shutil
import struct
import sys
import tomllib

import h5py
import numpy as np
import pytest
from support.killed_runs import (
    ROOT,
    assert_one_line,
    assert_same,
    blocks_folder,
    in_child,
    temporaries,
)

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.errors import InputError
from jumpsim.store import hdf5_layout

MEMORY = 3 * 2**30  # bytes of address space; the libraries alone take about half of one GiB
SECONDS = 20

FILES = {path.name: path.read_bytes() for path in sorted((ROOT / "data").glob("*.toml"))}
HOSTILE = [
    True, False, 0, 1, -1, 2, 7, 10**6, 10**7, 10**9, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400,
    -(10**18), 0.0, -0.0, 0.5, 1e-320, 1e-300, 1e300, 1.8e308, math.inf, -math.inf, math.nan, "",
    "x", "1", "-3 Hz", "1e400 Hz", "1e-400 s", "9**9**9**9 Hz", "nan Hz", "10 MHz", "1 s", "5 kg",
    "1e9 s", "1 as", "10 um", "\x07", "é", "Ω" * 300, "a" * 10**5, "A", "m", "B", "none",
    [], {}, [[]], [1, 2], ["1 us", "2 us"], [0.0, math.inf], [math.nan], [2, 1], [1, 1], [True],
    {"A": 1}, {"A": -1}, {"A": 10**20}, {"A": 0.5}, {"": 1}, [{}], [{"name": "A"}], [[1], [2, 3]],
    "counts", "moments", ["counts", "events"], ["counts", "counts"], "log", "linear", "direct",
    datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 1), datetime.time(1, 2),
]  # fmt: skip
KEYS = [
    "system", "parameters", "pools", "channels", "start", "times", "run", "ntraj", "seed", "record",
    "workers", "timeout", "target_sem", "max_events", "block_size", "thermal", "counts", "spread",
    "values", "stop", "points", "spacing", "name", "kind", "rate", "takes", "gives", "through",
    "reverse", "bath", "energy", "modes", "size", "wavelength", "tls", "x", "é", "", "title",
]  # fmt: skip


def toml(value):
    """Text of a value; what `tomllib` reads."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value).replace("-nan", "nan")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return quoted(value)
    return value.isoformat()


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def places(value):
    """Every (container, key) in nested tables and lists, however deep."""

    def entries(container):
        items = container.items() if isinstance(container, dict) else enumerate(container)
        return iter([(container, key, inner) for key, inner in items])

    waiting = [entries(value)]
    while waiting:
        container, key, inner = next(waiting[-1], (None, None, None))
        if container is None:
            waiting.pop()
            continue
        yield container, key
        if isinstance(inner, dict | list):
            waiting.append(entries(inner))


def deep(rng):
    value = 1
    for _ in range(int(rng.choice([3, 50, 500]))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def hostile(rng):
    """Give a copy of its own: what is put into it later must not come back with the next one."""
    return copy.deepcopy(HOSTILE[rng.integers(len(HOSTILE))])


def restructured(data, rng):
    """Replace, remove, add or exchange values of a parameter file."""
    data = tomllib.loads(data.decode())
    for _ in range(rng.integers(1, 4)):
        found = list(places(data))
        if not found:
            break
        container, key = found[rng.integers(len(found))]
        kind = rng.integers(6)
        if kind < 2:
            container[key] = hostile(rng)
        elif kind == 2:
            del container[key]
        elif kind == 3:
            other, name = found[rng.integers(len(found))]
            container[key] = copy.deepcopy(other[name])
        elif kind == 4:
            container[key] = deep(rng)
        elif isinstance(container, dict):
            container[KEYS[rng.integers(len(KEYS))]] = hostile(rng)
    try:
        lines = [f"{quoted(k)} = {toml(v)}" for k, v in data.items()]
    except (RecursionError, ValueError):  # too deep, or a number too large to print
        return b"x = 1"
    return "\n".join(lines).encode("utf-8", "replace")


def retyped(data, rng):
    """Exchange, double or remove words."""
    words = re.split(rb"(\s+|[=,\[\]{}\"])", data)
    for _ in range(rng.integers(1, 4)):
        a, b = rng.integers(len(words), size=2)
        kind = rng.integers(4)
        if kind == 0:
            words[a], words[b] = words[b], words[a]
        elif kind == 1:
            words[a] = words[b]
        elif kind == 2:
            words.insert(a, words[b])
        else:
            words[a] = toml(HOSTILE[rng.integers(len(HOSTILE) - 3)]).encode()
    return b"".join(words)


def bent(data, rng):
    """Flip, remove, double and cut bytes."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        a, n = rng.integers(len(data)), int(rng.integers(1, 40))
        kind = rng.integers(6)
        if kind < 2:
            data[a] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del data[a : a + n]
        elif kind == 3:
            data[a:a] = data[a : a + n] * int(rng.integers(1, 4))
        elif kind == 4:
            data[a] = int(rng.integers(256))
        elif rng.random() < 0.3:
            del data[a:]
    return bytes(data)


def mutated_file(number):
    rng = np.random.default_rng([1, number])
    name = list(FILES)[number % len(FILES)]
    how = (restructured, bent, retyped)[number // len(FILES) % 3]
    return how(FILES[name], rng)


@pytest.fixture(scope="module")
def warmed(tmp_path_factory):
    """Import and compile once: children are forked from here."""
    folder = tmp_path_factory.mktemp("warm")
    spec = folder / "spec.toml"
    spec.write_bytes(FILES["open_waveguide.toml"])
    for command in (["run", str(spec), "-n", "3", "-q", "-o"], ["compare", "--no-figure"]):
        assert main([*command, str(folder / "out.h5")]) == 0


def without_warnings(told):
    """What was told, less warnings of one line each."""
    return re.sub(r"^jumpsim \w+: warning: .*\n", "", told, flags=re.M)


def try_a_file(number, folder):
    """Run a mutated file; returns what is wrong with how it went, and the exit status."""
    folder.mkdir()
    spec, out = folder / "spec.toml", folder / "out.h5"
    text = mutated_file(number)
    spec.write_bytes(text)
    command = ["run", str(spec), "-o", str(out), "-n", "1", "--max-events", "1000"]
    status, told = in_child(lambda: main(command), SECONDS, MEMORY)
    told = without_warnings(told)
    try:
        assert status in ((0, 2, 75) if b"timeout" in text else (0, 2)), status
        if status == 0:
            assert told == ""
            js.open(out)
        else:
            assert_one_line(told)
            assert status == 75 or not out.exists()
        assert not temporaries(out)
        assert status == 75 or not blocks_folder(out).exists()
    except (AssertionError, js.StoreError) as wrong:
        return (
            f"{number}: status {status}, {wrong}\n{told[-1500:]}\n{text.decode('latin-1')[:3000]}",
            status,
        )
    shutil.rmtree(folder)
    return None, status


def try_files(numbers, tmp_path):
    results = [try_a_file(number, tmp_path / f"{number}") for number in numbers]
    wrong = [text for text, _ in results if text]
    print({s: [r for _, r in results].count(s) for s in {r for _, r in results}})
    assert not wrong, f"{len(wrong)} of {len(results)} are wrong:\n" + "\n\n".join(wrong[:10])
    ends = {status for _, status in results}
    assert {0, 2} <= ends  # some are still parameter files


@pytest.mark.usefixtures("warmed")
def test_some_broken_parameter_files(tmp_path):
    try_files(range(60), tmp_path)


def audit_files(numbers, tmp_path):
    ends, wrong = set(), []
    for number in numbers:
        spec = tmp_path / f"{number}.toml"
        spec.write_bytes(mutated_file(number))
        status, told = in_child(lambda spec=spec: main(["audit", str(spec)]), SECONDS, MEMORY)
        told = without_warnings(told)
        if status not in (0, 2) or (told if status == 0 else told.count("\n") != 1):
            wrong.append(f"{number}: status {status}\n{told[-1500:]}\n{spec.read_bytes()[:2000]}")
        ends.add(status)
    assert not wrong, f"{len(wrong)} are wrong:\n" + "\n\n".join(wrong[:10])
    assert {0, 2} <= ends


@pytest.mark.usefixtures("warmed")
def test_some_broken_parameter_files_are_audited(tmp_path):
    audit_files(range(25), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("warmed")
@pytest.mark.parametrize("part", range(4))
def test_broken_parameter_files_are_audited(part, tmp_path):
    audit_files(range(60 + 250 * part, 310 + 250 * part), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("warmed")
@pytest.mark.parametrize("part", range(20))
def test_broken_parameter_files(part, tmp_path):
    try_files(range(300 + 500 * part, 800 + 500 * part), tmp_path)


NTRAJ = 30
SPEC = FILES["open_waveguide.toml"].decode().replace('"10 us"', '"2 us"').replace("101", "11")
SPEC = SPEC.replace("ntraj = 2000", f"ntraj = {NTRAJ}")
SPEC = SPEC.replace('["counts", "jumps"]', '["counts", "jumps", "events", "moments"]')


class Original:
    """A small finished file of many chunks, and everything that is told about it."""

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
    """Carry out commands and tell the exit status of each one on stderr."""
    for name, command in commands.items():
        status = command()
        print(f"\x1e{name} {status}", file=sys.stderr, flush=True)
    return 0


def carried_out(commands):
    """(name, exit status, stderr) of commands in a child; the last one may have ended it."""
    end, told = in_child(lambda: tell_all(commands), SECONDS, MEMORY)
    *done, last = re.split(r"\x1e(.*) (.*)\n", told)
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
    for name, status, told in [*carried_out(reading), *carried_out(running)]:
        if status not in (0, 2):
            wrong.append(f"{name}: status {status}: {told[-600:]}")
        elif told and (told.count("\n") != 1 or not told.startswith("jumpsim ")):
            wrong.append(f"{name}: {told[-600:]}")
        elif status == 2 and not told:
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
    # HDF5 finds nothing wrong; without the seal (another program wrote) nor do the bytes tell.
    data, kind = mutated_store(original, number)
    assert kind == "chunks"
    assert data != original.data
    path = tmp_path / "out.h5"
    path.write_bytes(data if sealed else data[: -hdf5_layout.SEAL_BYTES])
    assert in_child(lambda: read_all(path, original), SECONDS, MEMORY) == (0, "")
    for command in (["compare", "--no-figure"], ["run", str(original.spec), "-q", "-o"]):
        status, told = in_child(lambda c=command: main([*c, str(path)]), SECONDS, MEMORY)
        assert_one_line(told)
        assert status == (0 if command[0] == "run" and not sealed else 2)


def test_a_file_without_its_seal_is_read(original, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(original.data[: -hdf5_layout.SEAL_BYTES])
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
