"""One function for each simulator: it prepares a case and returns its simulation.

The returned function takes a number of trajectories and a seed, simulates and returns blocks of the
counts at the stored times, each of shape (trajectories, times, pools), for all pools of the model.
Its attribute `together`, if any, is the number of trajectories that are simulated at the same time.
"""

import resource
import tempfile
from pathlib import Path

import numpy as np

import jumpsim as js
from jumpsim import engine, streams

BLOCK = 6000  # trajectories of a block of jumpsim's kernel
LANES = 64  # trajectories that jumpsim simulates together
VECTOR = 256  # of the simulators with JAX; 1024 was faster at M = 10⁴, but not in most cases
LARGEST = 5 * 10**7  # numbers in an array that keeps all events


def cpu():
    """CPU seconds of this process and its children."""
    return sum(
        part.ru_utime + part.ru_stime
        for part in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def kernel(case):
    """Kernel of jumpsim with counts stored, in blocks as in a run."""

    def simulate(ntraj, seed):
        found = []
        for first in range(0, ntraj, BLOCK):
            last = min(ntraj, first + BLOCK)
            rows = engine.run(
                case.model.engine, case.model.engine_input, case.times * case.unit,
                np.tile([*case.counts.values()], (last - first, 1)),
                streams.states(seed, first, last, streams.JUMPS), {"samples"}, left=np.inf,
            )  # fmt: skip
            found.append(rows.samples)
        return found

    simulate.together = LANES
    return simulate


def public(case):
    """Public function `simulate` of jumpsim with counts stored."""

    def simulate(ntraj, seed):
        times = case.times * case.unit
        run = js.simulate(case.model, times, ntraj, case.counts, seed, workers=1)
        return list(run.slabs("counts"))

    simulate.together = LANES
    return simulate


def bngsim_tool(case):
    """BNGsim, from its network format, with or without its compiled rates: what is faster."""
    import bngsim

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.net")
        path.write_text(network_file(case))
        model = bngsim.Model.from_net(path)
    columns = [model.species_names.index(f"{pool}()") for pool in case.model.pools]

    def simulate(ntraj, seed, simulator=None):
        found = (simulator or fastest).run_replicates(
            ntraj, (0, case.stop), case.steps + 1, seed=seed * 10**6 + 1
        )
        return [np.array([one.species[:, columns] for one in found])]

    def seconds(simulator):
        simulate(1, 0, simulator)
        began = cpu()
        simulate(1 if case.long else 20, 0, simulator)
        return cpu() - began

    made = [bngsim.Simulator(model, method="ssa", codegen=codegen) for codegen in (None, False)]
    fastest = min(made, key=seconds)
    return simulate


def network_file(case):
    """The model in the network format of BioNetGen."""
    place = {name: str(s) for s, name in enumerate(case.start, 1)}
    lines = ["begin parameters"]
    lines += [f"{r} k{r} {reaction[0]!r}" for r, reaction in enumerate(case.reactions, 1)]
    lines += ["end parameters", "begin species"]
    lines += [f"{place[name]} {name}() {count}" for name, count in case.start.items()]
    lines += ["end species", "begin reactions"]
    for r, (_, *sides) in enumerate(case.reactions, 1):
        takes, gives = (",".join(place[n] for n in side.split()) or "0" for side in sides)
        lines.append(f"{r} {takes} {gives} k{r}")
    return "\n".join([*lines, "end reactions", ""])


def rebop_tool(case):
    """rebop (Rust)."""
    import rebop

    model = rebop.Gillespie()
    for rate, takes, gives in case.reactions:
        model.add_reaction(rate, takes.split(), gives.split())
    pools = list(case.model.pools)

    def simulate(ntraj, seed):
        found = []
        for k in range(ntraj):
            one = model.run(
                case.start, case.stop, case.steps, rng=seed * 10**6 + k, var_names=pools
            )
            found.append(np.stack([one[pool].values for pool in pools], axis=-1))
        return [np.array(found)]

    return simulate


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


def gillespy_tool(case):
    """GillesPy2's C++ solver."""
    solver = gillespy_solver(case)

    def simulate(ntraj, seed):
        found = solver.run(number_of_trajectories=ntraj, seed=seed + 1)
        return [np.array([np.stack([one[n] for n in case.model.pools], -1) for one in found])]

    return simulate


def roadrunner_tool(case):
    """libRoadRunner's direct method."""
    import roadrunner

    model = roadrunner.RoadRunner(sbml(case))
    model.integrator = "gillespie"
    model.integrator.variable_step_size = False

    def simulate(ntraj, seed):
        model.integrator.seed = seed + 1
        found = []
        for _ in range(ntraj):
            model.reset()
            one = model.simulate(0, case.stop, case.steps + 1, ["time", *case.model.pools])
            found.append(one[:, 1:])
        return [np.array(found)]

    return simulate


def copasi_tool(case):
    """COPASI's direct method, by basico."""
    import basico

    model = basico.load_model_from_string(sbml(case))

    def simulate(ntraj, seed):
        found = []
        for k in range(ntraj):
            one = basico.run_time_course(
                duration=case.stop, intervals=case.steps, method="directMethod", use_numbers=True,
                model=model, use_seed=True, seed=seed * 10**5 + k + 1, max_steps=10**9,
            )  # fmt: skip
            found.append(one[list(case.model.pools)].to_numpy())
        return [np.array(found)]

    return simulate


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


def crn_jax_tool(case):
    """crn-jax, many trajectories together (`jax.vmap`), times in double precision."""
    import jax
    from crn_jax.gillespie import simulate_trajectory
    from crn_jax.models import make_apply_reaction
    from crn_jax.types import State

    names = list(case.start)
    sides = [[side.split() for side in reaction[1:]] for reaction in case.reactions]
    order = max(len(takes) for takes, _ in sides)
    # Index of each species taken; filled up with the index of a factor 1.
    taken = np.array([
        [*map(names.index, takes), *[len(names)] * (order - len(takes))] for takes, _ in sides
    ])  # fmt: skip
    change = [[gives.count(n) - takes.count(n) for n in names] for takes, gives in sides]
    rates = np.array([reaction[0] for reaction in case.reactions])

    def propensities(state, _):
        factors = jax.numpy.append(state.x, 1.0)[taken]
        return rates * factors.prod(axis=1)

    def one(key):
        start = State(
            jax.numpy.array(0.0), jax.numpy.array([*case.start.values()], np.float32),
            jax.numpy.array(np.inf),
        )  # fmt: skip
        return simulate_trajectory(
            key, start, timestep=case.stop / case.steps, n_steps=case.steps, max_steps=10**9,
            compute_propensities_fn=propensities, apply_reaction_fn=make_apply_reaction(change),
        ).x  # fmt: skip

    many, lanes = jax.jit(jax.vmap(one)), max(1, min(VECTOR, int(10**7 / case.events().mean())))

    def simulate(ntraj, seed):
        keys = jax.random.split(jax.random.key(seed), ntraj)
        found = [np.asarray(many(keys[k : k + lanes])) for k in range(0, ntraj, lanes)]
        start = np.tile([*case.start.values()], (ntraj, 1, 1))
        return [np.append(start, np.concatenate(found), axis=1)[:, :, : len(case.counts)]]

    simulate.together = lanes
    return simulate


def stochastix_tool(case):
    """stochastix's direct method, many trajectories together (`jax.vmap`)."""
    import jax
    import stochastix

    reactions = [
        stochastix.Reaction(
            " -> ".join(" + ".join(side.split()) or "0" for side in sides),
            stochastix.kinetics.MassAction(rate),
        )
        for rate, *sides in case.reactions
    ]
    network = stochastix.ReactionNetwork(reactions)
    start = jax.numpy.array([float(case.start[name]) for name in network.species])
    pools = np.array([network.species.index(pool) for pool in case.model.pools])
    # It keeps every event, and needs a number of events that no trajectory exceeds.
    some = case.events()
    steps = int(some.max() + 6 * np.sqrt(some.mean()) + 6 * some.std())
    lanes = min(VECTOR, LARGEST // (steps * len(case.start)))
    if not lanes:
        raise MemoryError(f"it keeps every event, here {steps:,} of {len(case.start)} counts")

    def one(key):
        found = stochastix.stochsimsolve(
            key, network, start, T=case.stop, max_steps=steps, save_propensities=False,
            solver=stochastix.DirectMethod(),
        )  # fmt: skip
        return found.interpolate(case.times).x[:, pools], found.t[-1]

    many = jax.jit(jax.vmap(one))

    def simulate(ntraj, seed):
        keys = jax.random.split(jax.random.key(seed), ntraj)
        found = [many(keys[k : k + lanes]) for k in range(0, ntraj, lanes)]
        if min(end.min() for _, end in found) < case.stop * (1 - 1e-9):
            raise RuntimeError(f"a trajectory has more than {steps:,} events")
        return [np.concatenate([counts for counts, _ in found])]

    simulate.together = lanes
    return simulate


TOOLS = {
    "jumpsim, kernel": kernel,
    "jumpsim, public call": public,
    "BNGsim": bngsim_tool,
    "rebop": rebop_tool,
    "GillesPy2 (C++)": gillespy_tool,
    "libRoadRunner": roadrunner_tool,
    "COPASI": copasi_tool,
    "crn-jax": crn_jax_tool,
    "stochastix": stochastix_tool,
}
