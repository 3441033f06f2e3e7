"""Trajectories and events per CPU second beside other exact simulators, on the same model.

    pip install 'jumpsim[bench]'
    python scripts/bench_peers.py

The open waveguide of BM Fig. 2 with M two-level systems: 10 µs, 101 stored times, every trajectory
kept, one core, CPU time, medians of several runs with their range, by turns in one run. The others
get the same model as mass action, with ground states as a species of their own. Events are those
that jumpsim counts in the same model; averages at the end are compared, so that nobody is fast by
being wrong. Absolute figures belong to the machine: compare ratios.
"""

import argparse
import os
import platform
import resource

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA", "RAYON")})

import numpy as np

import jumpsim as js
from jumpsim import batch, engine, streams
from jumpsim.tables import columns

TIMES = np.linspace(0, 10, 101)  # µs
# Constant per µs, what is taken, what is given: A and B photons, E excited, G ground.
REACTIONS = (
    (0.1, "A G", "E"), (10.0, "E", "B G"), (0.1, "E B", "B B G"), (10.0, "E", "G"),
    (0.02, "B", ""), (0.02, "A", ""), (0.01, "B", "A"), (0.01, "A", "B"),
    (0.0001, "A B", "A A"), (0.0001, "A B", "B B"),
)  # fmt: skip
BLOCK = 6000  # trajectories


def start(tls):
    """Counts at t = 0."""
    excited = round(0.268941 * tls)
    return {"A": 58, "B": 58, "E": excited, "G": tls - excited}


def waveguide(tls):
    """The same model, said once."""
    return js.systems.open_waveguide(
        tls=tls, modes=100, gamma_dec="10 kHz", gamma_0="10 kHz", gamma_tilde=("10 MHz", 0),
        gamma_tilde_wg=("10 MHz", 0),
    )  # fmt: skip


def lanes(tls, ntraj, seed):
    """jumpsim's kernel, counts kept, in blocks as a run has them."""
    model, counts = waveguide(tls), start(tls)
    last, events = np.zeros(3), 0
    for first in range(0, ntraj, BLOCK):
        number = min(BLOCK, ntraj - first)
        starts = np.tile([counts["A"], counts["B"], counts["E"]], (number, 1))
        states = streams.states(seed, first, first + number, streams.JUMPS)
        rows = engine.run(
            "direct", model.table, TIMES * 1e-6, starts, states, {"samples"}, compiled=True
        )
        last += rows.samples[:, -1].sum(axis=0)
        events += rows.event_count.sum()
    return last / ntraj, events / ntraj


def public(tls, ntraj, seed):
    """jumpsim's public call, counts kept."""
    counts = start(tls)
    counts = {"A": counts["A"], "B": counts["B"], "m": counts["E"]}
    run = js.simulate(waveguide(tls), TIMES * 1e-6, ntraj, counts, seed, workers=1)
    return run.mean()[-1], None


def rebop_run(tls, ntraj, seed):
    """rebop (Rust)."""
    import rebop

    total = np.zeros(3)
    for k in range(ntraj):
        model = rebop.Gillespie()
        for rate, takes, gives in REACTIONS:
            model.add_reaction(rate, takes.split(), gives.split())
        found = model.run(start(tls), 10, 100, rng=seed * 10**6 + k)
        total += [found[s].values[-1] for s in "ABE"]
    return total / ntraj, None


def gillespy_model(tls):
    """GillesPy2's model of it."""
    import gillespy2

    model = gillespy2.Model(name="waveguide")
    species = {n: gillespy2.Species(name=n, initial_value=v) for n, v in start(tls).items()}
    model.add_species(list(species.values()))
    for r, (rate, takes, gives) in enumerate(REACTIONS):
        constant = gillespy2.Parameter(name=f"k{r}", expression=rate)
        model.add_parameter(constant)
        sides = [{n: side.split().count(n) for n in set(side.split())} for side in (takes, gives)]
        model.add_reaction(
            gillespy2.Reaction(name=f"r{r}", reactants=sides[0], products=sides[1], rate=constant)
        )
    model.timespan(gillespy2.TimeSpan(TIMES))
    return gillespy2.SSACSolver(model=model)


def gillespy_run(tls, ntraj, seed, solvers={}):  # noqa: B006 - compiled once for each size
    """GillesPy2's C++ solver."""
    if tls not in solvers:
        solvers[tls] = gillespy_model(tls)
    found = solvers[tls].run(number_of_trajectories=ntraj, seed=seed + 1)
    last = [np.mean([trajectory[n][-1] for trajectory in found]) for n in "ABE"]
    return np.array(last), None


def sbml(tls):
    """The model as SBML."""
    counts = start(tls)
    species = "".join(
        f'<species id="{n}" compartment="c" initialAmount="{v}" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/>' for n, v in counts.items()
    )  # fmt: skip
    reactions = ""
    for r, (rate, takes, gives) in enumerate(REACTIONS):
        sides = "".join(
            f"<listOf{role}>" + "".join(
                f'<speciesReference species="{n}" stoichiometry="{side.split().count(n)}" '
                'constant="true"/>' for n in sorted(set(side.split()))
            ) + f"</listOf{role}>" if side else ""
            for role, side in (("Reactants", takes), ("Products", gives))
        )  # fmt: skip
        law = "".join(f"<ci>{n}</ci>" for n in takes.split())
        reactions += (
            f'<reaction id="r{r}" reversible="false" fast="false">{sides}<kineticLaw><math '
            'xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/>'
            f"<cn>{rate}</cn>{law}</apply></math></kineticLaw></reaction>"
        )
    return (
        '<?xml version="1.0"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" '
        'level="3" version="1"><model id="m" substanceUnits="item" '
        'extentUnits="item" timeUnits="second"><listOfCompartments><compartment id="c" size="1" '
        f'constant="true"/></listOfCompartments><listOfSpecies>{species}</listOfSpecies>'
        f"<listOfReactions>{reactions}</listOfReactions></model></sbml>"
    )


def roadrunner_run(tls, ntraj, seed, models={}):  # noqa: B006 - compiled once for each size
    """libRoadRunner's direct method."""
    import roadrunner

    if tls not in models:
        models[tls] = roadrunner.RoadRunner(sbml(tls))
        models[tls].integrator = "gillespie"
        models[tls].integrator.variable_step_size = False
    model, total = models[tls], np.zeros(3)
    model.integrator.seed = seed + 1
    for _ in range(ntraj):
        model.reset()
        found = model.simulate(0, 10, 101, ["time", "A", "B", "E"])
        total += found[-1, 1:]
    return total / ntraj, None


def copasi_run(tls, ntraj, seed, models={}):  # noqa: B006 - loaded once for each size
    """COPASI's direct method, by basico."""
    import basico

    if tls not in models:
        models[tls] = basico.load_model_from_string(sbml(tls))
    total = np.zeros(3)
    for k in range(ntraj):
        found = basico.run_time_course(
            duration=10, intervals=100, method="directMethod", use_numbers=True,
            model=models[tls], use_seed=True, seed=seed * 10**5 + k + 1, max_steps=10**9,
        )  # fmt: skip
        total += [found[n].iloc[-1] for n in "ABE"]
    return total / ntraj, None


# Name, function, and trajectories in a run at M = 100.
TOOLS = (
    ("jumpsim, kernel", lanes, 60_000),
    ("jumpsim, public call", public, 60_000),
    ("rebop", rebop_run, 2000),
    ("GillesPy2 (C++)", gillespy_run, 2000),
    ("libRoadRunner", roadrunner_run, 3000),
    ("COPASI", copasi_run, 400),
)


def cpu():
    """CPU seconds of this process and its children."""
    return sum(
        part.ru_utime + part.ru_stime
        for part in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measure(tls, repeats):
    """Rows of the table for one size."""
    batch._COMPILE_SECONDS = 0.0  # the comparison is of long runs, where lanes are worth compiling
    share = {100: 1, 1000: 0.4, 10_000: 0.08}[tls]
    speeds, means, events = {}, {}, None
    for k in range(repeats + 1):  # the first one compiles, and does not count
        for name, function, number in TOOLS:
            ntraj = max(20, int(number * share)) if k else 20
            began = cpu()
            try:
                mean, counted = function(tls, ntraj, k)
            except Exception as error:  # a tool that is missing or broken costs its own row
                if not k:
                    print(f"  {name}: {type(error).__name__}: {str(error).splitlines()[0][:90]}")
                continue
            if k:
                speeds.setdefault(name, []).append(ntraj / (cpu() - began))
                means[name] = mean
                events = counted or events
    best = np.median(speeds["jumpsim, kernel"])
    for name, values in speeds.items():
        middle = np.median(values)
        yield (
            f"{tls}", name, f"{middle:.4g} ({min(values):.3g}-{max(values):.3g})",
            f"{middle * events / 1e6:.3g}", f"{best / middle:.3g}",
            ", ".join(f"{m:.1f}" for m in means[name]),
        )  # fmt: skip


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}")
    rows = [row for tls in options.sizes for row in measure(tls, options.repeats)]
    head = ("M", "tool", "trajectories per CPU s", "10⁶ events per CPU s", "kernel is faster by",
            "averages of A, B, E at the end")  # fmt: skip
    print("\n".join(["", *columns(rows, head, right=(0, 3, 4))]))


if __name__ == "__main__":
    main()
