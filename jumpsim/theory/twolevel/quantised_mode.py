"""Two levels and one quantised mode of light (W III B, Appendix B).

The coupling connects only the pairs |u, n⟩ and |l, n+1⟩. A density matrix that has no other
coherences at t = 0 never has any, and consists of 4(N+1) populations, of the electronic states
empty, u, l and both with n photons, and N coherences. They obey linear equations. The cutoff N is
increased until the probability of larger photon numbers is negligible.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ...errors import InputError, whole_number
from ...systems.twolevel.parameters import ModeParameters, mode_parameters
from ...units import as_times
from ...utils.typing import Array, ComplexArray, Times
from .approximations import hartree_fock
from .counting_statistics import PhotonCounting
from .liouvillian import (
    BOTH,
    EMPTY,
    LOWER,
    UPPER,
    Stationary,
    generator,
    packed,
    propagated,
    unpacked,
)
from .operation import Operation, operation

TAIL = 1e-12  # largest weight of the highest photon number
MOST = 2**15  # largest cutoff
_STEADY_TAIL = 1e-17  # the same in the steady state; R = γ_b (n - n_b) holds as well as this
_FIRST = 16  # smallest automatic cutoff


@dataclass(frozen=True, eq=False)
class ModeState:
    """A density matrix of two levels and a mode, or one for each of several times.

    Attributes
    ----------
    parameters : ModeParameters
    populations : ndarray, shape (..., 4, N + 1)
        Populations of the electronic states empty, u, l and both, with n photons.
    coherences : ndarray of complex, shape (..., N)
        ⟨u, n|ρ|l, n+1⟩.
    """

    parameters: ModeParameters
    populations: Array
    coherences: ComplexArray

    @property
    def photons(self) -> Array:
        """Photon distribution P(n), (..., N + 1)."""
        return self.populations.sum(axis=-2)

    @property
    def tail(self) -> Any:
        """Probability of the highest photon number, the cutoff."""
        return self.photons[..., -1]

    @property
    def n(self) -> Any:
        """Mean photon number."""
        return self.photons @ np.arange(self.photons.shape[-1])

    @property
    def g2(self) -> Any:
        """g²(0) = ⟨n(n-1)⟩/⟨n⟩²; NaN when ⟨n⟩ = 0."""
        n = np.arange(self.photons.shape[-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.n > 0, self.photons @ (n * (n - 1.0)) / self.n**2, np.nan)[()]

    @property
    def occupation_u(self) -> Any:
        """Occupation of the upper level."""
        return self.populations[..., [UPPER, BOTH], :].sum(axis=(-2, -1))

    @property
    def occupation_l(self) -> Any:
        """Occupation of the lower level."""
        return self.populations[..., [LOWER, BOTH], :].sum(axis=(-2, -1))

    @property
    def Y(self) -> Any:
        """Expectation value g* ⟨c_l† c_u a†⟩ (W B4)."""
        root = np.sqrt(np.arange(1, self.populations.shape[-1]))
        return np.conj(self.parameters.g) * (self.coherences @ root)

    @property
    def R(self) -> Any:
        """Net rate u → l with emission of a photon (W B6)."""
        return 2 * self.Y.imag

    @property
    def F(self) -> Any:
        """Spontaneous plus stimulated emission minus absorption (W B5)."""
        n = np.arange(self.populations.shape[-1])
        upper, lower = self.populations[..., UPPER, :], self.populations[..., LOWER, :]
        return upper.sum(axis=-1) + (upper - lower) @ n

    @property
    def particle_flows(self) -> dict[str, Any]:
        """Electrons from u and l, and photons from the bath, into the system per second."""
        p = self.parameters
        return {
            "u": p.gamma_u * (p.f_u - self.occupation_u),
            "l": p.gamma_l * (p.f_l - self.occupation_l),
            "b": p.gamma_b * (p.n_b - self.n),
        }

    @property
    def energy_flows(self) -> dict[str, Any]:
        """Energy from each reservoir into the system per second, for any state (W B7, B8)."""
        p, particles = self.parameters, self.particle_flows
        bare = {"u": (p.E_u, p.gamma_u), "l": (p.E_l, p.gamma_l), "b": (p.omega_cav, p.gamma_b)}
        return {k: e * particles[k] - gamma * self.Y.real for k, (e, gamma) in bare.items()}


@dataclass(frozen=True, eq=False)
class QuantisedMode(ModeState):
    """Steady state of two levels and a quantised mode.

    Attributes
    ----------
    parameters, populations, coherences
        As in `ModeState`.
    """

    @property
    def E_u(self) -> float:
        """Effective energy of u (W 21)."""
        return self.parameters.effective[0]

    @property
    def E_l(self) -> float:
        """Effective energy of l (W 21)."""
        return self.parameters.effective[1]

    @property
    def E_ph(self) -> float:
        """Effective energy of a photon (W 21)."""
        return self.parameters.effective[2]

    @property
    def entropy_production(self) -> float:
        """Entropy production of the three reservoirs per second (W 22).

        It is defined only for reservoirs with a temperature and a chemical potential.
        """
        reservoirs = self.parameters.reservoirs
        for name, given in reservoirs.items():
            if given is None:
                raise InputError(f"entropy production needs `T_{name}`, not a filling")
        (t_u, mu_u), (t_l, mu_l), t_b = (reservoirs[name] for name in "ulb")
        return self.R * (
            self.E_ph / t_b + (self.E_l - mu_l) / t_l - (self.E_u - mu_u) / t_u
        )  # fmt: skip

    def evolve(self, times: Times, start: Mapping[str, Any]) -> ModeState:
        """Time evolution of the density matrix (W 18).

        Parameters
        ----------
        times : array_like of float or str
            Seconds, increasing, ≥ 0.
        start : mapping
            A Fock state, with the occupations "u" and "l", 0 or 1, and the number of photons
            "photon"; or a mixture of Fock states, {"populations": array of shape (4, n)}.

        Returns
        -------
        ModeState
            With one density matrix for each time.

        Raises
        ------
        InputError
            When an argument is not valid, or there are too many photons.

        Examples
        --------
        >>> from jumpsim.theory import twolevel
        >>> mode = twolevel.quantised_mode(
        ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
        ... )
        >>> print(mode.evolve([0, 1], {"u": 1, "l": 0, "photon": 0}).n.round(4))
        [0.     0.1072]
        """
        times = as_times(times)
        first = _start(start)
        cutoff = max(self.populations.shape[1] - 1, first.shape[1] - 1 + _FIRST)
        while True:
            matrix = generator(self.parameters, cutoff)
            moved = propagated(matrix, packed(first, cutoff), times)
            state = ModeState(self.parameters, *unpacked(moved, cutoff))
            if state.tail.max() < TAIL:
                return state
            cutoff = larger(cutoff, state.tail.max())

    @cached_property
    def counting(self) -> PhotonCounting:
        """Long-time statistics of the net number of photons emitted."""
        cutoff = self.populations.shape[1] - 1
        return PhotonCounting(
            partial(generator, self.parameters, cutoff),
            4 * (cutoff + 1),
            int(self.populations.argmax()),
        )

    @property
    def operation(self) -> Operation:
        """Mode of operation and efficiency; defined only for reservoirs with T and μ."""
        return operation(self)

    def __str__(self) -> str:
        p = self.parameters
        lines = [
            f"two-level system and quantised mode, Δ_cav = {p.detuning:g}, g = {p.g:g}",
            f"  R = {self.R:.8g}; occupations u {self.occupation_u:.6g}, l "
            f"{self.occupation_l:.6g}; ⟨n⟩ = {self.n:.6g}, g²(0) = {self.g2:.6g}",
            f"  effective energies u {self.E_u:.6g}, l {self.E_l:.6g}, photon {self.E_ph:.6g}",
            f"  cutoff {self.populations.shape[1] - 1} photons, with probability {self.tail:.2g}",
        ]
        if None not in p.reservoirs.values():
            lines.append(f"  entropy production {self.entropy_production:.8g}; {self.operation}")
        return "\n".join(lines)


def quantised_mode(
    E_u: float,
    E_l: float,
    omega_cav: float,
    g: complex,
    gamma_u: float,
    gamma_l: float,
    gamma_b: float,
    *,
    cutoff: int | None = None,
    **more: Any,
) -> QuantisedMode:
    """Steady state of the two-level system with a quantised mode (W 18).

    The linear equations of the density matrix are solved without approximation.

    Parameters
    ----------
    E_u, E_l, omega_cav : float
        Bare energies, and the frequency of the empty cavity.
    g : complex
        Coupling to the mode; 0 without light.
    gamma_u, gamma_l, gamma_b : float
        Exchange rates with the electron reservoirs and the photon bath, > 0.
    cutoff : int, optional
        Largest photon number; by default it is increased until its probability is below 1e-17
        (or 1e-12, where rounding errors are larger).
    **more
        For each reservoir its filling (`f_u`, `f_l`, and `n_b` of the photon bath), or its
        temperature and chemical potential (`T_u`, `mu_u`, `T_l`, `mu_l`, and `T_b`). `energies` is
        "effective" (W 21) or "bare": the energies at which the fillings are evaluated.

    Returns
    -------
    QuantisedMode

    Raises
    ------
    InputError
        When a parameter is not valid, or the probability of the photon number `cutoff` exceeds
        1e-12.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> mode = twolevel.quantised_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> round(float(mode.R), 6), round(float(mode.n), 6)
    (0.217418, 0.217418)
    """
    return steady(
        mode_parameters(E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, **more), cutoff
    )


def steady(parameters: ModeParameters, cutoff: int | None = None) -> QuantisedMode:
    """Steady state of two levels and a quantised mode for given parameters (W 18).

    Parameters
    ----------
    parameters : ModeParameters
    cutoff : int, optional
        As for `quantised_mode`.

    Returns
    -------
    QuantisedMode

    Raises
    ------
    InputError
        As for `quantised_mode`.
    """
    if cutoff is not None:
        cutoff = whole_number(cutoff, "cutoff", 1, MOST + 1)
        found = _steady(parameters, cutoff)
        if found.tail > TAIL:
            raise InputError(
                f"`cutoff` = {cutoff} is too small: its probability is {found.tail:.2g}, more than "
                f"{TAIL:g}; give a larger `cutoff`, or none"
            )
        return found
    cutoff, before = _FIRST, np.inf
    while True:
        found = _steady(parameters, cutoff)
        # Below TAIL it may only be larger than _STEADY_TAIL by rounding errors.
        if abs(found.tail) < (_STEADY_TAIL if before > TAIL else TAIL):
            return found
        before = abs(found.tail)
        cutoff = larger(cutoff, found.tail)


def _steady(parameters: ModeParameters, cutoff: int) -> QuantisedMode:
    _, upper, lower, photons = hartree_fock(parameters)
    weights = [(1 - upper) * (1 - lower), upper * (1 - lower), (1 - upper) * lower, upper * lower]
    likely = int(np.argmax(weights)) * (cutoff + 1) + min(int(photons), cutoff)
    found = Stationary(generator(parameters, cutoff), 4 * (cutoff + 1), likely)
    return QuantisedMode(parameters, *unpacked(found.state, cutoff))


def larger(cutoff: int, tail: float) -> int:
    """Next larger cutoff: twice the given one, at most `MOST`.

    Parameters
    ----------
    cutoff : int
    tail : float
        Probability of the highest photon number with this cutoff.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When `MOST` is not sufficient.
    """
    if cutoff >= MOST:
        raise InputError(
            f"with at most {MOST} photons the probability of this number is still {tail:.2g}, too "
            "much for this solver: increase `gamma_b`, or use rate equations"
        )
    return min(2 * cutoff, MOST)


def _start(start: Mapping[str, Any]) -> Array:
    """Populations (4, n + 1) of a Fock state or of a mixture of Fock states."""
    if "populations" in start:
        populations = np.asarray(start["populations"], float)
        good = populations.ndim == 2 and populations.shape[0] == 4
        if not good or (populations < 0).any() or abs(populations.sum() - 1) > 1e-9:
            raise InputError("`populations` must be (4, n) numbers ≥ 0 that add up to 1")
        return populations
    if set(start) != {"u", "l", "photon"}:
        raise InputError(
            '`start` must give "u", "l" and "photon", a Fock state, or "populations", a mixture of '
            "such states; superpositions such as coherent states are not possible here"
        )
    upper, lower = (whole_number(start[k], k, 0, 2) for k in "ul")
    photon = whole_number(start["photon"], "photon", 0, MOST)
    populations = np.zeros((4, photon + 1))
    populations[[[EMPTY, LOWER], [UPPER, BOTH]][upper][lower], photon] = 1.0
    return populations
