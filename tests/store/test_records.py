"""Every set of records of every engine survives an interruption: the same file, to the last bit."""

import dataclasses
import json
import os
import signal
import time
from itertools import chain, combinations

import numpy as np
import pytest
from support.executors import Serial
from support.killed_runs import assert_nothing_left, blocks, blocks_folder, indices

import jumpsim as js
from jumpsim import engine
from jumpsim.engine.codegen import lockstep
from jumpsim.run import block_task, scheduler
from jumpsim.store import FileStore, paths, records
from jumpsim.utils import provenance

NTRAJ, BLOCK = 128, 32  # rows: as many as lockstep needs
TIMES = np.linspace(0, 1, 4)
MODELS = {
    "counts": (js.systems.hohlraum(3, 2, 1.0), {"N": 2, "m": 1}),
    "expect": (
        js.systems.two_level_mode(10.0, 0.0, 11.3, 0.7, 1.0, 1.5, 0.5, f_u=0.9, f_l=0.2, n_b=0.3),
        {"u": 1, "l": 0, "photon": 1},
    ),
    # Two-level systems with individual rates: partial propensities.
    "individual": (
        js.Model(
            [js.Pool.bosonic("N", 2), js.Pool.tls("m", 3)],
            js.Channel.reversible("up", "down", [0.5, 1.0, 2.0], {"N": 1}, {"m": 1}),
        ),
        {"N": 2, "m": 1},
    ),
}
KERNELS = (
    "counts plain",
    "counts one by one",
    "counts lockstep",
    "expect plain",
    "individual plain",
)


def test_letters_of_records_are_not_ambiguous():
    letters = [record.letter for record in records.RECORDS.values()]
    assert len(set("".join(letters))) == len(letters)
    names = {paths.block_name(0, 9, record) for record in subsets(records.RECORDS)}
    assert len(names) == 2 ** len(letters) - 1
    assert all(paths.BLOCK_NAME.fullmatch(name) for name in names)
    for wrong in ("-jc", "-cc", "-y", "-"):
        assert not paths.BLOCK_NAME.fullmatch(f"traj-000000000000-000000000009{wrong}.h5")


def subsets(names):
    return list(chain.from_iterable(combinations(names, k) for k in range(1, len(names) + 1)))


def cases(names):
    """Sets of records; both records of sums, which share variables, only in the extreme ones."""
    sums = {"moments", "variances"}
    return [s for s in subsets(names) if not sums <= set(s) or len(s) in (2, len(names))]


def offered(kernel):
    return records.offered(MODELS[kernel.split()[0]][0])


def named(case):
    words = (part if isinstance(part, str) else "+".join(part) for part in case)
    return "-".join(words)


def quick(cases, chosen):
    """Parameters of a test: those that are not chosen are slow."""
    return [
        pytest.param(*case, id=named(case), marks=() if chosen(*case) else pytest.mark.slow)
        for case in cases
    ]


STOPS = ("error", "signal")
ALONE = [
    (kernel, record, stop)
    for kernel in KERNELS
    for record in cases(offered(kernel))
    for stop in STOPS
]
ADDED = [
    (kernel, smaller, larger, before, stop)
    for kernel in KERNELS
    for larger in cases(offered(kernel))
    for smaller in cases(larger)
    if smaller != larger
    for before in ("finished", "interrupted")
    for stop in STOPS
]


def alone_is_quick(kernel, record, stop):
    plain_or_some = "plain" in kernel or len(record) == 3
    return plain_or_some and stop == STOPS[len(record) % 2]


def added_is_quick(kernel, smaller, larger, before, stop):
    few = smaller == larger[:1] and len(larger) in (2, 4)
    expected = "interrupted" if "moments" in larger else "finished"
    return "plain" in kernel and few and before == expected and stop == STOPS[len(larger) // 4]


class WorkerError(Exception):
    """What goes wrong in a worker."""


@pytest.fixture(autouse=True)
def _same_context(monkeypatch):
    """Leave out of the files what is not the same in each run, and write each block at once."""
    monkeypatch.setattr(provenance, "context", dict)
    monkeypatch.setattr(scheduler, "_COMMIT_SECONDS", -1)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # most of the time of this file


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Files of runs that nothing disturbed, by model and records; of the plain kernel."""
    return tmp_path_factory.mktemp("references"), {}


@pytest.fixture
def reference(references, simulate):
    """Function that gives the content of the file of a run that nothing disturbed."""
    folder, known = references

    def content(kernel, record):
        case = kernel.split()[0], record
        if case not in known:
            path = folder / f"{len(known)}.h5"
            simulate(f"{case[0]} plain", path, record)
            known[case] = path.read_bytes()
        return known[case]

    return content


@pytest.fixture
def simulate(monkeypatch, compiled_at_once):  # noqa: ARG001
    """Function that simulates with the kernel of a name; `stop` names the way to interrupt it."""

    def run(kernel, path, record, stop=None, **more):
        model, start = MODELS[kernel.split()[0]]
        done = []
        with monkeypatch.context() as patch:
            left = 0.0 if "plain" in kernel else np.inf
            patch.setattr(scheduler.Batch, "_seconds_left", lambda *_: left)
            if "lockstep" not in kernel:
                patch.setattr(lockstep, "fits", lambda *_: False)
            patch.setattr(block_task, "run_block", interrupted(stop, done))
            js.simulate(
                model, TIMES, NTRAJ, start, 3, list(record), store=path, workers=1,
                block_size=BLOCK, **more,
            )  # fmt: skip
        return done

    return run


def interrupted(stop, done):
    """Function like `run_block` that notes its trajectories, and stops the run in the middle."""
    run_block = block_task.run_block

    def run(plan, first, last, max_events, proceed, *more):
        if stop and len(done) == 1:
            if stop == "error":
                raise WorkerError
            os.kill(os.getpid(), signal.SIGINT)
            while proceed(0, 0):
                time.sleep(0.001)
        done.append((first, last))
        return run_block(plan, first, last, max_events, None, *more)

    return run


def interrupt(simulate, kernel, path, record, stop):
    """Leave a run in the middle; returns its blocks."""
    expected = {"error": WorkerError, "signal": KeyboardInterrupt}[stop]
    with pytest.raises(expected):
        simulate(kernel, path, record, stop)
    return blocks(path)


def assert_resumed(path, done, kept, reference):
    """Assert that what was there was not simulated again, and that all is as without a stop."""
    assert {i for span in done for i in range(*span)} == set(range(NTRAJ)) - indices(kept)
    assert path.read_bytes() == reference
    assert_nothing_left(path)
    assert [file.name for file in path.parent.iterdir()] == ["a.h5"]


@pytest.mark.parametrize(("kernel", "record", "stop"), quick(ALONE, alone_is_quick))
def test_any_records_are_resumed(kernel, record, stop, simulate, reference, tmp_path):
    path = tmp_path / "a.h5"
    kept = interrupt(simulate, kernel, path, record, stop)
    assert 0 < len(indices(kept)) < NTRAJ
    assert_resumed(path, simulate(kernel, path, record), kept, reference(kernel, record))


@pytest.mark.parametrize(
    ("kernel", "smaller", "larger", "before", "stop"), quick(ADDED, added_is_quick)
)
def test_added_records_are_resumed(
    kernel, smaller, larger, before, stop, simulate, reference, tmp_path
):
    path = tmp_path / "a.h5"
    if before == "finished":
        simulate(kernel, path, smaller)
    else:
        interrupt(simulate, kernel, path, smaller, stop)
    earlier = blocks(path)
    # What is there is kept beside what is added, so that the new records need not name it.
    added = [name for name in larger if name not in smaller]
    kept = interrupt(simulate, kernel, path, added, stop).keys() - earlier.keys()
    assert 0 < len(indices(kept)) < NTRAJ
    assert js.open(path).record == (smaller if before == "finished" else larger)
    assert_resumed(path, simulate(kernel, path, added), kept, reference(kernel, larger))


@pytest.mark.parametrize("kernel", ["counts plain", "expect plain", "individual plain"])
def test_blocks_that_workers_write_are_resumed(kernel, simulate, reference, tmp_path):
    path, everything = tmp_path / "a.h5", offered(kernel)
    simulate(kernel, path, everything[:1])
    with Serial() as executor:
        shared = {"executor": executor, "shared_folder": True}
        with pytest.raises(WorkerError):
            simulate(kernel, path, everything, "error", **shared)
        kept = blocks(path)
        assert len(kept) == 1
        done = simulate(kernel, path, everything, **shared)
    assert_resumed(path, done, kept, reference(kernel, everything))


@pytest.mark.parametrize(
    ("kernel", "larger", "letters"),
    [
        ("counts plain", ("counts", "jumps"), "cj"),
        ("counts plain", ("counts", "events"), "ce"),
        ("counts plain", ("counts", "jumps", "events", "moments"), "cjem"),
        ("expect plain", ("expect", "jumps"), "ej"),
        ("expect plain", ("expect", "events"), "ee"),
        ("expect plain", ("expect", "jumps", "events", "moments"), "ejem"),
    ],
)
def test_blocks_of_earlier_versions_are_resumed(
    kernel, larger, letters, simulate, reference, tmp_path
):
    """They were named by the initials of their records."""
    path = tmp_path / "a.h5"
    simulate(kernel, path, larger[:1])
    kept = interrupt(simulate, kernel, path, larger, "error")
    for name in kept:
        file = blocks_folder(path) / name
        file.rename(file.with_name(f"{name[:30]}-{letters}.h5"))
    assert js.status(path).damaged == []
    assert_resumed(path, simulate(kernel, path, larger), kept, reference(kernel, larger))


@pytest.mark.parametrize(
    ("record", "checksum"),
    [
        (("counts", "jumps", "events", "moments"), "1db9db446ac4f9f7ef24a3625388a7ab"),
        (("moments",), "c9057a741ba70e2bcabb0fe8d206bd04"),
    ],
)
def test_files_have_the_checksums_of_earlier_versions(record, checksum, tmp_path):
    """Another record, or another order of variables, must not change those of a file."""
    model, start = MODELS["counts"]
    js.simulate(model, TIMES, 20, start, 3, list(record), store=tmp_path / "a.h5")
    assert FileStore(tmp_path / "a.h5").parts[0].checksum == checksum


def test_a_run_file_of_an_earlier_version_is_read(tmp_path):
    text = '{"wanted": 12, "pid": 3, "host": "there", "began": 1.5, "had": 4}'
    (tmp_path / "run.json").write_text(text)
    info = paths.RunInfo.read(tmp_path)
    assert info == paths.RunInfo(12, 4, 1.5, 3, "there")
    assert json.loads(info.text()) == json.loads(text)
    (tmp_path / "run.json").write_text(text.replace("12", '"many"'))
    assert paths.RunInfo.read(tmp_path) is None


@pytest.mark.parametrize(
    ("names", "keep"),
    [
        (("variances",), {"samples", "squares"}),
        (("jumps", "variances"), {"samples", "jumps", "squares"}),
        (("moments",), {"samples", "sums"}),
        (("moments", "variances"), {"samples", "sums"}),
        (("counts", "variances"), {"samples"}),
    ],
)
def test_an_engine_sums_no_more_than_is_recorded(names, keep):
    assert records.engine_keeps(MODELS["counts"][0], names) == keep


@pytest.mark.parametrize("kind", MODELS)
def test_declarations_fit_the_engine_and_the_file(kind, tmp_path):
    model, start = MODELS[kind]
    everything = records.offered(model)
    ensemble = js.simulate(model, TIMES, 3, start, 1, list(everything), store=tmp_path / "a.h5")
    rows = {field.name for field in dataclasses.fields(engine.Rows)}
    part = FileStore(tmp_path / "a.h5").parts[0]
    assert tuple(part.present) == tuple(v.name for v in ensemble._store.plan.variables)
    for variable in ensemble._store.plan.variables:
        assert variable.buffer in rows | {""}
        assert part.dtype(variable.name) in variable.file_types
    for name in everything:
        assert f"kept      {name} " in str(ensemble)
        if records.columns(model, name):
            array = ensemble.array(name)
            assert array.dtype == records.RECORDS[name].dtype
            assert array.shape == (3, len(TIMES), len(model.columns[name]))
    with pytest.raises(js.InputError, match='"events" is no array over times and columns'):
        ensemble.array("events")
    assert set(records.columns(model, model.samples.record)) == set(model.samples.names)
