"""Thermodynamics along quantum jumps of two levels and light: flows, entropy, and its theorem.

Particles are counted, event by event. The energy that they bring is not: between jumps the state
moves, and the exchange term of the Hamiltonian carries energy too. So energy flows are read from
the state with the linear estimator,

    U_α = E_α γ_α (f_α - ⟨n_α⟩) - γ_α Re⟨Y⟩   (W A6, B7, B8),

averaged over time and trajectories. In the long run each particle carries its effective energy
(W 14, 21); bare energies times counts do not even add up to 0.
"""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.jackknife import (
    cumulants_of_groups,
    detailed_slope,
    group_sums,
    jackknife,
    power_sums,
)
from ...store.ensemble import Ensemble
from ...systems.twolevel.parameters import ModeParameters
from ...theory.twolevel.classical_field import field_state
from ...theory.twolevel.quantised_mode import steady
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ..requirements import need, need_trajectories
from .fluctuation_theorem import LEAST, MOST_VARIANCE, sample_variance

_GROUPS = 64
_LEAST = 64
_MOST_WINDOWS = 24
ACCOUNTS = ("effective", "bare")


@dataclass(frozen=True, eq=False, repr=False)
class LevelThermodynamics(Result):
    """What an ensemble of quantum jumps exchanged with its reservoirs, from one time on.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Seconds; where every window begins.
    windows : ndarray, shape (n_windows,)
        Lengths, seconds.
    particles : dict of str to (float, float)
        Net particles per second from each reservoir into the system, with standard errors.
    energies : dict of str to dict
        Energy per second from each reservoir, and their "sum", with standard errors: of the
        "state", and of "effective" and "bare" energies times counts.
    entropy : dict of str to ndarray, shape (2, n_windows)
        Average entropy left in the reservoirs and its standard error, with "effective" and with
        "bare" energies; without temperatures from the "fillings" alone.
    net : ndarray of int, shape (ntraj, n_windows)
        Electrons from reservoir u less those given back: quanta of light made, in the long run.
    affinity : float
        Entropy for each of them: x_b + x_l - x_u, or x_l - x_u in a classical field.
    slope, slope_error : ndarray, shape (n_windows,)
        Of ln P(N)/P(-N) against A N; 1 for long windows. NaN where it is undecided.
    exponential, exponential_error : ndarray, shape (n_windows,)
        ⟨exp(-A N)⟩, which stays finite for long windows; NaN where it is undecided.
    fano, fano_error : ndarray, shape (n_windows,)
        Variance over mean of N.
    rate, exact_fano : float
        R, and the Fano factor of long windows, from the density matrix; NaN where unknown.
    """

    ensemble: Ensemble
    after: float
    windows: np.ndarray
    particles: dict
    energies: dict
    entropy: dict
    net: np.ndarray
    affinity: float
    slope: np.ndarray
    slope_error: np.ndarray
    exponential: np.ndarray
    exponential_error: np.ndarray
    fano: np.ndarray
    fano_error: np.ndarray
    rate: float
    exact_fano: float

    @property
    def slopes_at_rest(self):
        """Entropy production per second at rest by the density matrix, for each account."""
        p = self.ensemble.model.parameters
        rates = self.rate * np.array([1, -1, -1])  # what flows in from u, l and the light
        return {
            name: float(-(rates[: len(x)] @ x)) if np.isfinite(x).all() else np.nan
            for name, x in _accounts(p).items()
        }

    @property
    def precision(self):
        """Var(N) ⟨Σ⟩/(2 ⟨N⟩²) with Σ = A N, and its error: at least 1 for classical jumps."""
        return self.fano * self.affinity / 2, self.fano_error * abs(self.affinity) / 2

    def __str__(self):
        ensemble, (factor, unit) = self.ensemble, readable_times(self.ensemble.times)
        head = (
            f"{ensemble.ntraj} trajectories of {ensemble.model.name}, from "
            f"{self.after * factor:.4g} {unit} on; R = {self.rate:.6g} per second at rest"
        )
        return "\n".join(
            [
                head,
                "",
                *self._flow_table(),
                "",
                f"N: electrons from reservoir u, less those given back; A = {self.affinity:.6g}",
                *self._window_table(factor, unit),
                "",
                self.verdict,
            ]
        )

    def _flow_table(self):
        rows = []
        for name in [*self.particles, "sum"]:
            cells = [_cell(*self.energies[a][name]) for a in ("state", *ACCOUNTS)]
            counted = _cell(*self.particles[name]) if name in self.particles else ""
            rows.append((name, counted, *cells))
        head = ("from", "particles (1/s)", "energy (1/s): of the state", "effective × count",
                "bare × count")  # fmt: skip
        return columns(rows, head)

    def _window_table(self, factor, unit):
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
        """What the second law says to both ways of accounting, in words."""
        lines = []
        for name, (mean, error) in self.entropy.items():
            mean, error = mean[-1], error[-1]
            account = "the fillings" if name == "fillings" else f"{name} energies"
            what = f"with {account} the reservoirs' entropy "
            if not np.isfinite(mean) or abs(mean) <= 1.96 * error:
                lines.append(what + "neither grows nor falls beyond noise")
            else:
                broken = "" if mean > 0 else ", against the second law"
                lines.append(what + ("grows" if mean > 0 else "falls") + broken)
        if np.isfinite(self.exact_fano):
            bound = self.exact_fano * self.affinity / 2
            text = f"long windows, density matrix: Fano factor {self.exact_fano:.6g}, Var(N) "
            text += f"⟨AN⟩/2⟨N⟩² = {bound:.6g}"
            lines.append(text + (", beyond what classical jumps can do" if bound < 1 else ""))
        return "\n".join(lines)


def _cell(value, error):
    return with_error(value, error, error_digits=".1g") if np.isfinite(error) else "undecided"


def level_thermodynamics(ensemble, after=0.0):
    """Particle and energy flows, entropy production and its fluctuations along quantum jumps.

    Parameters
    ----------
    ensemble : Ensemble
        Of quantum jumps, recorded with "expect" and "jumps".
    after : float or str
        Where the windows begin: 0, or a stored time (the nearest one not before).

    Returns
    -------
    LevelThermodynamics
        Printable; `plotting.level_thermodynamics` draws it.

    Raises
    ------
    InputError
        When the run is not one of quantum jumps, or does not hold what is needed.
    """
    model, times = ensemble.model, ensemble.times
    if model.has_rates:
        raise InputError(
            f"{model.name} has no quantum jumps; simulate systems.two_level_mode or two_level_field"
        )
    for record in ("expect", "jumps"):
        need(ensemble, record, f"flows need {record}")
    need_trajectories(ensemble, _LEAST)
    first = first_row(times, after, least=2)
    kept = first + np.unique(
        np.linspace(1, len(times) - 1 - first, min(_MOST_WINDOWS, len(times) - 1 - first)).round()
    ).astype(int)
    windows = times[kept] - times[first]
    net, mean, covariance, numbers = _counted(ensemble, first, kept)
    particles, energies = _flows(ensemble, numbers, first)
    x = model.parameters.exponents
    affinity = float(x.get("b", 0.0) + x["l"] - x["u"])
    with np.errstate(invalid="ignore"):  # one-way reservoirs: an infinite affinity
        production = affinity * net
    slopes = np.array([detailed_slope(n) for n in production.T]).T
    middle = net[0].astype(float)
    fano = cumulants_of_groups(*power_sums([net], _GROUPS, middle), middle)[2:]
    return LevelThermodynamics(
        ensemble, float(times[first]), windows, particles, energies,
        _entropies(model.parameters, mean, covariance / ensemble.ntraj), net, affinity, *slopes,
        *_exponential(production), *fano, *_exact(model.parameters),
    )  # fmt: skip


def _counted(ensemble, first, kept):
    """Net particles into the system since the windows' beginning, from u, l and the bath.

    Returns
    -------
    net : ndarray, shape (ntraj, n_windows)
        From u.
    mean, covariance : ndarray, shape (n_windows, k), (n_windows, k, k)
    numbers : ndarray, shape (ntraj, k)
        In the longest window.
    """
    model = ensemble.model
    baths = [channel.bath for channel in model.channel_specs]
    reservoirs = [name for name in "ulb" if name in baths]
    into = np.equal.outer(baths, reservoirs) * model.changes.sum(axis=1)[:, None]
    net, numbers, sums, products = [], [], 0.0, 0.0
    for jumps in ensemble.slabs("jumps"):
        counts = (jumps[:, kept] - jumps[:, [first]]) @ into
        net.append(counts[:, :, reservoirs.index("u")].astype(np.int32))
        numbers.append(counts[:, -1])
        sums = sums + counts.sum(axis=0)
        products = products + np.einsum("nwp,nwq->wpq", counts, counts)
    n = ensemble.ntraj
    mean = sums / n
    covariance = (products - n * mean[:, :, None] * mean[:, None, :]) / (n - 1)
    return np.concatenate(net), mean, covariance, np.concatenate(numbers)


def _flows(ensemble, numbers, first):
    """Particles and energies per second from each reservoir, and errors, in the longest window."""
    model, p = ensemble.model, ensemble.model.parameters
    mode = isinstance(p, ModeParameters)
    span = ensemble.times[-1] - ensemble.times[first]
    weights = np.zeros(len(ensemble.times))  # the trapezoidal rule
    weights[first:-1] += np.diff(ensemble.times[first:]) / (2 * span)
    weights[first + 1 :] += np.diff(ensemble.times[first:]) / (2 * span)
    average, given, light = [], [], model.observables.index("photon")
    for samples in ensemble.slabs("expect"):
        average.append(np.einsum("t,nto->no", weights, samples))
        given.append((samples[:, -1, light] - samples[:, first, light]) / span)
    state = dict(zip(model.observables, np.concatenate(average).T, strict=True))
    exchange, rate = model.coupling * state["Re c"], 2 * model.coupling * state["Im c"]
    of_state = [
        p.E_u * p.gamma_u * (p.f_u - state["u"]) - p.gamma_u * exchange,
        p.E_l * p.gamma_l * (p.f_l - state["l"]) - p.gamma_l * exchange,
        p.omega_cav * p.gamma_b * (p.n_b - state["photon"]) - p.gamma_b * exchange
        if mode
        else -p.omega * rate,
    ]
    counts = numbers / span
    if not mode:  # a classical field is no reservoir with jumps of its own
        counts = np.column_stack([counts, -np.concatenate(given)])
    names = ("u", "l", "b" if mode else "light")
    accounts = {"state": np.stack(of_state, axis=-1)}
    accounts |= {name: counts * np.array(getattr(p, name)) for name in ACCOUNTS}
    energies = {
        name: dict(zip((*names, "sum"), map(_mean, (*values.T, values.sum(axis=1))), strict=True))
        for name, values in accounts.items()
    }
    return dict(zip(names, map(_mean, counts.T), strict=True)), energies


def _accounts(p):
    """Entropy that a particle takes from each reservoir, for each way of accounting."""
    reservoirs = [p.reservoirs[name] for name in p.exponents]
    if None in reservoirs:
        return {"fillings": np.array(list(p.exponents.values()))}
    given = [r if isinstance(r, tuple) else (r, 0.0) for r in reservoirs]
    return {
        name: np.array([(e - mu) / t for e, (t, mu) in zip(getattr(p, name), given, strict=False)])
        for name in ACCOUNTS
    }


def _entropies(p, mean, variance):
    """Average entropy left in the reservoirs, and its error, for each way of accounting."""
    found = {}
    for name, x in _accounts(p).items():
        with np.errstate(invalid="ignore"):
            found[name] = np.array([-mean @ x, np.sqrt(np.einsum("p,wpq,q->w", x, variance, x))])
    return found


def _exponential(production):
    """⟨exp(-AN)⟩ with a jackknife error; NaN where too few trajectories carry it."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        weights = np.exp(-production)
        average, error = jackknife(*group_sums([weights], _GROUPS))
        # In the long run P(-N) = P(N) exp(-AN), as from a start that is its own reverse.
        variance = sample_variance(production, weights, "start")
    known = (variance < MOST_VARIANCE) & (len(production) >= LEAST)
    return np.where(known, average, np.nan), np.where(known, error, np.nan)


def _exact(p):
    """R, and the Fano factor of long windows."""
    rest = steady(p) if isinstance(p, ModeParameters) else field_state(p)
    return float(rest.R), float(rest.counting.fano)


def _mean(values):
    """Average over trajectories, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
