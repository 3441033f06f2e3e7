"""Full disks, and places that may not be read or written: one line, and no block lost."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest
from support import killed_runs as survival
from support.interrupted_runs import assert_readable, covered, leave_blocks, names
from support.killed_runs import (
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
    in_child,
    indices,
    prepared,
    temporaries,
)
from support.parameter_files import hohlraum, written

from jumpsim.cli.main import main

# A file system of a few kilobytes, which only the commands in here see.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size={size} none {disk} || exit 90
{run}
echo $? > {after}/status
mkdir {after}/disk
cp -a {disk}/. {after}/disk
mount -o remount,size=64m {disk}
{run}
echo $? >> {after}/status
cp -a {disk}/. {after}/end
"""


def on_a_small_disk(script, **places):
    words = {name: shlex.quote(str(value)) for name, value in places.items() if name != "run"}
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script.format(**words, run=places.get("run"))],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """Skip where one cannot mount a file system of one's own."""
    disk = tmp_path_factory.mktemp("disk")
    try:
        tried = on_a_small_disk("mount -t tmpfs -o size={size} none {disk}", size="64k", disk=disk)
    except OSError as error:
        pytest.skip(f"no namespaces: {error}")
    if tried.returncode:
        pytest.skip(f"no mount in a namespace: {tried.stderr.strip()}")


def fill_a_disk(size, spec, reference, tmp_path, capsys, options='{"commit": 0}'):
    """Run on a disk of `size` bytes, and again when it has grown; whether it had been full."""
    disk, after = tmp_path / "disk", tmp_path / "after"
    disk.mkdir()
    after.mkdir()
    (after / "end").mkdir()
    command = [sys.executable, str(spec.parent / "driver.py"), options, "run", str(spec)]
    shutil.copy(survival.__file__, spec.parent / "driver.py")
    run = shlex.join([*command, "-o", str(disk / "out.h5"), "-q"])
    printed = on_a_small_disk(ON_A_SMALL_DISK, size=size, disk=disk, after=after, run=run)
    first, second = (after / "status").read_text().split()
    left = after / "disk" / "out.h5"
    if first == "0":
        assert printed.stderr == ""
    else:
        assert first == "2", printed.stderr  # and not a signal: HDF5 may die of a full disk
        assert_one_line(printed.stderr)
        assert "no space left on the disk" in printed.stderr
        assert covered(left) == indices(names(left))
        assert_readable(left, capsys)
        assert not temporaries(left)
    assert second == "0"
    assert_same(after / "end" / "out.h5", reference)
    assert_nothing_left(after / "end" / "out.h5")
    shutil.rmtree(after)
    shutil.rmtree(disk)
    return first == "2"


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("size", ["4k", "150k", "450k"])
def test_a_full_disk(size, spec, reference, tmp_path, capsys):
    assert fill_a_disk(size, spec, reference, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full_at_any_moment(spec, reference, tmp_path, capsys):
    sizes = [*range(4, 64, 4), *range(64, 1000, 24)]
    full = [s for s in sizes if fill_a_disk(f"{s}k", spec, reference, tmp_path, capsys)]
    assert len(full) > len(sizes) / 2
    assert len(full) < len(sizes)


@pytest.mark.slow
@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full_when_a_state_is_written(tmp_path, tmp_path_factory, capsys):
    """States of 3 MB at the end, of two trajectories that take a second or more each."""
    text = hohlraum(
        "counts = { N = 15, m = 0 }", 'stop = "250 ms"\npoints = 200001', "ntraj = 2\nseed = 3"
    )
    reference = prepared(tmp_path_factory.mktemp("long"), text)
    spec, options = written(tmp_path, text), '{"commit": 0, "states": 0.2}'
    for size in ("8k", "100k", "1500k"):
        assert fill_a_disk(size, spec, reference, tmp_path, capsys, options)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up the right to read")
def test_a_block_that_may_not_be_read(spec, out, tmp_path):
    file = leave_blocks(spec, out, (0, 10))[0]
    file.chmod(0)

    def as_nobody():
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path, out.parent, file.parent):
            folder.chmod(0o777)
        (file.parent / "lock").chmod(0o666)
        os.setgid(65534)
        os.setuid(65534)
        return main(["run", str(spec), "-o", str(out), "-q"])

    status, printed = in_child(as_nobody)
    assert status in (0, 2)
    assert_one_line(printed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up the right to write")
@pytest.mark.parametrize("what", ["parent", "folder", "lock"])
def test_a_place_that_may_not_be_written(what, spec, out, tmp_path):
    leave_blocks(spec, out, (0, 10))

    def as_nobody():
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path, out.parent):
            folder.chmod(0o777)
        blocks_folder(out).chmod(0o777)
        (blocks_folder(out) / "lock").chmod(0o666)
        if what == "lock":
            (blocks_folder(out) / "lock").chmod(0o600)
        else:
            {"parent": out.parent, "folder": blocks_folder(out)}[what].chmod(0o755)
        os.setgid(65534)
        os.setuid(65534)
        return main(["run", str(spec), "-o", str(out), "-q"])

    status, printed = in_child(as_nobody)
    assert status == 2, printed
    assert_one_line(printed)
    assert covered(out) >= set(range(10))
