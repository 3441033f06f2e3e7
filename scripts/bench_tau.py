"""Speed and bias of tau-leaping compared with exact sampling.

    python scripts/bench_tau.py

Explicit tau-leaping by Cao, Gillespie & Petzold (J. Chem. Phys. 124, 044109, 2006; ε = 0.03, exact
events where a step is not worth ten), on the open waveguide of BM Fig. 2 with all counts λ times
larger. CPU time on one core. The bias of averages (in standard deviations of one trajectory) and of
variances (relative) is the largest one at 2, 4, ... 10 µs, followed by three standard errors in
parentheses. GillesPy2's two C++ solvers are included if they are installed.
"""

import argparse
from dataclasses import replace

import numpy as np
from bench import use_generated_code
from numba import njit
from peers.cases import waveguide
from peers.tools import cpu, gillespy_solver

from jumpsim import engine, streams
from jumpsim.utils.tables import columns

# Reactions that could exhaust a species within CRITICAL firings fire one at a time; where a step
# would have fewer than FEW events, EXACT_STEPS events are simulated exactly.
EPSILON, CRITICAL, FEW, EXACT_STEPS = 0.03, 10, 10.0, 100


@njit(error_model="numpy")
def leap(constants, taken, change, start, times, rows, rng):
    """Counts (row, time, species); every species takes part in a second-order reaction."""
    reactions, species = taken.shape
    out = np.zeros((rows, len(times), species), np.int64)
    rate, critical = np.zeros(reactions), np.zeros(reactions, np.bool_)
    x, new = start.copy(), start.copy()
    for row in range(rows):
        x[:] = start
        t, k, exact = 0.0, 0, 0
        while k < len(times):
            total = loose = 0.0
            for r in range(reactions):
                rate[r] = constants[r]
                for s in range(species):
                    if taken[r, s]:
                        rate[r] *= x[s]
                total += rate[r]
                critical[r] = exact > 0
                if exact == 0:
                    for s in range(species):
                        critical[r] |= change[r, s] * CRITICAL + x[s] < 0
                loose += rate[r] * critical[r]
            tau = np.inf
            if exact > 0:  # one event at a time, as if all reactions were critical
                exact -= 1
            else:
                for s in range(species):
                    drift = noise = 0.0
                    for r in range(reactions):
                        if not critical[r]:
                            drift += change[r, s] * rate[r]
                            noise += change[r, s] ** 2 * rate[r]
                    bound = max(EPSILON * x[s] / 2, 1.0)
                    tau = min(tau, bound / abs(drift), bound**2 / noise)
                if tau * total < FEW:
                    exact = EXACT_STEPS
                    continue
            wait = rng.exponential(1.0) / loose
            step = min(tau, wait, times[k] - t)
            while True:
                one = -1  # the critical reaction that fires, if any
                if step == wait:
                    u = rng.random() * loose
                    while u >= 0 and one < reactions - 1:
                        one += 1
                        u -= rate[one] * critical[one]
                new[:] = x
                for r in range(reactions):
                    n = rng.poisson(rate[r] * step) if not critical[r] else int(r == one)
                    if n:
                        for s in range(species):
                            new[s] += n * change[r, s]
                if new.min() >= 0:
                    break
                step /= 2
            x[:] = new
            t = times[k] if step == times[k] - t else t + step
            if t == times[k]:
                out[row, k] = x
                k += 1
    return out


def by_leaps(case, rows, seed):
    """Counts by the tau-leaping prototype."""
    names = list(case.start)
    taken, given = (
        np.array([[reaction[side].split().count(n) for n in names] for reaction in case.reactions])
        for side in (1, 2)
    )
    constants, start = np.array([r[0] for r in case.reactions]), np.array([*case.start.values()])
    rng = np.random.default_rng(seed)
    return leap(constants, taken, given - taken, start, case.times, rows, rng)[:, :, :3]


def exactly(case, rows, seed, left):
    """Counts by the direct method of the package, in sequence or in lockstep (left > 0)."""
    starts = np.tile([*case.counts.values()], (rows, 1))
    states = streams.states(seed, 0, rows, streams.JUMPS)
    times = case.times * case.unit
    keep = {"samples"}
    return engine.run("direct", case.model.table, times, starts, states, keep, left=left).samples


def by_gillespy(case, rows, seed, kind, solvers={}):  # noqa: B006 - compiled once for each
    """Counts by one of GillesPy2's solvers."""
    if (case.name, kind) not in solvers:
        solvers[case.name, kind] = gillespy_solver(case, kind)
    found = solvers[case.name, kind].run(number_of_trajectories=rows, seed=seed)
    return np.array([np.stack([one[n] for n in case.model.pools], axis=-1) for one in found])


WAYS = {
    "lockstep": lambda *run: exactly(*run, left=np.inf),
    "direct": lambda *run: exactly(*run, left=0.0),
    "tau-leaping": by_leaps,
    "SSACSolver": lambda *run: by_gillespy(*run, "SSACSolver"),
    "TauLeapingCSolver": lambda *run: by_gillespy(*run, "TauLeapingCSolver"),
}


def measure(factor, ways, seconds):
    """Rows of the table for one size."""
    case = replace(waveguide(100 * factor, 100 * factor), steps=5)
    block = max(256, 10_000 // factor)  # trajectories, enough for the lockstep kernel
    exact = None
    for way in ways:
        WAYS[way](case, 64, 1)  # compiles; fewer trajectories would not use the lockstep kernel
        began, some = cpu(), []
        while cpu() - began < seconds:
            some.append(WAYS[way](case, block, len(some) + 2)[:, 1:])
        speed = len(some) * block / (cpu() - began)
        counts = np.concatenate(some)
        mean, variance = counts.mean(axis=0), counts.var(axis=0)
        fourth = ((counts - mean) ** 4).mean(axis=0)
        errors = 1 / len(counts), (fourth / variance**2 - 1) / len(counts)  # relative, squared
        texts = ("", "")
        if "tau" in way.lower():
            bias = np.abs(mean - exact[0]) / np.sqrt(exact[1]), np.abs(variance / exact[1] - 1)
            chance = [3 * np.sqrt(np.max(a + b)) for a, b in zip(exact[2], errors, strict=True)]
            texts = [f"{b.max():.3f} ({c:.3f})" for b, c in zip(bias, chance, strict=True)]
        exact = exact or (mean, variance, errors)
        yield f"{factor:,}", way, f"{speed:.4g}", f"{len(counts):,}", *texts


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10, 100, 1000, 10_000])
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    options = parser.parse_args()
    use_generated_code()
    own, others = tuple(WAYS)[:3], tuple(WAYS)[3:]
    rows = [row for f in options.factors for row in measure(f, own, options.seconds)]
    try:
        rows += [row for f in options.factors[:3] for row in measure(f, others, options.seconds)]
    except ImportError:
        print("GillesPy2 is not installed")
    head = (
        "λ",
        "method",
        "trajectories per CPU s",
        "trajectories",
        "bias of means",
        "bias of variances",
    )
    print("\n".join(columns(rows, head, right=(0, 2, 3))))


if __name__ == "__main__":
    main()
