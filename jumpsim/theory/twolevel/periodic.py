"""Fermionic levels with a periodic or static one-body Hamiltonian and local reservoirs (W App. C).

With σ_ij = ⟨c_j† c_i⟩ and reservoirs that exchange electrons with one level each,

    dσ/dt = -i [h(t), σ] - {γ, σ}/2 + γ f,

which is a closed equation because the Hamiltonian is one-body. The periodic steady state is
computed as a Fourier series σ(t) = Σ_k σ_k e^(-ikωt) in the harmonics of the drive; terms with
negligible weight are omitted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ... import units
from ...errors import InputError, whole_number
from ...systems.twolevel.parameters import ENERGIES, check_rates
from ...utils.typing import Array, ComplexArray
from .harmonics import hamiltonian_harmonics, responses

_LEAST_FLOW = 1e-10  # smallest ratio of particle flow and rate for an energy per particle
_SAME = 1e-6  # solutions whose effective energies differ by less are the same


@dataclass(frozen=True, eq=False)
class PeriodicState:
    """Periodic steady state of levels and reservoirs.

    Attributes
    ----------
    hamiltonian : dict of int to ndarray
        Harmonics h_k of h(t) = Σ_k h_k e^(-ikωt).
    omega : float
        2π/period of the drive; 0 for a static Hamiltonian.
    gamma : ndarray, shape (n_levels,)
        Exchange rates with the reservoirs; 0 for a level without a reservoir.
    f : ndarray, shape (n_levels,)
        Fillings of the reservoirs.
    T, mu : ndarray or None
        Temperatures and chemical potentials of the reservoirs; None when fillings were given.
    harmonics : ndarray, shape (2K + 1, n_levels, n_levels)
        σ_k for k from -K to K.
    iterations : int
        Number of iterations to self-consistency; 0 when fillings were given.
    """

    hamiltonian: dict[int, ComplexArray]
    omega: float
    gamma: Array
    f: Array
    T: Array | None
    mu: Array | None
    harmonics: ComplexArray
    iterations: int

    @property
    def density(self) -> ComplexArray:
        """σ averaged over a period."""
        return self.harmonics[len(self.harmonics) // 2]

    @property
    def particle_flows(self) -> Array:
        """Electrons from each reservoir per second, averaged over a period (W C2)."""
        return self.gamma * (self.f - np.diagonal(self.density).real)

    @property
    def energy_flows(self) -> Array:
        """Energy from each reservoir per second, averaged over a period (W C1)."""
        bare = np.diagonal(self.hamiltonian[0]).real
        return self.gamma * (self.f * bare - np.diagonal(self._product(0)).real)

    @property
    def power(self) -> float:
        """Work of the drive on the system per second, averaged over a period (W 6)."""
        return float(np.trace(self._product(1)).real)

    @property
    def effective_energies(self) -> Array:
        """Ratio of energy and particle flow of each reservoir (W C3); NaN without a reservoir."""
        return _energies(self)

    @property
    def entropy_production(self) -> float:
        """Entropy production of the reservoirs per second, averaged over a period (W C4)."""
        if self.T is None or self.mu is None:
            raise InputError("entropy production needs `T` and `mu`, not fillings")
        heat = self.energy_flows - self.mu * self.particle_flows
        used = self.gamma > 0
        return float(-(heat[used] / self.T[used]).sum())

    def at(self, time: float) -> ComplexArray:
        """Density matrix σ at one time.

        Parameters
        ----------
        time : float
            Seconds.

        Returns
        -------
        ndarray of complex, shape (n_levels, n_levels)
        """
        k = np.arange(len(self.harmonics)) - len(self.harmonics) // 2
        return np.tensordot(np.exp(-1j * k * self.omega * time), self.harmonics, axes=1)

    def _product(self, derivative: int) -> ComplexArray:
        """Average over a period of h σ (derivative = 0) or of ∂h/∂t σ (derivative = 1)."""
        middle = len(self.harmonics) // 2
        total: Any = 0.0
        for k, h in self.hamiltonian.items():
            if abs(k) <= middle:
                total = (
                    total + (-1j * k * self.omega) ** derivative * h @ self.harmonics[middle - k]
                )
        return total

    def __str__(self) -> str:
        lines = [
            f"{len(self.gamma)} levels, ω = {self.omega:g}: power of the drive {self.power:.6g}, "
            f"{len(self.harmonics) // 2} harmonics",
            "  particle flows     " + _row(self.particle_flows),
            "  energy flows       " + _row(self.energy_flows),
        ]
        if self.T is not None:
            lines.append(f"  entropy production {self.entropy_production:.8g}")
        if self.iterations:
            lines.append(f"  self-consistent after {self.iterations} iterations")
        return "\n".join(lines)


def periodic(
    hamiltonian: Any, gamma: Any, *, period: float | None = None, f: Any = None, T: Any = None,
    mu: Any = None, energies: str = "effective", start: ArrayLike | None = None,
    damping: float = 0.3, tolerance: float = 1e-10, max_iterations: int = 10_000,
) -> PeriodicState:  # fmt: skip
    """Periodic steady state, for given fillings or for self-consistent ones (W C1-C4, 16).

    Parameters
    ----------
    hamiltonian : array_like, callable or dict of int to array_like
        A static Hamiltonian h; a periodic function of the time in seconds; or the harmonics h_k of
        h(t) = Σ_k h_k e^(-ikωt), where h_(-k) = h_k† may be omitted.
    gamma : array_like, shape (n_levels,)
        Exchange rates with the reservoirs; 0 for a level without a reservoir.
    period : float, optional
        Seconds; None for a static Hamiltonian.
    f : array_like, optional
        Fillings of the reservoirs. Without them T and mu are needed.
    T, mu : array_like, optional
        Temperatures and chemical potentials of the reservoirs.
    energies : str
        Energies at which the fillings are evaluated. "effective": energy flow divided by particle
        flow, found by iteration; "bare": the diagonal of h, averaged over a period.
    start : array_like, optional
        Initial effective energies of the iteration, by default the bare energies. There may be
        several solutions: see `periodic_solutions`.
    damping : float
        Weight of the previous energies in each iteration, 0 ≤ damping < 1.
    tolerance : float
        Largest change of an energy in the last iteration.
    max_iterations : int
        Largest number of iterations.

    Returns
    -------
    PeriodicState

    Raises
    ------
    InputError
        When an argument is not valid, the iteration does not converge, or a particle flow vanishes,
        so that the effective energy (W C3) is not defined.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> state = twolevel.periodic([[1.0, 0.5], [0.5, 0.0]], gamma=[1.0, 1.0], f=[1.0, 0.0])
    >>> print(state.particle_flows.round(6))
    [ 0.166667 -0.166667]
    """
    system = _System.of(hamiltonian, gamma, period)
    size, gamma = len(system.gamma), system.gamma
    if energies not in ENERGIES:
        raise InputError(f'`energies` must be "effective" or "bare", but is {energies!r}')
    if (f is None) == (T is None or mu is None):
        raise InputError("give either `f` or both `T` and `mu`")
    if f is not None:
        f = np.broadcast_to(np.asarray(f, float), (size,))
        if not ((f >= 0) & (f <= 1)).all():
            raise InputError("`f` must be from 0 to 1")
        return system.state(f)
    T, mu = _reservoirs(T, mu, size)
    if not 0 <= damping < 1:
        raise InputError(f"`damping` must be ≥ 0 and < 1, but is {damping!r}")
    bare = system.bare
    energy = bare if start is None else np.broadcast_to(np.asarray(start, float), (size,))
    if energies == "bare":
        return system.state(units.fermi((bare - mu) / T), T, mu)
    for step in range(1, whole_number(max_iterations, "max_iterations", 1, 10**8) + 1):
        state = system.state(units.fermi((energy - mu) / T), T, mu, step)
        found = np.where(gamma > 0, _energies(state), energy)
        if np.abs(found - energy).max() < tolerance:
            return state
        energy = damping * energy + (1 - damping) * found
    raise InputError(
        f"the effective energies still change by {np.abs(found - energy).max():.2g} after "
        f"{max_iterations} iterations; give another `start`, a `damping` closer to 1, or use "
        "`periodic_solutions`"
    )


@dataclass(frozen=True, eq=False)
class _System:
    """Levels and rates, with the linear response of σ to each filling."""

    hamiltonian: dict[int, ComplexArray]
    omega: float
    gamma: Array
    responses: ComplexArray

    @classmethod
    def of(cls, hamiltonian: Any, gamma: Any, period: float | None) -> "_System":
        harmonics, omega = hamiltonian_harmonics(hamiltonian, period)
        gamma = np.broadcast_to(check_rates(gamma=gamma)[0], (len(harmonics[0]),)).astype(float)
        if not (gamma > 0).any():
            raise InputError(
                "`gamma` must be > 0 for at least one level; otherwise there is no steady state"
            )
        return cls(harmonics, omega, gamma, responses(harmonics, omega, gamma))

    @property
    def bare(self) -> Array:
        return np.diagonal(self.hamiltonian[0]).real

    def state(self, f: Any, T: Any = None, mu: Any = None, iterations: int = 0) -> PeriodicState:
        harmonics = np.tensordot(f, self.responses, axes=1)
        return PeriodicState(
            self.hamiltonian, self.omega, self.gamma, f, T, mu, harmonics, iterations
        )  # fmt: skip


def periodic_solutions(
    hamiltonian: Any,
    gamma: Any,
    *,
    T: Any,
    mu: Any,
    period: float | None = None,
    starts: int = 50,
    spread: float | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> list[PeriodicState]:
    """Self-consistent periodic steady states, of which there may be several.

    The equations of self-consistency are solved by a root finder from several initial energies. It
    also finds solutions to which the iteration of `periodic` does not converge.

    Parameters
    ----------
    hamiltonian, gamma, T, mu, period
        As for `periodic`.
    starts : int
        Number of initial energies: the bare ones, then random ones around them.
    spread : float, optional
        Standard deviation of the random initial energies; by default the largest entry of the
        Hamiltonian.
    seed : int
        Seed of the random initial energies.
    tolerance : float
        Largest difference between the assumed effective energies and those of the flows.

    Returns
    -------
    list of PeriodicState
        Distinct solutions in the order in which they were found; empty when none was found.

    Raises
    ------
    InputError
        When an argument is not valid.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> found = twolevel.periodic_solutions(
    ...     [[1.0, 0.5], [0.5, 0.0]], [1.0, 1.0], T=1.0, mu=[1.0, -1.0], starts=5
    ... )
    >>> [round(state.entropy_production, 4) for state in found]
    [0.1467]
    """
    from scipy.optimize import root

    system = _System.of(hamiltonian, gamma, period)
    T, mu = _reservoirs(T, mu, len(system.gamma))
    bare, used = system.bare, system.gamma > 0
    if spread is None:
        spread = max(float(np.abs(h).max()) for h in system.hamiltonian.values()) or 1.0

    def state(energy: Any) -> PeriodicState:
        every = bare.copy()
        every[used] = energy
        return system.state(units.fermi((every - mu) / T), T, mu)

    def mismatch(energy: Any) -> Array:
        found = state(energy)
        # Multiplied by the particle flow, so that it is finite where a flow changes its sign.
        return (found.energy_flows[used] - energy * found.particle_flows[used]) / system.gamma[used]

    rng = np.random.default_rng(seed)
    solutions: list[PeriodicState] = []
    for k in range(whole_number(starts, "starts", 1, 10**6)):
        start = bare[used] + (spread * rng.standard_normal(used.sum()) if k else 0.0)
        answer = root(mismatch, start, tol=1e-14).x
        solution = state(answer)
        flows = np.abs(solution.particle_flows[used]) / system.gamma[used]
        if not np.isfinite(answer).all() or flows.min() < _LEAST_FLOW:
            continue  # a particle flow vanishes: the energy per particle is not defined
        if np.abs(solution.effective_energies[used] - answer).max() > tolerance:
            continue
        if all(np.abs(answer - s.effective_energies[used]).max() > _SAME for s in solutions):
            solutions.append(solution)
    return solutions


def _energies(state: PeriodicState) -> Array:
    flows, energies = state.particle_flows, state.energy_flows
    used = state.gamma > 0
    lost = used & (np.abs(flows) < _LEAST_FLOW * state.gamma)
    if lost.any():
        raise InputError(
            f"the particle flow into level {int(lost.argmax())} vanishes, so that its energy per "
            "particle (W C3) is not defined; give fillings, or a different `start`"
        )
    return np.where(used, energies / np.where(used, flows, 1.0), np.nan)


def _reservoirs(T: Any, mu: Any, size: int) -> tuple[Array, Array]:
    """T and μ of each reservoir as arrays, or InputError."""
    T, mu = (np.broadcast_to(np.asarray(x, float), (size,)) for x in (T, mu))
    if not ((T > 0) & np.isfinite(T) & np.isfinite(mu)).all():
        raise InputError("`T` must be > 0, and `T` and `mu` finite")
    return T, mu


def _row(values: Array) -> str:
    return ", ".join(f"{v:.6g}" for v in values)
