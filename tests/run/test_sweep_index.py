"""The index of a sweep: another sweep's, damaged, missing, with two writers."""

import json
import os
import threading
import time

import pytest
from support.sweeps import GRID, SPEC, TLS, X, index_of

import jumpsim as js
from jumpsim.run import sweep_index


def test_another_sweep_is_distinguished_from_this_one(spec, out):
    js.run_sweep(spec, out, GRID)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    for old, new, message in [
        ("modes = 3", "modes = 4", "parameters.modes: 3 instead of 4"),
        (
            "modes = 3",
            'modes = 3\nwavelength = "1 um"',
            "parameters.wavelength: nothing instead of",
        ),
        ("points = 4", "points = 5", "times.points: 4 instead of 5"),
        ("seed = 7", "seed = 8", "seed: 7 instead of 8"),
    ]:
        spec.write_text(SPEC.replace(old, new))
        with pytest.raises(js.StoreError, match="contains another sweep") as refusal:
            js.run_sweep(spec, out, GRID)
        assert message in str(refusal.value)
    spec.write_text(SPEC)
    with pytest.raises(js.StoreError, match=f"it varies {TLS}, {X}, not {TLS}$"):
        js.run_sweep(spec, out, {TLS: [4]})
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    # What makes no point may change: comments, [run], and values that are varied anyway.
    spec.write_text(
        SPEC.replace("# a", "# A").replace("ntraj = 20", "").replace("tls = 6", "tls=9")
    )
    assert js.run_sweep(spec, out, GRID, ntraj=20).finished == 4
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("name", [".index.json.tmp", f".index.json.{'0a' * 16}.tmp"])
def test_a_leftover_temporary_file_does_no_harm(name, spec, out):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    (out / name).write_text('{"format": "jump')
    assert js.open_sweep(out)["ntraj"].values.tolist() == [[20]]
    assert js.run_sweep(spec, out, GRID).finished == 4
    assert len(index_of(out)["points"]) == 4
    assert not (out / name).exists()


def test_the_index_is_replaced_whole(spec, out, monkeypatch):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    before = (out / "index.json").read_bytes()

    def no_space(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", no_space)
        with pytest.raises(js.StoreError, match=r"index.json: no space left on the disk"):
            js.run_sweep(spec, out, GRID)
    assert (out / "index.json").read_bytes() == before


def changed(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


def of_other_file(text):
    index = json.loads(text)
    index["points"][0]["file"] = "../elsewhere.h5"
    return json.dumps(index)


DAMAGES = {
    "truncated": (lambda text: text[: len(text) // 2], "damaged (JSONDecodeError"),
    "empty": (lambda _: "", "damaged (JSONDecodeError"),
    "not JSON": (lambda _: "hello", "damaged (JSONDecodeError"),
    "not text": (lambda _: "\udcff\udcfe", "damaged (UnicodeDecodeError"),
    "too deep": (lambda _: "[" * 100000, "damaged (RecursionError"),
    "another JSON": (lambda _: "[1, 2]", "is not the index of a jumpsim sweep"),
    "foreign": (changed(format="photons"), "is not the index of a jumpsim sweep"),
    "newer": (changed(format_version=99), "a newer jumpsim wrote this sweep"),
    "no version": (changed(format_version=None), "damaged (TypeError"),
    "no points": (changed(points=None), "damaged (TypeError"),
    "no spec": (changed(spec=3), "damaged (AttributeError"),
    "another seed": (changed(seed=8), "damaged (values, seeds and files do not fit together)"),
    "no axes": (changed(vary={}), "damaged (KeyError"),
    "another file": (of_other_file, "damaged (values, seeds and files do not fit together)"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_index(spec, out, case):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    damage, message = DAMAGES[case]
    path = out / "index.json"
    path.write_text(damage(path.read_text()), errors="surrogateescape")
    before = path.read_bytes()
    for use in (lambda: js.open_sweep(out), lambda: js.run_sweep(spec, out, GRID)):
        with pytest.raises(js.StoreError) as refusal:
            use()
        assert message in str(refusal.value)
        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_without_its_index_a_sweep_goes_on(spec, out, calls):
    js.run_sweep(spec, out, GRID)
    (out / "index.json").unlink()
    calls.clear()
    assert js.run_sweep(spec, out, GRID).finished == 4
    assert calls == []


def test_two_writers_of_one_index(spec, out, monkeypatch):
    real = sweep_index.read_index

    def slowly(folder):
        index = real(folder)
        time.sleep(0.05)
        return index

    js.run_sweep(spec, out, {TLS: [1]})
    monkeypatch.setattr(sweep_index, "read_index", slowly)
    writers = [
        threading.Thread(target=js.run_sweep, args=(spec, out, {TLS: [tls]})) for tls in (2, 3, 4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert index_of(out)["vary"][TLS]["values"] == [1, 2, 3, 4]
