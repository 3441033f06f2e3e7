"""Thermodynamics along quantum jumps of two electronic levels and light: flows and entropy.

Particle flows are counted, event by event. Energy flows are not bare energies times counts: the
state also evolves between jumps, and the exchange term of the Hamiltonian contains energy,

    U_α = E_α γ_α (f_α - ⟨n_α⟩) - γ_α Re⟨Y⟩   (W A6, B7, B8).

No integral over time has to be approximated. On average, the first term is E_α times the counted
particles. With Y = g c and the total width Γ, the coherence obeys d Re⟨c⟩/dt = -(Γ/2) Re⟨c⟩ -
Δ Im⟨c⟩, and 2 g Im⟨c⟩ is the rate of emission, so that

    ∫ Re⟨Y⟩ dt = -(2 g/Γ) (change of Re⟨c⟩) - (Δ/Γ) (number of emitted quanta),

which needs the state at both ends of the window only. In the long-time limit each particle
transports its effective energy (W 14, 21). The sum of bare energies times counts is not 0, so that
it is no energy balance.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ...errors import InputError
from ...statistics.cumulants import cumulants_of_groups, power_sums
from ...statistics.jackknife import detailed_slope, group_sums, jackknife
from ...store.ensemble import Ensemble
from ...systems.twolevel.parameters import FieldParameters, ModeParameters
from ...systems.twolevel.quantum_jumps import TwoLevel
from ...theory.twolevel.classical_field import field_state
from ...theory.twolevel.quantised_mode import steady
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ...utils.typing import Array, IntArray
from ..requirements import require_record, require_trajectories, significant_drift
from .fluctuation_theorem import LEAST, MOST_VARIANCE, sample_variance

_GROUPS = 64
_LEAST = 64
_MOST_WINDOWS = 24
ACCOUNTS = ("effective", "bare")  # energies by which counted particles are multiplied
Value = tuple[float, float]  # average, standard error


@dataclass(frozen=True, eq=False, repr=False)
class LevelThermodynamics(Result):
    """Exchange of quantum-jump trajectories with their reservoirs in time windows.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Start of all windows, seconds.
    windows : ndarray, shape (n_windows,)
        Lengths of the windows, seconds.
    particles : dict of str to (float, float)
        Net number of particles per second from each reservoir into the system, and its standard
        error, in the longest window.
    energies : dict of str to dict
        Energy per second from each reservoir, and their "sum", with standard errors, in the longest
        window: from counts and the "state" at both ends, exact on average for every window, and as
        "effective" or "bare" energies times counts.
    entropy : dict of str to ndarray, shape (2, n_windows)
        Average entropy increase of the reservoirs and its standard error, k_B, with "effective" and
        with "bare" energies; with "fillings", from the occupations of the reservoirs, where they
        have no temperatures.
    net : ndarray of int, shape (ntraj, n_windows)
        Number N of electrons from reservoir u minus those to it; in the long-time limit the number
        of emitted quanta of light.
    affinity : float
        Entropy A per such electron, k_B: x_b + x_l - x_u, or x_l - x_u in a classical field.
    slope, slope_error : ndarray, shape (n_windows,)
        Slope of ln P(N)/P(-N) as a function of A N, and its error; 1 for long windows. NaN where it
        is undecided.
    exponential, exponential_error : ndarray, shape (n_windows,)
        ⟨exp(-A N)⟩, finite for long windows, and its error; NaN where it is undecided.
    fano, fano_error : ndarray, shape (n_windows,)
        Variance over mean of N, and its jackknife error.
    drift : str
        What changes significantly within the longest window; empty where nothing is known to.
    rate, exact_fano : float
        Steady-state rate R of photon emission per second, and the Fano factor of long windows,
        from the density matrix; NaN where unknown.
    """

    ensemble: Ensemble
    after: float
    windows: Array
    particles: dict[str, Value]
    energies: dict[str, dict[str, Value]]
    entropy: dict[str, Array]
    net: IntArray
    affinity: float
    slope: Array
    slope_error: Array
    exponential: Array
    exponential_error: Array
    fano: Array
    fano_error: Array
    drift: str
    rate: float
    exact_fano: float

    @property
    def stationary_production(self) -> dict[str, float]:
        """Entropy production per second in the steady state, from the density matrix, k_B/s.

        With each kind of energies, as in `entropy`.
        """
        p = cast("TwoLevel", self.ensemble.model).parameters
        rates = self.rate * np.array([1, -1, -1])  # flows from u, l and the light into the system
        return {
            name: float(-(rates[: len(x)] @ x)) if np.isfinite(x).all() else np.nan
            for name, x in _accounts(p).items()
        }

    @property
    def precision(self) -> tuple[Array, Array]:
        """Var(N) ⟨Σ⟩/(2 ⟨N⟩²) with Σ = A N, and its error; at least 1 for classical jumps."""
        return self.fano * self.affinity / 2, self.fano_error * abs(self.affinity) / 2

    def __str__(self) -> str:
        ensemble, (factor, unit) = self.ensemble, readable_times(self.ensemble.times)
        head = (
            f"{ensemble.ntraj} trajectories of {ensemble.model.name}, from "
            f"{self.after * factor:.4g} {unit} on; R = {self.rate:.6g} per second in the "
            "steady state"
        )
        return "\n".join(
            [
                head,
                "",
                *self._flow_table(),
                *([f"warning: {self.drift}"] if self.drift else []),
                "",
                f"N: electrons from reservoir u minus those to it; A = {self.affinity:.6g}",
                *self._window_table(factor, unit),
                "",
                self.verdict,
            ]
        )

    def _flow_table(self) -> list[str]:
        rows = []
        for name in [*self.particles, "sum"]:
            cells = [_cell(*self.energies[a][name]) for a in ("state", *ACCOUNTS)]
            counted = _cell(*self.particles[name]) if name in self.particles else ""
            rows.append((name, counted, *cells))
        head = ("from", "particles (1/s)", "energy (1/s): state", "effective × count",
                "bare × count")  # fmt: skip
        return columns(rows, head)

    def _window_table(self, factor: float, unit: str) -> list[str]:
        rows = []
        for k in log_spaced_rows(len(self.windows), 8):
            entropies = [_cell(*self.entropy[a][:, k]) for a in self.entropy]
            precision, error = (v[k] for v in self.precision)
            rows.append(
                (
                    f"{self.windows[k] * factor:.4g}",
                    *entropies,
                    _cell(self.slope[k], self.slope_error[k]),
                    _cell(self.exponential[k], self.exponential_error[k]),
                    _cell(self.fano[k], self.fano_error[k]),
                    _cell(precision, error),
                )
            )
        entropy = [f"entropy, {a}" for a in self.entropy]
        head = (f"window ({unit})", *entropy, "slope", "⟨exp(-AN)⟩", "Fano", "Var(N) ⟨AN⟩/2⟨N⟩²")
        return columns(rows, head, right=(0,))

    @property
    def verdict(self) -> str:
        """Sign of the entropy production with each kind of energies, and the Fano factor."""
        lines = []
        for name, (mean, error) in self.entropy.items():
            mean, error = mean[-1], error[-1]
            account = "the fillings" if name == "fillings" else f"{name} energies"
            what = f"with {account} the entropy of the reservoirs "
            if not np.isfinite(mean) or abs(mean) <= 1.96 * error:
                lines.append(what + "does not change significantly")
            else:
                change = "increases" if mean > 0 else "decreases, contrary to the second law"
                lines.append(what + change)
        if np.isfinite(self.exact_fano):
            bound = self.exact_fano * self.affinity / 2
            text = f"long windows, density matrix: Fano factor {self.exact_fano:.6g}, Var(N) "
            text += f"⟨AN⟩/2⟨N⟩² = {bound:.6g}"
            lines.append(text + (", below the bound 1 of classical jumps" if bound < 1 else ""))
        return "\n".join(lines)


def _cell(value: float, error: float) -> str:
    return with_error(value, error, error_digits=".1g") if np.isfinite(error) else "undecided"


def level_thermodynamics(ensemble: Ensemble, after: float | str = 0.0) -> LevelThermodynamics:
    """Particle and energy flows, entropy production and its fluctuations along quantum jumps.

    Parameters
    ----------
    ensemble : Ensemble
        Of a model with quantum jumps, recorded with "expect" and "jumps". At least 64 trajectories.
    after : float or str
        Start of all windows, seconds or a text with a unit: the first stored time that is not
        earlier.

    Returns
    -------
    LevelThermodynamics
        Printable; `plotting.level_thermodynamics` draws it.

    Raises
    ------
    InputError
        When the model has no quantum jumps, a necessary record is missing, or there are too few
        trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_mode(
    ...     E_u=10.0, E_l=0.0, omega_cav=11.0, g=0.5, gamma_u=1.0, gamma_l=1.0, gamma_b=0.2,
    ...     f_u=0.95, f_l=0.05, n_b=0.2,
    ... )
    >>> start, record = {"u": 0, "l": 0, "photon": 0}, ["expect", "jumps"]
    >>> run = js.simulate(model, [1.0, 2.0, 3.0], 64, start, 1, record, progress=False)
    >>> sorted(js.level_thermodynamics(run).particles)
    ['b', 'l', 'u']
    """
    if ensemble.model.has_rates:
        raise InputError(
            f"{ensemble.model.name} has no quantum jumps; simulate systems.two_level_mode or "
            "two_level_field"
        )
    model, times = cast("TwoLevel", ensemble.model), ensemble.times
    for record in ("expect", "jumps"):
        require_record(ensemble, record, f"flows need {record}")
    require_trajectories(ensemble, _LEAST)
    first = first_row(times, after, least=2)
    kept = first + np.unique(
        np.linspace(1, len(times) - 1 - first, min(_MOST_WINDOWS, len(times) - 1 - first)).round()
    ).astype(int)
    windows = times[kept] - times[first]
    net, mean, covariance, numbers = _counts_in_windows(ensemble, first, kept)
    particles, energies = _flows(ensemble, numbers, first)
    x = model.parameters.exponents
    affinity = float(x.get("b", 0.0) + x["l"] - x["u"])
    with np.errstate(invalid="ignore"):  # infinite affinity, if a reservoir is full or empty
        production: Array = affinity * net.astype(float)
    slope, slope_error = np.array([detailed_slope(n) for n in production.T]).T
    middle = net[0].astype(float)
    fano, fano_error = cumulants_of_groups(*power_sums([net], _GROUPS, middle), middle)[2:]
    exponential, exponential_error = _exponential(production)
    rate, exact_fano = _exact(model.parameters)
    return LevelThermodynamics(
        ensemble, float(times[first]), windows, particles, energies,
        _entropies(model.parameters, mean, covariance / ensemble.ntraj), net, affinity, slope,
        slope_error, exponential, exponential_error, fano, fano_error, _drift(ensemble, first),
        rate, exact_fano,
    )  # fmt: skip


def _counts_in_windows(
    ensemble: Ensemble, first: int, kept: IntArray
) -> tuple[IntArray, Array, Array, Array]:
    """Net number of particles from the reservoirs u, l and b into the system, in each window.

    Returns
    -------
    net : ndarray of int, shape (ntraj, n_windows)
        From reservoir u.
    mean, covariance : ndarray, shape (n_windows, k), (n_windows, k, k)
        From each of the k reservoirs.
    numbers : ndarray, shape (ntraj, k)
        In the longest window.
    """
    model = ensemble.model
    baths: list[Any] = [channel.bath for channel in model.channel_specs]
    reservoirs = [name for name in "ulb" if name in baths]
    weights = np.equal.outer(baths, reservoirs) * model.changes.sum(axis=1)[:, None]
    net: list[IntArray] = []
    numbers: list[Array] = []
    shape = (len(kept), len(reservoirs))
    sums, products = np.zeros(shape), np.zeros((*shape, len(reservoirs)))
    for jumps in ensemble.slabs("jumps"):
        counts = (jumps[:, kept] - jumps[:, [first]]) @ weights
        net.append(counts[:, :, reservoirs.index("u")].astype(np.int32))
        numbers.append(counts[:, -1])
        sums = sums + counts.sum(axis=0)
        products = products + np.einsum("nwp,nwq->wpq", counts, counts)
    n = ensemble.ntraj
    mean = sums / n
    covariance = (products - n * mean[:, :, None] * mean[:, None, :]) / (n - 1)
    return np.concatenate(net), mean, covariance, np.concatenate(numbers)


def _drift(ensemble: Ensemble, first: int) -> str:
    """Warning if some jumps are more frequent in one half of the longest window."""
    times = ensemble.times[first:]
    half = int(np.searchsorted(times, (times[0] + times[-1]) / 2))
    if not 0 < half < len(times) - 1:
        return ""
    parts = []
    for jumps in ensemble.slabs("jumps"):
        counts = jumps[:, first:]
        early = (counts[:, half] - counts[:, 0]) / (times[half] - times[0])
        parts.append((counts[:, -1] - counts[:, half]) / (times[-1] - times[half]) - early)
    if (found := significant_drift(np.concatenate(parts))) is None:
        return ""
    return (
        f"not in the steady state: the rate of '{ensemble.model.channels[found[0]]}' changes by "
        f"{found[1]:.4g} per second within the window; flows are averages over it, and R and the "
        "theorem for long windows do not apply"
    )


def _flows(
    ensemble: Ensemble, numbers: Array, first: int
) -> tuple[dict[str, Value], dict[str, dict[str, Value]]]:
    """Particles and energies per second from each reservoir, and errors, in the longest window."""
    model = cast("TwoLevel", ensemble.model)
    p: Any = model.parameters
    mode = isinstance(p, ModeParameters)
    span = ensemble.times[-1] - ensemble.times[first]
    parts = [samples[:, -1] - samples[:, first] for samples in ensemble.slabs("expect")]
    change = dict(zip(model.observables, np.concatenate(parts).T, strict=True))
    # An electron that came from u and is not there has emitted a quantum.
    emitted = numbers[:, 0] - change["u"] if mode else change["photon"]
    width = p.gamma_u + p.gamma_l + (p.gamma_b if mode else 0.0)
    exchange = -(2 * model.coupling * change["Re c"] + p.detuning * emitted) / width
    of_state = [p.E_u * numbers[:, 0], p.E_l * numbers[:, 1]]
    of_state.append(p.omega_cav * numbers[:, 2] if mode else -p.omega * emitted)
    gammas = (p.gamma_u, p.gamma_l, p.gamma_b if mode else 0.0)
    of_state = [
        (energy - gamma * exchange) / span for energy, gamma in zip(of_state, gammas, strict=True)
    ]
    counts = numbers / span
    if not mode:  # a classical field causes no jumps
        counts = np.column_stack([counts, -emitted / span])
    names = ("u", "l", "b" if mode else "light")
    accounts = {"state": np.stack(of_state, axis=-1)}
    accounts |= {name: counts * np.array(getattr(p, name)) for name in ACCOUNTS}
    energies = {
        name: dict(zip((*names, "sum"), map(_mean, (*values.T, values.sum(axis=1))), strict=True))
        for name, values in accounts.items()
    }
    return dict(zip(names, map(_mean, counts.T), strict=True)), energies


def _accounts(p: ModeParameters | FieldParameters) -> dict[str, Array]:
    """Entropy decrease of each reservoir per particle that it gives, for each kind of energies."""
    reservoirs = [p.reservoirs[name] for name in p.exponents]
    if None in reservoirs:
        return {"fillings": np.array(list(p.exponents.values()))}
    given = [r if isinstance(r, tuple) else (r, 0.0) for r in reservoirs]
    return {
        name: np.array([(e - mu) / t for e, (t, mu) in zip(getattr(p, name), given, strict=False)])
        for name in ACCOUNTS
    }


def _entropies(
    p: ModeParameters | FieldParameters, mean: Array, variance: Array
) -> dict[str, Array]:
    """Average entropy increase of the reservoirs, and its error, for each kind of energies."""
    found = {}
    for name, x in _accounts(p).items():
        with np.errstate(invalid="ignore"):
            found[name] = np.array([-mean @ x, np.sqrt(np.einsum("p,wpq,q->w", x, variance, x))])
    return found


def _exponential(production: Array) -> tuple[Array, Array]:
    """⟨exp(-AN)⟩ and its jackknife error; NaN where it is undecided."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        weights = np.exp(-production)
        average, error = jackknife(*group_sums([weights], _GROUPS))
        # For long windows P(-N) = P(N) exp(-AN), as with the boundary term of the start.
        variance = sample_variance(production, weights, "start")
    decided = (variance < MOST_VARIANCE) & (len(production) >= LEAST)
    return np.where(decided, average, np.nan), np.where(decided, error, np.nan)


def _exact(p: ModeParameters | FieldParameters) -> tuple[float, float]:
    """Steady-state rate R, and the Fano factor of long windows."""
    state: Any = steady(p) if isinstance(p, ModeParameters) else field_state(p)
    return float(state.R), float(state.counting.fano)


def _mean(values: Array) -> Value:
    """Average over trajectories, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
