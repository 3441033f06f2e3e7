"""Fermionic levels with a periodic or static one-body Hamiltonian and local reservoirs (W App. C).

With σ_ij = ⟨c_j† c_i⟩ and reservoirs that each exchange electrons with one level,

    dσ/dt = -i [h(t), σ] - {γ, σ}/2 + γ f,

closed because the Hamiltonian is one-body. The periodic steady state is found in harmonics of the
drive, σ(t) = Σ_k σ_k e^(-ikωt), as many as carry weight.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ... import units
from ...errors import InputError, positive_number, whole_number
from ...systems.twolevel.parameters import ENERGIES, check_rates
from ...utils.typing import Array, ComplexArray

_TAIL = 1e-13  # weight of the last harmonic, relative to the first
_MOST_HARMONICS = 512
_LEAST_FLOW = 1e-10  # particle flow over rate below which an energy per particle means nothing
_SAME = 1e-6  # effective energies closer than this belong to one solution


@dataclass(frozen=True, eq=False)
class PeriodicState:
    """Periodic steady state of levels and reservoirs.

    Attributes
    ----------
    hamiltonian : dict of int to ndarray
        Harmonics h_k of h(t) = Σ_k h_k e^(-ikωt).
    omega : float
        2π over the period; 0 for a static Hamiltonian.
    gamma : ndarray, shape (n_levels,)
        Rates to the reservoirs; 0 for a level without.
    f : ndarray, shape (n_levels,)
        Fillings of the reservoirs.
    T, mu : ndarray or None
        Of the reservoirs, where the fillings follow from them.
    harmonics : ndarray, shape (2K + 1, n_levels, n_levels)
        σ_k, from -K to K.
    iterations : int
        Steps to self-consistency; 0 where fillings were given.
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
        """Energy over particle flow of each reservoir (W C3); NaN for a level without one."""
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
        """σ at one time, in seconds."""
        k = np.arange(len(self.harmonics)) - len(self.harmonics) // 2
        return np.tensordot(np.exp(-1j * k * self.omega * time), self.harmonics, axes=1)

    def _product(self, derivative: int) -> ComplexArray:
        """Average of h σ, or of ∂h/∂t σ."""
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
    """Periodic steady state, with fillings that are given or self-consistent (W C1-C4, 16).

    Parameters
    ----------
    hamiltonian : array_like, callable or dict of int to array_like
        A static h; a function of time (seconds) with the period; or its harmonics h_k in
        h(t) = Σ_k h_k e^(-ikωt), where h_(-k) = h_k† may be left out.
    gamma : array_like, shape (n_levels,)
        Rates to the reservoirs; 0 for a level without.
    period : float, optional
        Seconds; None for a static Hamiltonian.
    f : array_like, optional
        Fillings; or T and mu of every reservoir instead.
    T, mu : array_like, optional
    energies : str
        "effective": fillings at the energies that the flows carry, found by iteration; "bare": at
        the period's average of the diagonal.
    start : array_like, optional
        Effective energies from which the iteration begins; the bare ones by default. There may be
        several solutions: see `periodic_solutions`.
    damping : float
        Part of the old energies that is kept in a step, 0 ≤ damping < 1.
    tolerance : float
        Largest change of an energy in the last step.
    max_iterations : int

    Returns
    -------
    PeriodicState

    Raises
    ------
    InputError
        When an iteration does not end, or a particle flow vanishes, where W C3 has no meaning.
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
        f"{max_iterations} iterations; give another `start`, a `damping` nearer to 1, or use "
        "`periodic_solutions`"
    )


@dataclass(frozen=True, eq=False)
class _System:
    """Levels and rates, with the response to every filling."""

    hamiltonian: dict[int, ComplexArray]
    omega: float
    gamma: Array
    responses: ComplexArray

    @classmethod
    def of(cls, hamiltonian: Any, gamma: Any, period: float | None) -> "_System":
        harmonics, omega = _harmonics(hamiltonian, period)
        gamma = np.broadcast_to(check_rates(gamma=gamma)[0], (len(harmonics[0]),)).astype(float)
        if not (gamma > 0).any():
            raise InputError(
                "`gamma` must be > 0 for one level at least, or there is no steady state"
            )
        return cls(harmonics, omega, gamma, _responses(harmonics, omega, gamma))

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
    """Self-consistent solutions found from several starts; there may be more than one.

    A root is sought from each start, which also finds solutions that the iteration does not reach.

    Parameters
    ----------
    hamiltonian, gamma, T, mu, period
        As for `periodic`.
    starts : int
        Number of starts: the bare energies, then random ones around them.
    spread : float, optional
        Standard deviation of the random starts; by default the largest entry of the Hamiltonian.
    seed : int
    tolerance : float
        Largest difference between the assumed effective energies and those of the flows.

    Returns
    -------
    list of PeriodicState
        Different ones, in the order in which they were found; empty when none was.
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
        # Flow times mismatch, so that it stays finite where a flow passes through zero.
        return (found.energy_flows[used] - energy * found.particle_flows[used]) / system.gamma[used]

    rng = np.random.default_rng(seed)
    solutions: list[PeriodicState] = []
    for k in range(whole_number(starts, "starts", 1, 10**6)):
        start = bare[used] + (spread * rng.standard_normal(used.sum()) if k else 0.0)
        answer = root(mismatch, start, tol=1e-14).x
        solution = state(answer)
        flows = np.abs(solution.particle_flows[used]) / system.gamma[used]
        if not np.isfinite(answer).all() or flows.min() < _LEAST_FLOW:
            continue  # a particle flow vanishes there: not an energy per particle
        if np.abs(solution.effective_energies[used] - answer).max() > tolerance:
            continue
        if all(np.abs(answer - s.effective_energies[used]).max() > _SAME for s in solutions):
            solutions.append(solution)
    return solutions


def _harmonics(hamiltonian: Any, period: float | None) -> tuple[dict[int, ComplexArray], float]:
    """Harmonics by number, both signs, and ω."""
    omega = 0.0 if period is None else 2 * np.pi / positive_number(period, "period")
    if callable(hamiltonian):
        if period is None:
            raise InputError("a Hamiltonian that is a function of time needs its `period`")
        given = _sampled(hamiltonian, period)
    elif isinstance(hamiltonian, dict):
        given = {int(k): np.array(h, complex) for k, h in hamiltonian.items()}
    else:
        given = {0: np.array(hamiltonian, complex)}
    for k in list(given):
        given.setdefault(-k, given[k].conj().T)
    given.setdefault(0, np.zeros_like(next(iter(given.values()))))
    shapes = {h.shape for h in given.values()}
    square = (
        len(shapes) == 1 and len(given[0].shape) == 2 and given[0].shape[0] == given[0].shape[1]
    )
    if not square or not all(np.isfinite(h).all() for h in given.values()):
        raise InputError("the Hamiltonian must be finite square matrices of one size")
    if any(not np.allclose(given[-k], h.conj().T, atol=1e-10) for k, h in given.items()):
        raise InputError("the Hamiltonian must be Hermitian: h_(-k) = h_k†")
    if omega == 0 and len(given) > 1:
        raise InputError("harmonics of a Hamiltonian need its `period`")
    return given, omega


def _sampled(hamiltonian: Any, period: Any) -> dict[int, ComplexArray]:
    """Harmonics of a function, from as many samples as they need."""
    number = 16
    while True:
        times = period * np.arange(number) / number
        values = np.array([np.asarray(hamiltonian(t), complex) for t in times])
        found = np.fft.ifft(values, axis=0)  # h_k of e^(-ikωt)
        size = np.abs(found).max(axis=tuple(range(1, found.ndim)))
        if size[number // 2 - 2 : number // 2 + 2].max() < 1e-12 * max(size.max(), 1e-300):
            break
        number *= 2
        if number > 2 * _MOST_HARMONICS:
            raise InputError("the Hamiltonian has jumps in time, or another `period`")
    k = np.fft.fftfreq(number, 1 / number).astype(int)
    kept = size > 1e-14 * size.max()
    return {int(n): h for n, h in zip(k[kept], found[kept], strict=True)}


def _responses(hamiltonian: Any, omega: float, gamma: Any) -> ComplexArray:
    """σ_k for a filling of 1 in one reservoir and 0 in the others: the state is linear in them."""
    reach = max(abs(k) for k in hamiltonian)
    order = 0 if reach == 0 else 4 * reach
    while True:
        sigma = _steady(hamiltonian, omega, gamma, order)
        size = np.abs(sigma).max(axis=(0, 2, 3))
        edge = max(size[:reach].max(initial=0.0), size[len(size) - reach :].max(initial=0.0))
        if reach == 0 or edge < _TAIL * size.max():
            return sigma
        order *= 2
        if order > _MOST_HARMONICS:
            raise InputError(f"the drive is too slow for harmonics: {order} of them are too few")


def _steady(hamiltonian: Any, omega: float, gamma: Any, order: int) -> ComplexArray:
    """Solve -ikω σ_k = -i Σ_j [h_j, σ_(k-j)] - {γ, σ_k}/2 + γ_α δ_k0 for every reservoir α."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    levels, number = len(gamma), 2 * order + 1
    one, decay, k = np.eye(levels), np.diag(gamma) / 2, np.arange(-order, order + 1)
    damped = np.kron(decay, one) + np.kron(one, decay)
    matrix = sparse.kron(sparse.diags_array(1j * k * omega), sparse.eye_array(levels**2))
    matrix = matrix - sparse.kron(sparse.eye_array(number), damped)
    for j, h in hamiltonian.items():
        turn = -1j * (np.kron(h, one) - np.kron(one, h.T))  # row-major [h, σ]
        matrix = matrix + sparse.kron(sparse.eye_array(number, k=-j), turn)
    right = np.zeros((number, levels, levels, levels), complex)
    for a, rate in enumerate(gamma):
        right[order, a, a, a] = -rate
    solution = splu(sparse.csc_array(matrix, dtype=complex)).solve(right.reshape(-1, levels))
    return np.moveaxis(solution.reshape(number, levels, levels, levels), -1, 0)


def _energies(state: PeriodicState) -> Array:
    flows, energies = state.particle_flows, state.energy_flows
    used = state.gamma > 0
    lost = used & (np.abs(flows) < _LEAST_FLOW * state.gamma)
    if lost.any():
        raise InputError(
            f"the particle flow into level {int(lost.argmax())} vanishes, so that an energy per "
            "particle has no meaning there (W C3); give fillings, or another `start`"
        )
    return np.where(used, energies / np.where(used, flows, 1.0), np.nan)


def _reservoirs(T: Any, mu: Any, size: int) -> tuple[Array, Array]:
    """T and μ of every reservoir."""
    T, mu = (np.broadcast_to(np.asarray(x, float), (size,)) for x in (T, mu))
    if not ((T > 0) & np.isfinite(T) & np.isfinite(mu)).all():
        raise InputError("`T` must be > 0, and `T` and `mu` finite")
    return T, mu


def _row(values: Array) -> str:
    return ", ".join(f"{v:.6g}" for v in values)
