"""Trajectories and events per CPU second of jumpsim and other exact simulators.

    pip install 'jumpsim[bench]'
    python scripts/bench_peers.py
    python scripts/bench_peers.py --models waveguide-100 vilar --repeats 5

Models are the open waveguide of BM Fig. 2 with M two-level systems (10 µs, 101 stored times), and
Vilar's genetic oscillator as other simulators publish it (200 hours, 201 stored times). All
trajectories are stored; one core, CPU time, medians of several alternating runs with their range.
The other simulators use the same model with mass-action rates; in the waveguide the ground states
are an additional species. The number of events is that of jumpsim for the same model; averages over
the stored times are compared to verify the results. Absolute values depend on the machine; compare
ratios.
"""

import argparse
import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA", "RAYON")})

import numpy as np
from bench import use_generated_code

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.utils.tables import columns

BLOCK = 6000  # trajectories


@dataclass(frozen=True)
class Case:
    """One model in the form used by all simulators.

    Attributes
    ----------
    name : str
    model : jumpsim.Model
    pools : dict
        Recorded species of the other simulators -> pools of jumpsim.
    start : dict
        Species -> count.
    reactions : tuple
        (constant, species taken, species given) with names separated by blanks.
    unit : float
        Seconds in a unit of the constants' time.
    stop, steps : int
        Last time in these units; stored times after t = 0.
    share : float
        Trajectories, relative to those of the smallest model.
    """

    name: str
    model: js.Model
    pools: dict
    start: dict
    reactions: tuple
    unit: float
    stop: int
    steps: int
    share: float

    @property
    def times(self):
        """Stored times in the model's units."""
        return np.linspace(0, self.stop, self.steps + 1)

    @property
    def counts(self):
        """Start of jumpsim's pools."""
        return {pool: self.start[species] for species, pool in self.pools.items()}


def waveguide(tls, share, modes=100):
    """The open waveguide: A and B photons, E excited, G ground; per µs."""
    model = js.systems.open_waveguide(
        tls=tls, modes=modes, gamma_dec="10 kHz", gamma_0="10 kHz", gamma_tilde=("10 MHz", 0),
        gamma_tilde_wg=("10 MHz", 0),
    )  # fmt: skip
    excited = round(0.268941 * tls)
    photons = round(0.58 * modes)
    start = {"A": photons, "B": photons, "E": excited, "G": tls - excited}
    reactions = (
        (10 / modes, "A G", "E"), (10.0, "E", "B G"), (10 / modes, "E B", "B B G"),
        (10.0, "E", "G"), (0.02, "B", ""), (0.02, "A", ""), (0.01, "B", "A"), (0.01, "A", "B"),
        (0.01 / modes, "A B", "A A"), (0.01 / modes, "A B", "B B"),
    )  # fmt: skip
    pools = {"A": "A", "B": "B", "E": "m"}
    return Case(f"waveguide-{tls}", model, pools, start, reactions, 1e-6, 10, 100, share)


def vilar(share):
    """Vilar's oscillator: the reactions are those of the parameter file; per hour."""
    spec = js.load_spec(Path(__file__).parent.parent / "data" / "vilar.toml")
    reactions = tuple(
        (channel.rate * 3600, *(" ".join(side) for side in (channel.takes, channel.gives)))
        for channel in spec.model.channel_specs  # at most one of each species on a side
    )
    counts = spec.initial.draw(spec.model, 0, 0, 1)[0].tolist()
    start = dict(zip(spec.model.pools, counts, strict=True))
    pools = dict(zip(start, start, strict=True))
    return Case("vilar", spec.model, pools, start, reactions, 3600.0, 200, 200, share)


CASES = (waveguide(100, 1), waveguide(1000, 0.4), waveguide(10_000, 0.08), vilar(0.03))


def kernel(case, ntraj, seed):
    """Kernel of jumpsim with counts stored, in blocks as in a run."""
    total, events = 0, 0
    for first in range(0, ntraj, BLOCK):
        number = min(BLOCK, ntraj - first)
        starts = np.tile(list(case.counts.values()), (number, 1))
        states = streams.states(seed, first, first + number, streams.JUMPS)
        rows = engine.run(
            "direct", case.model.table, case.times * case.unit, starts, states, {"samples"},
            left=np.inf,
        )  # fmt: skip
        total += rows.samples.mean(axis=1).sum(axis=0)
        events += rows.event_count.sum()
    return total / ntraj, events / ntraj


def public(case, ntraj, seed):
    """Public function `simulate` of jumpsim with counts stored."""
    run = js.simulate(case.model, case.times * case.unit, ntraj, case.counts, seed, workers=1)
    return run.mean().mean(axis=0), None


def rebop_run(case, ntraj, seed):
    """rebop (Rust)."""
    import rebop

    total = 0
    for k in range(ntraj):
        model = rebop.Gillespie()
        for rate, takes, gives in case.reactions:
            model.add_reaction(rate, takes.split(), gives.split())
        found = model.run(case.start, case.stop, case.steps, rng=seed * 10**6 + k)
        total += np.array([found[s].values.mean() for s in case.pools])
    return total / ntraj, None


def gillespy_solver(case, kind="SSACSolver"):
    """One of GillesPy2's C++ solvers of a model."""
    import gillespy2

    model = gillespy2.Model(name="model")
    species = {n: gillespy2.Species(name=n, initial_value=v) for n, v in case.start.items()}
    model.add_species(list(species.values()))
    for r, (rate, takes, gives) in enumerate(case.reactions):
        constant = gillespy2.Parameter(name=f"k{r}", expression=rate)
        model.add_parameter(constant)
        sides = [{n: side.split().count(n) for n in set(side.split())} for side in (takes, gives)]
        model.add_reaction(
            gillespy2.Reaction(name=f"r{r}", reactants=sides[0], products=sides[1], rate=constant)
        )
    model.timespan(gillespy2.TimeSpan(case.times))
    return getattr(gillespy2, kind)(model=model)


def gillespy_run(case, ntraj, seed, solvers={}):  # noqa: B006 - compiled once for each model
    """GillesPy2's C++ solver."""
    if case.name not in solvers:
        solvers[case.name] = gillespy_solver(case)
    found = solvers[case.name].run(number_of_trajectories=ntraj, seed=seed + 1)
    return np.array([np.mean([one[n] for one in found]) for n in case.pools]), None


def sbml(case):
    """The model as SBML."""
    species = "".join(
        f'<species id="{n}" compartment="c" initialAmount="{v}" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/>' for n, v in case.start.items()
    )  # fmt: skip
    reactions = ""
    for r, (rate, takes, gives) in enumerate(case.reactions):
        sides = "".join(
            f"<listOf{role}>" + "".join(
                f'<speciesReference species="{n}" stoichiometry="{side.split().count(n)}" '
                'constant="true"/>' for n in sorted(set(side.split()))
            ) + f"</listOf{role}>" if side else ""
            for role, side in (("Reactants", takes), ("Products", gives))
        )  # fmt: skip
        rate_law = "".join(f"<ci>{n}</ci>" for n in takes.split())
        reactions += (
            f'<reaction id="r{r}" reversible="false" fast="false">{sides}<kineticLaw><math '
            'xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/>'
            f"<cn>{rate}</cn>{rate_law}</apply></math></kineticLaw></reaction>"
        )
    return (
        '<?xml version="1.0"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" '
        'level="3" version="1"><model id="m" substanceUnits="item" '
        'extentUnits="item" timeUnits="second"><listOfCompartments><compartment id="c" size="1" '
        f'constant="true"/></listOfCompartments><listOfSpecies>{species}</listOfSpecies>'
        f"<listOfReactions>{reactions}</listOfReactions></model></sbml>"
    )


def roadrunner_run(case, ntraj, seed, models={}):  # noqa: B006 - compiled once for each model
    """libRoadRunner's direct method."""
    import roadrunner

    if case.name not in models:
        models[case.name] = roadrunner.RoadRunner(sbml(case))
        models[case.name].integrator = "gillespie"
        models[case.name].integrator.variable_step_size = False
    model, total = models[case.name], 0
    model.integrator.seed = seed + 1
    for _ in range(ntraj):
        model.reset()
        found = model.simulate(0, case.stop, case.steps + 1, ["time", *case.pools])
        total += found[:, 1:].mean(axis=0)
    return total / ntraj, None


def copasi_run(case, ntraj, seed, models={}):  # noqa: B006 - loaded once for each model
    """COPASI's direct method, by basico."""
    import basico

    if case.name not in models:
        models[case.name] = basico.load_model_from_string(sbml(case))
    total = 0
    for k in range(ntraj):
        found = basico.run_time_course(
            duration=case.stop, intervals=case.steps, method="directMethod", use_numbers=True,
            model=models[case.name], use_seed=True, seed=seed * 10**5 + k + 1, max_steps=10**9,
        )  # fmt: skip
        total += np.array([found[n].mean() for n in case.pools])
    return total / ntraj, None


# Name, function, and trajectories in a run of the smallest model.
TOOLS = (
    ("jumpsim, kernel", kernel, 60_000),
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


def measure(case, repeats):
    """Rows of the table for one model."""
    speeds, means, events = {}, {}, None
    for k in range(repeats + 1):  # the first repeat compiles and is not counted
        for name, function, number in TOOLS:
            ntraj = max(20, int(number * case.share))
            ntraj = (
                ntraj if k else min(64, ntraj)
            )  # 64 trajectories are enough for the lockstep kernel
            began = cpu()
            try:
                mean, counted = function(case, ntraj, k)
            except Exception as error:  # a missing or failing simulator is omitted
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
            case.name, name, f"{middle:.4g} ({min(values):.3g}-{max(values):.3g})",
            f"{middle * events / 1e6:.3g}", f"{best / middle:.3g}",
            ", ".join(f"{m:.4g}" for m in means[name]),
        )  # fmt: skip


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [case.name for case in CASES]
    parser.add_argument("--models", nargs="+", choices=known, default=known, metavar="MODEL")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}")
    use_generated_code()
    chosen = [case for case in CASES if case.name in options.models]
    rows = [row for case in chosen for row in measure(case, options.repeats)]
    head = ("model", "tool", "trajectories per CPU s", "10⁶ events per CPU s",
            "speed ratio of the kernel", "averages over the stored times")  # fmt: skip
    print("\n".join(["", *columns(rows, head, right=(3, 4))]))


if __name__ == "__main__":
    main()
