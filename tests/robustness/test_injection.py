"""A failure at every step of writing: one line is reported, nothing is lost, the run goes on."""

import builtins
import errno
import fcntl
import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.executors import Serial
from support.killed_runs import assert_nothing_left, assert_same, blocks_folder, in_child, indices
from support.systems import PUBLISHED

import jumpsim as js
from jumpsim.run import block_task
from jumpsim.store import WritableStore, hdf5_layout, seals
from jumpsim.store.file_part import FilePart
from jumpsim.store.plan import Plan

RECORDS = ("counts", "jumps", "events", "moments", "variances")

NTRAJ, BLOCK = 8, 2  # two blocks, because two at a time are handed out, and the finished file
TIMES = np.linspace(0, 1e-6, 5)

# Everything that a run calls to change a disk or to read from it.
STEPS = {
    "make a folder": (os, "mkdir"),
    "remove a folder": (os, "rmdir"),
    "rename": (os, "replace"),
    "remove": (os, "unlink"),
    "sync": (os, "fsync"),
    "open a handle": (os, "open"),
    "open a file": (builtins, "open"),
    "write": (os, "write"),
    "write at": (os, "pwrite"),
    "lock": (fcntl, "lockf"),
    "write a note": (Path, "write_text"),
    "open HDF5": (h5py.File, "__init__"),
    "close HDF5": (h5py.File, "close"),
    "flush HDF5": (h5py.File, "flush"),
    "make a dataset": (h5py.Group, "create_dataset"),
    "make a scale": (h5py.Dataset, "make_scale"),
    "write a dataset": (h5py.Dataset, "__setitem__"),
    "read a dataset": (h5py.Dataset, "__getitem__"),
    "write an attribute": (h5py.AttributeManager, "__setitem__"),
}
_TAKE_A_PATH = {"mkdir", "rmdir", "open", "unlink"}


def no_space():
    raise OSError(errno.ENOSPC, "No space left on device")


def no_space_as_hdf5_says_it():
    raise RuntimeError("Can't decrement id ref count (file write failed: errno = 28, error message "
                       "= 'No space left on device', buf = 0x1)")  # fmt: skip


def input_output_error():
    raise OSError(errno.EIO, "Input/output error")


def interrupt():
    raise KeyboardInterrupt


def die():
    os._exit(137)


FAILURES = (no_space, no_space_as_hdf5_says_it, input_output_error, interrupt, die)


def simulate(path, record=RECORDS, workers=1):
    model = js.systems.open_waveguide(**PUBLISHED)
    with Serial() as executor:
        return js.simulate(
            model, TIMES, NTRAJ, js.Thermal(1.0), 5, list(record),
            store=path, executor=executor, workers=workers, block_size=BLOCK,
        )  # fmt: skip


pytestmark = pytest.mark.usefixtures("every_block_at_once")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "out.h5"
    simulate(path)
    return path


class Watch:
    """Counts the calls of a step and lets one of them fail; notes which blocks got their name."""

    def __init__(self, folder, step, number=None, failure=None, after=False):
        self.folder, self.step, self.number = str(folder), step, number
        self.failure, self.after = failure, after
        self.calls, self.acknowledged = 0, {}

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        replace = os.replace

        def noted_replace(source, target):
            replace(source, target)
            if Path(target).name.startswith("traj-") and Path(target).suffix == ".h5":
                self.acknowledged[Path(target)] = digest(target)

        self.patch.setattr(os, "replace", noted_replace)
        owner, name = STEPS[self.step]
        function = getattr(owner, name)

        def watched(*given, **named):
            if name in _TAKE_A_PATH and not self.folder_of(given):
                return function(*given, **named)
            self.calls += 1
            if self.calls != self.number:
                return function(*given, **named)
            if self.after:
                function(*given, **named)
            return self.failure()

        self.patch.setattr(owner, name, watched)
        return self

    def __exit__(self, *_):
        self.patch.undo()

    def folder_of(self, given):
        """Whether a call is about the store."""
        return isinstance(given[0], str | os.PathLike) and str(given[0]).startswith(self.folder)


def digest(path):
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
        return hashlib.blake2b(file.read()).hexdigest()


def calls_of(step, prepare, again, tmp_path):
    """How often an undisturbed run makes a step."""
    path = tmp_path / "dry" / "out.h5"
    path.parent.mkdir()
    prepare(path)
    with Watch(path.parent, step) as watch:
        again(path)
    return watch.calls


def fail(watch, path, again):
    """Run with a failure; asserts that it is reported as it should be, or that all went well."""
    try:
        with watch:
            again(path)
    except KeyboardInterrupt:
        assert watch.failure is interrupt
    except js.StoreError as error:
        printed = str(error)
        assert watch.failure is not interrupt
        assert "\n" not in printed
        assert str(path.parent) in printed
        if "no_space" in watch.failure.__name__ and watch.step not in ("read a dataset", "lock"):
            assert "no space" in printed.lower()


def fail_in_child(watch, path, again):
    """Run with a death; what was acknowledged is what has its name."""

    def run():
        with watch:
            again(path)

    status, printed = in_child(run)
    assert status in (137, 0), printed
    for block in blocks_folder(path).glob("traj-*.h5"):
        watch.acknowledged[block] = digest(block)


def assert_goes_on(watch, path, again, reference):
    """Assert that what was acknowledged is there, and that a plain rerun ends as it should."""
    if path.exists():
        FilePart(path).verify()
    for block, content in watch.acknowledged.items():
        if block.exists():
            assert digest(block) == content
            FilePart(block).verify()
        else:
            held = {i for a, b in FilePart(path).ranges for i in range(a, b)}
            assert indices([block.name]) <= held
            assert FilePart(path).plan.record == tuple(RECORDS)
    again(path)
    assert_same(path, reference)
    assert_nothing_left(path)


def cases(calls, most):
    """Numbers of the calls to let fail: all of them, or `most`, with the first and the last."""
    if most is None or calls <= most:
        return range(1, calls + 1)
    return sorted({1 + round(k * (calls - 1) / (most - 1)) for k in range(most)})


def try_all(step, prepare, again, tmp_path, reference, most=None):
    calls = calls_of(step, prepare, again, tmp_path)
    if not calls:
        pytest.skip("this step is never made")
    case = 0
    for number in cases(calls, most):
        # What was opened, and was never handed over, could not be closed by anyone.
        after = (False,) if step.startswith("open") else (False, True)
        every = [(f, a) for f in FAILURES for a in after]
        if STEPS[step][0] in (os, fcntl, builtins, Path):
            every = [(f, a) for f, a in every if f is not no_space_as_hdf5_says_it]
        if most is not None:
            every = [every[(3 * number + 7 * case) % len(every)]]
        for failure, after in every:
            case += 1
            path = tmp_path / f"{case}" / "out.h5"
            path.parent.mkdir()
            prepare(path)
            watch = Watch(path.parent, step, number, failure, after)
            where = f"{step}, call {number} of {calls}, {failure.__name__}, after={after}"
            try:
                (fail_in_child if failure is die else fail)(watch, path, again)
                assert_goes_on(watch, path, again, reference)
            except BaseException as error:
                error.add_note(where)
                raise


def nothing(_path):
    pass


@pytest.mark.parametrize("step", STEPS)
def test_some_steps_of_a_run_fail(step, tmp_path, reference):
    try_all(step, nothing, simulate, tmp_path, reference, most=5)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_a_run_fails(step, tmp_path, reference):
    try_all(step, nothing, simulate, tmp_path, reference)


def stop_after_some(path):
    """Blocks of a run that was stopped, with gaps."""
    model = js.systems.open_waveguide(**PUBLISHED)
    plan = Plan(model, js.Thermal(1.0), TIMES, 5, RECORDS)
    store = WritableStore(path, plan)
    for first, last in ((0, 2), (2, 3), (5, 6)):
        store.write([block_task.run_block(plan, first, last)[0]])
    store.finish(None, complete=False)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_a_resumed_run_fails(step, tmp_path, reference):
    try_all(step, stop_after_some, simulate, tmp_path, reference)


@pytest.mark.parametrize("step", ["open HDF5", "read a dataset"])
def test_some_steps_of_a_resumed_run_fail(step, tmp_path, reference):
    try_all(step, stop_after_some, simulate, tmp_path, reference, most=8)


def only_counts(path):
    simulate(path, ["counts"])


@pytest.mark.parametrize("step", ["rename", "remove", "sync", "open HDF5", "read a dataset"])
def test_some_steps_fail_while_a_record_is_added_to(step, tmp_path, reference):
    try_all(step, only_counts, simulate, tmp_path, reference, most=6)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_every_step_fails_while_a_record_is_added_to(step, tmp_path, reference):
    try_all(step, only_counts, simulate, tmp_path, reference)


def test_a_record_that_is_added_to_is_read_as_it_was_until_it_is_done(tmp_path, reference):
    path = tmp_path / "out.h5"
    only_counts(path)
    counts = js.open(path).counts
    fail_in_child(watch := Watch(tmp_path, "rename", 2, die, after=True), path, simulate)
    assert watch.acknowledged
    assert js.open(path).record == ("counts",)
    assert np.array_equal(js.open(path).counts, counts)
    simulate(path)
    assert_same(path, reference)


def write_altered(path):
    """Write a file of counts with one number changed, and with checksums that fit."""
    model = js.systems.open_waveguide(**PUBLISHED)
    plan = Plan(model, js.Thermal(1.0), TIMES, 5, ("counts",))
    block, _ = block_task.run_block(plan, 0, NTRAJ)
    block.arrays["counts"][3, 2, 1] += 1
    hdf5_layout.write(path, plan, [(0, NTRAJ, block, 0)])
    FilePart(path).verify()


@pytest.mark.parametrize("workers", [1, 2])  # two make one block of the whole, of the same name
@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_number_is_found_when_a_record_is_added_to(finished, workers, tmp_path):
    path = tmp_path / "out.h5"
    changed = path
    if not finished:
        changed = blocks_folder(path) / f"traj-{0:012d}-{NTRAJ:012d}.h5"
        changed.parent.mkdir()
    write_altered(changed)
    before = changed.read_bytes()
    for _ in range(2):
        with pytest.raises(js.StoreError, match="trajectory 3 differs") as printed:
            simulate(path, ["counts", "jumps"], workers)
        assert "\n" not in str(printed.value)
        assert str(changed) in str(printed.value)
        assert changed.read_bytes() == before


def swapped_types(path, folder):
    """Copies of a file that say in one bit that a variable is big-endian: the same bytes.

    Without the seal of the file, as if another program had written it.
    """
    data = path.read_bytes()[: -seals.SEAL_BYTES]
    type_of = bytes([0x10, 0x08, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0])  # little-endian int16
    place = data.find(type_of)
    assert place >= 0
    while place >= 0:
        wrong = bytearray(data)
        wrong[place + 1] ^= 1
        (folder / f"{place}.h5").write_bytes(wrong)
        yield folder / f"{place}.h5"
        place = data.find(type_of, place + 1)


def test_the_byte_order_of_a_number_is_part_of_what_is_verified(tmp_path, reference):
    found = 0
    for path in swapped_types(reference, tmp_path):
        try:
            FilePart(path).verify()
        except js.StoreError:
            found += 1
            continue
        assert_same(path, reference)
    assert found


def test_the_byte_order_of_a_number_is_part_of_what_is_read(tmp_path, reference):
    for path in swapped_types(reference, tmp_path):
        try:
            read, right = js.open(path), js.open(reference)
            assert np.array_equal(read.counts, right.counts)
            assert np.array_equal(read.jumps, right.jumps)
        except js.StoreError:
            pass
