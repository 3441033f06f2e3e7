"""The quantised mode against QuTiP, where that is installed: steady state and transient."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

import jumpsim as js
from jumpsim.theory import twolevel as w

MODE = w.quantised_mode(3, 0, 3.6, 0.4 + 0.2j, 1, 1.5, 0.6, f_u=0.8, f_l=0.1, n_b=0.2)


def test_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "qutip", None)
    with pytest.raises(js.InputError, match=r"pip install 'jumpsim\[qutip\]'"):
        w.to_qutip(MODE.parameters, 5)


def test_rest_and_transient():
    qutip = pytest.importorskip("qutip")
    cutoff = 24
    h, collapse = w.to_qutip(MODE.parameters, cutoff)
    one, a = qutip.qeye(2), qutip.destroy(cutoff + 1)
    number = qutip.tensor(one, one, a.dag() * a)
    upper = qutip.tensor(qutip.num(2), one, qutip.qeye(cutoff + 1))
    lower = qutip.tensor(one, qutip.num(2), qutip.qeye(cutoff + 1))
    rest = qutip.steadystate(h, collapse)
    found = [qutip.expect(x, rest) for x in (upper, lower, number)]
    np.testing.assert_allclose(found, [MODE.occupation_u, MODE.occupation_l, MODE.n], atol=1e-8)
    photons = rest.ptrace(2).diag().real
    np.testing.assert_allclose(photons[:17], MODE.photons[:17], atol=1e-9)
    times = [0.0, 0.4, 1.5]
    start = qutip.tensor(qutip.basis(2, 1), qutip.basis(2, 0), qutip.basis(cutoff + 1, 1))
    options = {"atol": 1e-11, "rtol": 1e-9, "nsteps": 100_000}
    moved = qutip.mesolve(h, start, times, collapse, e_ops=[upper, lower, number], options=options)
    here = MODE.evolve(times, {"u": 1, "l": 0, "photon": 1})
    ours = np.array([here.occupation_u, here.occupation_l, here.n])
    np.testing.assert_allclose(np.array(moved.expect), ours, atol=1e-7)


def test_histograms_of_mcsolve():
    """Numbers of jumps per channel, and first jumps, of 400 trajectories of QuTiP's unravelling.

    Ten two-sample tests, alarm 1e-4 each.
    """
    qutip = pytest.importorskip("qutip")
    mode = w.quantised_mode(10, 0, 10.8, 0.9, 1, 1.2, 0.6, f_u=0.8, f_l=0.2, n_b=0.2)
    h, collapse = w.to_qutip(mode.parameters, 9)
    start = qutip.tensor(qutip.basis(2, 1), qutip.basis(2, 0), qutip.basis(10, 0))
    options = {"method": "diag", "progress_bar": "", "map": "serial"}
    times = np.linspace(0, 15, 31)
    theirs = qutip.mcsolve(h, start, times, collapse, e_ops=[], ntraj=400, seeds=1, options=options)
    run = js.simulate(
        mode, times, 4000, {"u": 1, "l": 0, "photon": 0}, 1, record=["jumps", "events"]
    )
    names = ["into u", "out of u", "into l", "out of l", "photon from bath", "photon to bath"]
    assert list(run.model.channels) == names
    for c in range(6):
        counts = np.array([np.sum(np.array(which) == c) for which in theirs.col_which])
        mine = run.jumps[:, -1, c]
        edges = np.unique(np.quantile(mine, np.linspace(0, 1, 9)))
        table = [np.histogram(v, [*edges[:-1], np.inf])[0] for v in (counts, mine)]
        table = np.array(table)[:, np.sum(table, axis=0) > 0]
        assert chi2_contingency(table).pvalue > 1e-4
    for c in (0, 2, 3, 5):
        first = [
            next((t for t, channel in zip(when, which, strict=True) if channel == c), np.inf)
            for when, which in zip(theirs.col_times, theirs.col_which, strict=True)
        ]
        waits = js.waiting_times(run, names[c])
        ended = np.where(waits.ended, waits.durations, np.inf)
        capped = [np.minimum(v, 15.0) for v in (np.array(first), ended)]
        assert ks_2samp(*capped).pvalue > 1e-4
