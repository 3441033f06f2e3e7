"""Second-law audit: reverses, detailed balance, first law, equilibria, σ(t), Clausius balance."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...model.initial import Initial, Start, as_initial
from ...model.model import Model, as_model
from ...theory.mean_field import mean_field
from ...units import as_times
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times
from ...utils.typing import Array, Times
from .. import energy_changes, entropies, entropy_production
from .equilibria import UNDEFINED, drift_at_equilibrium, imbalance, stationary_equilibria
from .kolmogorov import Balance, Cycle, kolmogorov, undeclared
from .small_cycles import Closure, closure, random_states

_POINTS = 2001  # number of times on a linear and on a logarithmic grid
_LARGE = 10  # counts for which the rate equations are a fair description
_FEW = f"by the rate equations, which describe large counts; none here exceeds {_LARGE}"
_ROUNDING = 1e-9  # a smaller ratio of |σ| and the gross entropy flow counts as 0


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Result):
    """Result of the second-law audit of a model.

    Attributes
    ----------
    model : Model
    inside : Balance
        Detailed balance of the events within the system, on a reduced copy of the model.
    with_baths : Balance
        The same, including the events that exchange heat with baths.
    small_inside, small_with_baths : Closure
        Short cycles of the full model at random states: of the events within the system, and of
        all events.
    first_law : dict of str to float
        Energy that is not conserved by each channel, ħΩ; all 0 when the first law holds.
    equilibria : pair of str
        Thermal equilibria that are stationary: for the exact distribution, and for the rate
        equations.
    times : ndarray, shape (n_times,)
        Seconds.
    sigma : ndarray, shape (n_times,)
        Entropy production rate σ(t) along the solution of the rate equations, k_B/s; NaN where a
        pool has no temperature.
    negative_intervals : list of (float, float)
        Begin and end of each time interval with σ < 0, seconds.
    bath_production : dict of str to float
        Entropy production by the exchange with each bath at the last time, k_B/s, see
        `EntropyProduction.baths`; empty where a pool has no temperature.
    largest_count : float
        Largest count of a pool along the rate equations; NaN where they are not solved.
    entropy_change, heat_entropy, produced : float
        ΔS of the system, -∫ Σ Q/T dt and ∫ σ dt over all times, k_B; the first is the sum of the
        other two.
    """

    model: Model
    inside: Balance
    with_baths: Balance
    small_inside: Closure
    small_with_baths: Closure
    first_law: dict[str, float]
    equilibria: tuple[str, str]
    times: Array
    sigma: Array
    negative_intervals: list[tuple[float, float]]
    bath_production: dict[str, float]
    largest_count: float
    entropy_change: float
    heat_entropy: float
    produced: float

    @property
    def balanced(self) -> bool:
        """Whether detailed balance holds for every event, including the exchange with baths."""
        return self.with_baths.holds and self.small_with_baths.closes

    @property
    def balanced_inside(self) -> bool:
        """Whether detailed balance holds for every event within the system."""
        return self.inside.holds and self.small_inside.closes

    @property
    def cycle(self) -> Cycle | None:
        """A cycle with an affinity that is not 0, within the system if there is one, or None."""
        return self.inside.cycle or self.with_baths.cycle

    @property
    def losses(self) -> tuple[str, ...]:
        """Channels that give heat to a bath and have no reverse."""
        baths = {c.name for c in self.model.channel_specs if c.bath is not None}
        return tuple(name for name in self.with_baths.one_way if name in baths)

    @property
    def facts(self) -> str:
        """The model, and whether detailed balance holds."""
        balance = "detailed balance" if self.balanced else "no detailed balance"
        return f"{self.model.name}, {balance}"

    @property
    def undeclared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of channels without a reverse that could be declared as reverses of each other."""
        return undeclared(self.model)

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        parts = [self._balance(), self._sign()]
        if self.bath_production:
            rates = self.bath_production.values()
            factor, unit = readable_times(self.times)
            end = f"{self.times[-1] * factor:.4g} {unit}"
            if all(np.isfinite(rate) for rate in rates):
                parts.append(f"the exchange with baths produces {sum(rates):.4g} k_B/s at {end}")
        return "; ".join(part for part in parts if part)

    def _balance(self) -> str:
        if self.balanced:
            return "detailed balance holds"
        if self.undeclared:
            pair = "'{}' and '{}'".format(*self.undeclared[0])
            return (
                f"detailed balance is not decided: {pair} undo each other, but are not declared as "
                "the `reverse` of each other"
            )
        if self.balanced_inside:
            rest = "its losses" if self.losses else "its baths, which are not in equilibrium"
            return f"detailed balance holds apart from {rest}"
        return "detailed balance is BROKEN within the system"

    def _sign(self) -> str:
        """Sign of σ(t), or why it has none."""
        if any(pool.kind == "mass_action" for pool in self.model.pool_specs):
            return "σ(t) is not defined (mass action)"
        if not self._produces_inside:
            return "no event within the system produces entropy"
        if np.isnan(self.sigma).all():
            return "σ(t) is not known: a count is below the accuracy of the rate equations"
        if not self.negative_intervals:
            return "from this start σ(t) is never negative"
        factor, unit = readable_times(self.times)
        spans = ", ".join(
            f"{a * factor:.4g} to {b * factor:.4g}" for a, b in self.negative_intervals
        )
        return f"σ(t) is NEGATIVE from {spans} {unit}"

    @property
    def _produces_inside(self) -> bool:
        channels, constants = self.model.channel_specs, self.model.table.constants
        return any(c.bath is None and k > 0 for c, k in zip(channels, constants, strict=True))

    def __str__(self) -> str:
        return "\n".join(
            [f"second-law audit of {self.model.name}", "", *self._channels(), "", *self._findings()]
        )

    def _channels(self) -> list[str]:
        constants = dict(zip(self.model.channels, self.model.table.constants, strict=True))
        rows: list[tuple[str, ...]] = []
        for channel in self.model.channel_specs:
            back = channel.reverse or "none"
            if channel.reverse and constants[channel.reverse] == 0:
                back += " (rate 0)"
            if constants[channel.name] == 0:
                back = "- (rate 0 itself)"
            gap = self.first_law[channel.name]
            conserved = f"{gap:+g} ħΩ" if gap else "yes"
            rows.append((channel.name, back, channel.bath or "-", conserved))
        head: tuple[str, ...] = ("channel", "reverse", "heat to", "first law")
        if not self._energies:
            head, rows = ("channel", "reverse", "bath"), [row[:3] for row in rows]
        return columns(rows, head)

    @property
    def _energies(self) -> bool:
        return any(pool.energy for pool in self.model.pool_specs)

    def _findings(self) -> list[str]:
        size = f"({self.inside.states} states of a reduced copy)"
        first_law = "holds" if not any(self.first_law.values()) else "VIOLATED, see above"
        lines = [
            ("Kolmogorov, system", f"{_balance_text(self.inside)} {size}"),
            ("Kolmogorov, with baths", f"{_balance_text(self.with_baths)} {size}"),
            *([("unbalanced cycle", f"{self.cycle}")] if self.cycle else []),
            ("small cycles, system", _closure_text(self.small_inside)),
            ("small cycles, with baths", _closure_text(self.small_with_baths)),
            ("first law", first_law if self._energies else "no pool has an energy"),
            *self._equilibria(),
            *self._production(),
            ("verdict", self.verdict),
        ]
        width = max(len(name) for name, _ in lines)
        return [f"{name:<{width}}  {text}" for name, text in lines]

    def _equilibria(self) -> list[tuple[str, str]]:
        exact, mean = self.equilibria
        if exact == mean == UNDEFINED:
            return [("stationary equilibria", UNDEFINED)]
        return [
            ("stationary equilibria", f"{exact} (exact distribution)"),
            ("", f"{mean} (rate equations)"),
        ]

    def _production(self) -> list[tuple[str, str]]:
        """Lines about entropy production, empty where it is not defined or not known."""
        if np.isnan(self.sigma).all():
            return []
        factor, unit = readable_times(self.times)
        end = f"{self.times[-1] * factor:.4g} {unit}"
        lines = []
        if self._produces_inside:
            k = int(np.nanargmin(self.sigma))
            least, place = self.sigma[k] / factor, self.times[k] * factor
            text = f"smallest σ = {least:.4g} k_B/{unit} at {place:.4g} {unit}"
            lines.append(("entropy production", text))
        for bath, rate in self.bath_production.items():
            text = f"{rate / factor:.4g} k_B/{unit} at {end}"
            if np.isinf(rate):
                text = "infinite: a channel has no reverse, as at temperature 0"
            lines.append(("" if lines else "entropy production", f"with {bath}: {text}"))
        return [
            *lines,
            ("Clausius balance", f"ΔS = {self.entropy_change:.6g} k_B up to {end}, of which"),
            ("", f"{self.heat_entropy:.6g} k_B by heat, -∫ΣQ/T dt, and"),
            ("", f"{self.produced:.6g} k_B by internal production, ∫σ dt"),
            *([("", _FEW)] if self.largest_count < _LARGE else []),
        ]


def audit(model: Model, initial: Start, times: Times | None = None) -> Audit:
    """Audit a model against the second law.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Initial state of the solution of the rate equations for which σ(t) is computed.
    times : array_like of float or str, optional
        The last of these times is the end of the solution; by default ten times the slowest
        relaxation time in the initial state.

    Returns
    -------
    Audit
        Its `str` is a table of the channels and of the results.

    Raises
    ------
    InputError
        When an argument is not valid, the model has too many pools, or the rate equations cannot be
        solved.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> js.audit(model, {"N": 15, "m": 0}).verdict
    'detailed balance holds; from this start σ(t) is never negative'
    """
    initial = as_initial(initial, as_model(model))
    initial.check(model)
    fires = [c for c, constant in enumerate(model.table.constants) if constant > 0]
    within = [c for c in fires if model.channel_specs[c].bath is None]
    mean = initial.mean(model)
    states = random_states(model, mean)
    end = as_times(times)[-1] if times is not None else _horizon(model, mean)
    if end == 0:
        raise InputError("`times` must reach beyond t = 0 for an audit")
    early = np.geomspace(1e-6, 1, _POINTS)
    grid = end * np.unique(np.concatenate([early, np.linspace(0, 1, _POINTS)]))
    sigma, negative, with_baths, largest, balance = _follow(model, initial, grid)
    return Audit(
        model,
        kolmogorov(model, within),
        kolmogorov(model, fires),
        closure(model, within, states),
        closure(model, fires, states),
        _first_law(model),
        (
            stationary_equilibria(model, lambda x: imbalance(model, x, states)),
            stationary_equilibria(model, lambda x: drift_at_equilibrium(model, x)),
        ),
        grid,
        sigma,
        negative,
        with_baths,
        largest,
        *balance,
    )


def _balance_text(balance: Balance) -> str:
    if balance.holds:
        return "holds for every cycle"
    if balance.cycle is not None:
        return "does NOT hold"
    return f"{len(balance.one_way)} channels are irreversible"


def _closure_text(closure: Closure) -> str:
    if not closure.cycles:
        return "no cycle to test"
    omitted = f"; {len(closure.one_way)} irreversible channels left out" if closure.one_way else ""
    if closure.closes:
        return f"{closure.cycles} balanced within {max(closure.largest, 1e-12):.1g} k_B{omitted}"
    events = ", ".join(closure.events)
    return f"NOT balanced: affinity {closure.largest:.4g} k_B of {events}{omitted}"


def _first_law(model: Model) -> dict[str, float]:
    """Energy that is not conserved by each channel; exchange with a bath is not a violation."""
    energy = np.array([pool.energy for pool in model.pool_specs])
    gross = np.abs(model.table.changes) @ energy
    gaps = energy_changes(model)
    return {
        channel.name: float(gap) if channel.bath is None and abs(gap) > 1e-12 * size else 0.0
        for channel, gap, size in zip(model.channel_specs, gaps, gross, strict=True)
    }


def _horizon(model: Model, mean: Array) -> float:
    """Ten times the slowest relaxation time in the initial state."""
    rates = -np.linalg.eigvals(model.table.jacobian(mean)).real
    rates = rates[rates > 1e-9 * max(rates.max(initial=0), 1e-300)]
    if not len(rates):
        raise InputError("the initial state has no relaxation time; give `times`")
    return 10 / rates.min()


def _follow(
    model: Model, initial: Initial, times: Array
) -> tuple[Array, list[tuple[float, float]], dict[str, float], float, tuple[float, float, float]]:
    """σ(t), when it is negative, production with baths, largest count, ΔS, -∫ΣQ/T dt, ∫σ dt."""
    from scipy.integrate import simpson

    if any(pool.kind == "mass_action" for pool in model.pool_specs):
        return np.full(len(times), np.nan), [], {}, np.nan, (np.nan,) * 3
    counts = mean_field(model, times, initial).counts
    flow = entropy_production(model, counts)
    entropy = entropies(model, counts).sum(axis=-1)
    # σ is not evaluated where a pool is empty, or its count is below the accuracy of the solution.
    known = np.isfinite(flow.total) & np.isfinite(flow.outflow)
    moved = model.table.mean_rates(counts) @ np.abs(model.table.changes) > 0
    known &= ((counts >= 1e-9 * counts[0].max()) | ~moved).all(axis=1)
    sigma = np.where(known, flow.total, np.nan)
    if known.sum() < 2:
        return sigma, [], {}, float(counts.max()), (np.nan,) * 3
    with_baths = {bath: float(rate[-1]) for bath, rate in flow.baths.items()}
    heat = -simpson(flow.outflow[known], x=times[known])
    produced = simpson(sigma[known], x=times[known])
    change = np.diff(entropy[known][[0, -1]])[0]
    gross = sum(np.abs(part) for part in flow.parts.values()) + np.zeros(len(times))
    negative = _negative(model, initial, times, sigma, gross)
    terms = (float(change), float(heat) + 0.0, float(produced))
    return sigma, negative, with_baths, float(counts.max()), terms


def _negative(
    model: Model, initial: Initial, times: Array, sigma: Array, gross: Array
) -> list[tuple[float, float]]:
    """Intervals in which σ is negative by more than rounding errors, with refined ends."""
    largest = gross[np.isfinite(sigma)].max()
    with np.errstate(invalid="ignore"):
        below = sigma < -_ROUNDING * np.maximum(gross, 1e-9 * largest)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], below, [False]])))
    found = []
    for first, after in edges.reshape(-1, 2):
        ends = [times[first], times[after - 1]]
        if first > 0:
            ends[0] = _zero(model, initial, times[first - 1], times[first])
        if after < len(times):
            ends[1] = _zero(model, initial, times[after - 1], times[after])
        found.append((float(ends[0]), float(ends[1])))
    return found


def _zero(model: Model, initial: Initial, early: float, late: float) -> float:
    """Time between two others at which σ changes its sign."""
    fine = np.linspace(early, late, 201)
    sigma = entropy_production(model, mean_field(model, fine, initial).counts).total
    place = np.flatnonzero(np.sign(sigma[:-1]) != np.sign(sigma[1:]))
    if not len(place):
        return late
    k = place[-1]
    return fine[k] + (fine[k + 1] - fine[k]) * sigma[k] / (sigma[k] - sigma[k + 1])
