"""The quantised mode against QuTiP, where that is installed: rest and transient."""

import numpy as np
import pytest

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
