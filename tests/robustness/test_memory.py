"""Memory does not grow with the ensemble: measured on real processes."""

import json
import subprocess
import sys

import pytest

RUN = """
import json, re, resource, sys
limit, record, ntraj, store = json.loads(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
import numpy as np, jumpsim as js
model = js.systems.open_waveguide(
    tls=100, modes=100, gamma_dec="10 kHz", gamma_0="10 kHz",
    gamma_tilde=("10 MHz", 0), gamma_tilde_wg=("10 MHz", 0))
ensemble = js.simulate(
    model, np.linspace(0, 1e-6, 101), ntraj, js.Thermal(1.0), 1, record, store=store, workers=2)
assert ensemble.ntraj == ntraj and ensemble.mean().shape == (101, 3)
# Not ru_maxrss: that begins with the memory of the process that started this one.
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""


def peak_kilobytes(record, ntraj, store=None, limit=0):
    out = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps([limit, record, ntraj, store])],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert out.returncode == 0, out.stderr
    return int(out.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
def test_moments_take_the_same_memory_for_few_and_many():
    # Twice, because the first one may compile, which takes 50 MB by itself.
    few, many = (
        min(peak_kilobytes("moments", ntraj) for _ in range(2)) for ntraj in (1_000, 100_000)
    )
    # Kept counts of the larger run would be 240 MB; a block in flight is 16 MB at most.
    assert many < few + 50_000


@pytest.mark.skipif(sys.platform != "linux", reason="an address space limit needs Linux")
def test_a_large_store_is_written_under_a_limit_of_one_gibibyte(tmp_path):
    peak_kilobytes("counts", 100_000, str(tmp_path / "a.h5"), limit=2**30)


def test_more_than_fits_is_refused_when_it_is_read(tmp_path, monkeypatch):
    import numpy as np

    import jumpsim as js
    from jumpsim.store import ensemble as ensemble_module

    model = js.systems.hohlraum(5, 5, 1.0)
    times = np.linspace(0, 1, 11)
    js.simulate(model, times, 50, {"N": 3, "m": 1}, 1, store=tmp_path / "a.h5")
    ensemble = js.open(tmp_path / "a.h5")
    monkeypatch.setattr(ensemble_module, "available_memory", lambda: 10_000)
    with pytest.raises(js.InputError, match=r"in groups with `slabs\('counts'\)`"):
        _ = ensemble.counts
    slabs = np.concatenate(list(ensemble.slabs("counts")))
    monkeypatch.undo()
    assert np.array_equal(slabs, ensemble.counts)
