"""Files that once gave a traceback or a hang: one line each, and files in unusual places."""

import codecs
import os
from pathlib import Path

import numpy as np
import pytest

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.store import FileStore, disk, seals

HOSTILE = Path(__file__).parent / "hostile"
SPEC = """
[parameters]
name = "decay"
[[pools]]
kind = "mass_action"
name = "A"
[[channels]]
name = "down"
rate = "1 MHz"
takes = { A = 1 }
[start]
counts = { A = 20 }
[times]
stop = "1e-6"
points = 3
[run]
ntraj = 200
seed = 1
"""
MODEL = js.Model([js.Pool.mass_action("A")], [js.Channel("down", 1e6, {"A": 1})])


def run(path, ntraj=20, **more):
    return js.simulate(MODEL, [0.0, 1e-6], ntraj, {"A": 20}, seed=1, store=path, **more)


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(SPEC)
    return tmp_path


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1634, "is not a finite number"),
        (1920, "must be a finite rate ≥ 0, but is inf"),
        (3997, "`mu_l` must be a finite real number"),
        (4391, "for one set of parameters, not for arrays"),
        (6533, "`count of 'block_size'` must be a finite number, but is '😀'"),
        (10458, None),
    ],
)
@pytest.mark.filterwarnings("ignore::jumpsim.errors.PhysicsWarning")
def test_hostile_parameter_files(number, shown):
    path = HOSTILE / f"spec_{number}.toml"
    if shown is None:
        js.load_spec(path)  # events of very many quanta work
        return
    with pytest.raises(js.InputError) as caught:
        js.load_spec(path)
    assert shown in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["info", "compare", "status"])
def test_a_damaged_file_is_not_given_to_hdf5(command, capsys):
    """`info` looped in HDF5 for ever, where no signal is noticed."""
    status = main([command, str(HOSTILE / "damaged_raw_88.h5")])
    printed = capsys.readouterr()
    assert status == (0 if command == "status" else 2)
    assert "its bytes are not those that were written" in printed.out + printed.err


def test_a_damaged_file_without_its_seal(tmp_path, monkeypatch):
    """A process of its own reads it first, for a limited time."""
    monkeypatch.setattr(seals, "_SECONDS", 2.0)
    path = tmp_path / "a.h5"
    path.write_bytes((HOSTILE / "damaged_raw_88.h5").read_bytes()[: -seals.SEAL_BYTES])
    with pytest.raises(js.StoreError, match="HDF5 does not read it within 2 s"):
        js.open(path)


def test_a_long_run_is_sealed(tmp_path):
    path = tmp_path / "long.h5"
    model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    js.long_run(model, {"N": 12, "m": 3}, "1 us", 3, 10, seed=1, store=path)
    assert len(js.open_long(path)) == 3
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(js.StoreError, match="its bytes are not those that were written"):
        js.open_long(path)


def test_a_symbolic_link_is_written_through(tmp_path):
    (tmp_path / "scratch").mkdir()
    link, real = tmp_path / "link.h5", tmp_path / "scratch" / "real.h5"
    link.symlink_to("scratch/real.h5")  # the target does not exist yet
    run(link)
    run(link, 30)
    assert link.is_symlink()
    assert js.open(real).ntraj == js.open(link).ntraj == js.status(link).done == 30
    assert sorted(os.listdir(tmp_path)) == ["link.h5", "scratch"]
    assert os.listdir(tmp_path / "scratch") == ["real.h5"]


def test_links_without_an_end(tmp_path):
    (tmp_path / "a.h5").symlink_to("b.h5")
    (tmp_path / "b.h5").symlink_to("a.h5")
    with pytest.raises(js.StoreError, match="is a symbolic link without an end"):
        run(tmp_path / "a.h5")


def test_bytes_and_wrong_paths(tmp_path):
    path = os.fsencode(tmp_path / "a.h5")
    assert run(path).ntraj == js.open(path).ntraj == 20
    for wrong in (5, "a\0b.h5"):
        with pytest.raises(js.InputError, match="`store` must be the path of a file"):
            run(wrong)


def test_names_that_differ_after_a_dot(spec, capsys):
    for name in ("T0.5", "T0.7"):
        assert main(["run", "spec.toml", "-o", name, "-q", "-n", "20"]) == 0
        assert main(["run", "spec.toml", "-o", name, "-q", "-n", "20", "--shard", "1/2"]) == 0
        assert main(["distribution", name, "A", "1e-6"]) == 0
    made = sorted(file for file in os.listdir(spec) if file.startswith("T"))
    assert [file for file in made if file.endswith(".png")] == [
        "T0.5-distribution.png",
        "T0.7-distribution.png",
    ]
    assert "distribution of A at 1 µs" in capsys.readouterr().out


@pytest.mark.parametrize("number", [30, 13, 1])
def test_a_complete_run_on_a_disk_that_is_read_only(tmp_path, monkeypatch, number):
    """EROFS, EACCES, EPERM: a complete run is answered, a longer one is refused."""
    path = tmp_path / "a.h5"
    usual = run(path)

    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk, "sync_folder", refused)
    again = run(path)
    assert again.stop_reason == "nothing to do: all 20 trajectories were there already"
    assert np.array_equal(again.counts, usual.counts)
    with pytest.raises(js.StoreError, match="cannot be written"):
        run(path, 30)
    with pytest.raises(js.StoreError, match="cannot be written"):
        run(path, record=["counts", "events"])
    assert FileStore(path).ranges() == [(0, 20)]


def test_a_byte_order_mark(spec):
    (spec / "bom.toml").write_bytes(codecs.BOM_UTF8 + SPEC.encode())
    assert js.load_spec(spec / "bom.toml").times.tolist() == [0, 5e-7, 1e-6]
    (spec / "utf16.toml").write_bytes(SPEC.encode("utf-16"))
    with pytest.raises(js.InputError, match="is not text in UTF-8"):
        js.load_spec(spec / "utf16.toml")


@pytest.mark.usefixtures("spec")
def test_figures_print_no_warnings_of_matplotlib(capsys):
    """A species without a temperature has no series in that panel."""
    assert main(["run", "spec.toml", "-o", "a.h5", "-q"]) == 0
    assert main(["compare", "a.h5"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("spec")
def test_errors_of_the_system_are_one_line(capsys):
    name = "x" * 300 + ".h5"
    assert main(["run", "spec.toml", "-o", name, "-q"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("jumpsim run: xxx")
    assert printed.count("\n") == 1


def test_too_many_points_are_named_by_their_key(spec):
    text = SPEC.replace('stop = "1e-6"', "start = 1.0\nstop = 1.0000000000000004")
    (spec / "spec.toml").write_text(text)
    with pytest.raises(js.InputError, match=r"\[times\]: `points` = 3 are too many between"):
        js.load_spec(spec / "spec.toml")
