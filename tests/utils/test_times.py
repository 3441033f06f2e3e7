"""From a time to a stored row: every analysis takes the same row, however the time is written."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.thermo.trajectory_entropy import internal_production
from jumpsim.utils.times import first_row, first_row_or_start, stored_row, stored_row_or_start

TIMES = np.linspace(0, 2e-6, 21)
TEXTS = [f"{k / 10} us" for k in range(21)]
BOX = js.systems.hohlraum(6, 6, "4 MHz")
LEVELS = js.systems.two_level_mode(1.0, 0.0, 1.0, 2e6, 2e6, 2e6, 2e6, f_u=0.8, f_l=0.2, n_b=0.1)


@pytest.fixture(scope="module")
def box():
    return js.simulate(BOX, TIMES, 64, js.Thermal(1.0), 3, ["counts", "jumps", "events"])


@pytest.mark.parametrize("text", TEXTS)
def test_every_sample_of_a_linspace_is_found(text):
    k = TEXTS.index(text)
    for find in (first_row, stored_row):
        assert find(TIMES, text) == find(TIMES, float(TIMES[k])) == k
    for find in (first_row_or_start, stored_row_or_start):
        assert find(TIMES, text, "begin") == k
        assert find(TIMES[1:], text, "begin") == k - 1  # -1: the start, which is not stored


def test_between_the_samples():
    assert first_row(TIMES, 0.05e-6) == 1
    assert first_row(TIMES, TIMES[3] * (1 + 1e-8)) == 4
    assert first_row(TIMES, TIMES[3] * (1 + 1e-10)) == 3
    for time in (0.05e-6, TIMES[3] * (1 + 1e-8), TIMES[3] * (1 - 1e-8), 1e-20):
        with pytest.raises(js.InputError, match="`when` must be one of the stored times"):
            stored_row(TIMES, time, "when")


def test_refused_times():
    for find in (first_row, stored_row):
        with pytest.raises(js.InputError, match="`begin` must be a time"):
            find(TIMES, "absorption", "begin")
        with pytest.raises(js.InputError, match="`begin` must be a finite time ≥ 0"):
            find(TIMES, -1.0, "begin")
    assert first_row(TIMES, "1.8 us", least=3) == 18
    with pytest.raises(js.InputError, match="at least 3 of the stored times"):
        first_row(TIMES, "1.9 us", least=3)


@pytest.mark.parametrize("text", TEXTS)
def test_the_row_of_every_analysis(box, text):
    k = TEXTS.index(text)
    left = len(TIMES) - k

    def refused_or(least, rows, measure):
        if left < least:
            with pytest.raises(js.InputError, match=f"at least {least} of the stored times"):
                measure()
        else:
            assert rows(measure()) == left

    refused_or(4, lambda r: len(r.lags), lambda: js.correlations(box, text))
    refused_or(2, lambda r: len(r.windows) + 1, lambda: js.counting(box, "emission", text))
    net = {"emission": 1, "absorption": -1}
    refused_or(3, lambda r: len(r.windows) + 1, lambda: js.uncertainty(box, net, text))
    assert js.distribution(box, "m", text).time == TIMES[k]
    produced = internal_production(box)
    if k < 20:
        gain = js.window_production(box, text, "2 us").produced
        np.testing.assert_array_equal(gain, produced[:, 20] - produced[:, k])
    if k > 0:
        gain = js.window_production(box, 0, text).produced
        np.testing.assert_array_equal(gain, produced[:, k] - produced[:, 0])


def test_the_rows_of_a_loop():
    loop = js.systems.closed_waveguide(20, 20, 20, *(3 * [1e6]), *(2 * [(1e6, 1e6)]))
    run = js.simulate(loop, TIMES, 20, js.Thermal(1.0), 1)
    for k, text in enumerate(TEXTS):
        rest = run.counts[:, k:].mean(axis=(0, 1))
        np.testing.assert_allclose(js.sorting(run, text).counts, rest, rtol=1e-12)


def test_the_rows_of_quantum_jumps():
    run = js.simulate(
        LEVELS, TIMES, 64, {"u": 0, "l": 0, "photon": 0}, seed=1, record=["expect", "jumps"]
    )
    for k, text in enumerate(TEXTS[:-1]):
        assert js.level_thermodynamics(run, text).after == TIMES[k]
    with pytest.raises(js.InputError, match="at least 2 of the stored times"):
        js.level_thermodynamics(run, TEXTS[-1])


def test_the_row_of_a_command(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    js.simulate(BOX, TIMES, 20, js.Thermal(1.0), 3, ["counts", "jumps"], store=out)
    for text in ("0.3 us", "0.6 us", "0.7 us"):
        seconds = text.replace(" us", "e-6")
        for given in (text, seconds, f"{seconds} s"):
            assert main(["counting", out, "emission", "--after", given, "--no-figure"]) == 0
        assert f"from {text.replace('us', 'µs')} on" in capsys.readouterr().out
        assert main(["distribution", out, "m", text, "--no-figure"]) == 0
        assert f"at {text.replace('us', 'µs')}" in capsys.readouterr().out
