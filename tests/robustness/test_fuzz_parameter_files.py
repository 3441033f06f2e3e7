"""Thousands of broken parameter files: status 0, 2 or 75, one line, no traceback."""

import copy
import datetime
import math
import re
import shutil
import tomllib

import numpy as np
import pytest
from support.fuzzing import FILES, MEMORY, SECONDS
from support.killed_runs import assert_one_line, blocks_folder, in_child, temporaries

import jumpsim as js
from jumpsim.cli.main import main

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


def without_warnings(printed):
    """What was printed, less warnings of one line each."""
    return re.sub(r"^jumpsim \w+: warning: .*\n", "", printed, flags=re.M)


def try_a_file(number, folder):
    """Run a mutated file; returns what is wrong with how it went, and the exit status."""
    folder.mkdir()
    spec, out = folder / "spec.toml", folder / "out.h5"
    text = mutated_file(number)
    spec.write_bytes(text)
    command = ["run", str(spec), "-o", str(out), "-n", "1", "--max-events", "1000"]
    status, printed = in_child(lambda: main(command), SECONDS, MEMORY)
    printed = without_warnings(printed)
    try:
        assert status in ((0, 2, 75) if b"timeout" in text else (0, 2)), status
        if status == 0:
            assert printed == ""
            js.open(out)
        else:
            assert_one_line(printed)
            assert status == 75 or not out.exists()
        assert not temporaries(out)
        assert status == 75 or not blocks_folder(out).exists()
    except (AssertionError, js.StoreError) as wrong:
        return (
            f"{number}: status {status}, {wrong}\n{printed[-1500:]}\n"
            f"{text.decode('latin-1')[:3000]}",
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
        status, printed = in_child(lambda spec=spec: main(["audit", str(spec)]), SECONDS, MEMORY)
        printed = without_warnings(printed)
        if status not in (0, 2) or (printed if status == 0 else printed.count("\n") != 1):
            wrong.append(
                f"{number}: status {status}\n{printed[-1500:]}\n{spec.read_bytes()[:2000]}"
            )
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
