"""Quantum-jump trajectories per CPU second of jumpsim and of QuTiP's mcsolve.

    pip install 'jumpsim[qutip]'
    python scripts/bench_wavefunction.py

One core, the same machine, initial state, times and averages; alternating runs in one process; CPU
time. Medians of several runs with their range. Variances of the averages are printed too: both
programs unravel the same equation, so that equal numbers of trajectories give equal errors. The
fastest of QuTiP's integrators is used. The cutoff of the photon number applies to QuTiP only.
"""

import argparse
import os
import platform
import time

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")})

import numpy as np
import qutip

import jumpsim as js
from jumpsim.theory import twolevel
from jumpsim.utils.tables import columns

METHODS = ("adams", "bdf", "lsoda", "dop853", "vern7", "vern9", "diag", "krylov")
PARAMETERS = {"E_u": 10.0, "E_l": 0.0, "omega_cav": 11.0, "g": 0.5, "gamma_u": 1.0, "gamma_l": 1.0}
# Name, cutoff of the photon number for QuTiP, and parameters.
CASES = {
    "few photons": (20, PARAMETERS | {"gamma_b": 0.2, "f_u": 0.95, "f_l": 0.05, "n_b": 0.2}),
    "many photons": (
        60,
        PARAMETERS | {"g": 1.0, "gamma_b": 0.023, "f_u": 0.95, "f_l": 0.05, "n_b": 0},
    ),
}
TIMES = np.linspace(0, 50, 101)


def cpu(function, *arguments):
    """CPU seconds of a call, and what it returned."""
    began = time.process_time()
    result = function(*arguments)
    return time.process_time() - began, result


def qutip_run(mode, cutoff, method, ntraj, seed):
    """Averages and variances of n_u, n_l and n over trajectories of mcsolve."""
    h, collapse = twolevel.to_qutip(mode.parameters, cutoff)
    c_u = qutip.tensor(qutip.num(2), qutip.qeye(2), qutip.qeye(cutoff + 1))
    c_l = qutip.tensor(qutip.qeye(2), qutip.num(2), qutip.qeye(cutoff + 1))
    n = qutip.tensor(qutip.qeye(2), qutip.qeye(2), qutip.num(cutoff + 1))
    start = qutip.tensor(qutip.basis(2, 1), qutip.basis(2, 0), qutip.basis(cutoff + 1, 0))
    options = {"method": method, "progress_bar": "", "map": "serial", "keep_runs_results": False}
    result = qutip.mcsolve(
        h, start, TIMES, collapse, e_ops=[c_u, c_l, n], ntraj=ntraj, seeds=seed, options=options
    )
    return np.array(result.average_expect).T, np.array(result.std_expect).T ** 2


def jumpsim_run(mode, ntraj, seed):
    """Averages and variances of n_u, n_l and n over trajectories of jumpsim."""
    run = js.simulate(
        mode, TIMES, ntraj, {"u": 1, "l": 0, "photon": 0}, seed, record="moments", workers=1
    )
    return run.mean()[:, :3], run.var()[:, :3]


def fastest(mode, cutoff, ntraj):
    """QuTiP's integrators and the trajectories per CPU second of each."""
    speeds = {}
    for method in METHODS:
        try:
            seconds, _ = cpu(qutip_run, mode, cutoff, method, ntraj, 1)
            speeds[method] = ntraj / seconds
        except Exception as error:
            print(f"  {method}: {str(error).splitlines()[0][:80]}")
    return speeds


def median_and_range(values):
    """Median and range."""
    return f"{np.median(values):.4g} ({min(values):.4g}-{max(values):.4g})"


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--probe", type=int, default=8, help="trajectories that choose a method")
    options = parser.parse_args()
    print(f"QuTiP {qutip.__version__}, jumpsim {js.__version__}, {platform.processor() or 'CPU'}")
    rows = []
    for name, (cutoff, parameters) in CASES.items():
        mode = twolevel.quantised_mode(**parameters)
        beyond = mode.photons[cutoff + 1 :].sum()
        print(f"{name}: steady-state ⟨n⟩ = {mode.n:.4g}, probability beyond cutoff {beyond:.1g}")
        speeds = fastest(mode, cutoff, options.probe)
        print("  " + ", ".join(f"{m} {s:.3g}/s" for m, s in speeds.items()))
        best = max(speeds, key=speeds.get)
        theirs, ours, ratios = [], [], []
        jumpsim_run(mode, 10, 0)  # compiles the kernel
        for k in range(options.repeats):
            number = max(20, int(5 * speeds[best]))
            seconds, (_, variance) = cpu(qutip_run, mode, cutoff, best, number, k)
            theirs.append(number / seconds)
            seconds, (our_mean, our_variance) = cpu(jumpsim_run, mode, 100_000, k)
            ours.append(100_000 / seconds)
            ratios.append(ours[-1] / theirs[-1])
        late = slice(20, None)
        exact = mode.evolve(TIMES, {"u": 1, "l": 0, "photon": 0}).n
        away = np.abs(our_mean[1:, 2] - exact[1:]) / np.sqrt(our_variance[1:, 2] / 100_000)
        print(f"  jumpsim's ⟨n⟩(t) is at most {away.max():.2f} standard errors from the exact one")
        rows.append((
            f"{mode.n:.3g}", str(cutoff), best, *map(median_and_range, (theirs, ours, ratios)),
            f"{our_variance[late, 2].mean() / variance[late, 2].mean():.2f}",
        ))  # fmt: skip
    head = ("⟨n⟩", "cutoff (QuTiP)", "fastest method", "mcsolve per CPU s", "jumpsim per CPU s",
            "ratio", "variance of n, ratio")  # fmt: skip
    print("\n".join(["", *columns(rows, head)]))


if __name__ == "__main__":
    main()
