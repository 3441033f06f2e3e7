"""Steady states of the rate equations, and whether they are stable."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..utils.typing import Array
from .ode import solve

_STARTS = 64  # random counts from which further steady states are searched
_STATIONARY = 1e-10  # relative drift below which the integration has arrived at a steady state
_MOST_CALLS = 50_000  # evaluations of the rate equations


@dataclass(frozen=True, eq=False)
class SteadyState:
    """A steady state of the rate equations.

    Attributes
    ----------
    model : Model
    counts : ndarray, shape (n_pools,)
    eigenvalues : ndarray of complex
        Eigenvalues of the Jacobian for deviations that conserve all totals, per second, the
        slowest decay first.
    reached : bool
        Whether the solution of the rate equations approaches it from the initial state.
    """

    model: Model
    counts: Array
    eigenvalues: Array
    reached: bool

    @property
    def stable(self) -> bool:
        """Whether small deviations decay."""
        return bool((self.eigenvalues.real < 0).all())

    def __str__(self) -> str:
        pools = ", ".join(
            f"{n} = {v:.6g}" for n, v in zip(self.model.pools, self.counts, strict=True)
        )
        slowest = self.eigenvalues[0].real if len(self.eigenvalues) else np.nan
        kind = "stable" if self.stable else "UNSTABLE"
        return (
            f"{kind} steady state of {self.model.name}: {pools}; slowest rate {-slowest:.4g} /s"
            + (", reached from the start" if self.reached else "")
        )


def manifold(model: Model) -> tuple[Array, Array]:
    """Directions in which counts can change, and the totals that are conserved.

    Parameters
    ----------
    model : Model

    Returns
    -------
    basis : ndarray, shape (n_pools, rank)
        Orthonormal basis of these directions, in its columns.
    totals : ndarray, shape (n_conserved, n_pools)
        Coefficients of each conserved total.
    """
    changes = model.table.changes[model.table.constants > 0].astype(float)
    _, sizes, rows = np.linalg.svd(np.vstack([changes, np.zeros(changes.shape[1])]))
    rank = int((sizes > 1e-9 * max(1.0, sizes.max(initial=0))).sum())
    totals = [[t.get(name, 0) for name in model.pools] for t in model.conserved]
    return rows[:rank].T, np.array(totals, float).reshape(-1, len(model.pools))


def steady_states(model: Model, initial: Start) -> list[SteadyState]:
    """Find steady states of the rate equations with the conserved totals of an initial state.

    The rate equations are integrated from the initial state until they are stationary. Further
    steady states are searched by Newton's method from 64 random counts with the same conserved
    totals; the search is not guaranteed to find all of them.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence

    Returns
    -------
    list of SteadyState
        The steady state that is approached from the initial state comes first.

    Raises
    ------
    InputError
        When no steady state is found, because the solution diverges or oscillates.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> for state in js.steady_states(model, {"N": 15, "m": 0}):
    ...     print(state)
    stable steady state of hohlraum: N = 8.66025, m = 6.33975; slowest rate 3.464e+07 /s,
    reached from the start
    """
    start = as_initial(initial, as_model(model)).mean(model)
    basis, _ = manifold(model)
    if not basis.shape[1]:
        return [SteadyState(model, start, np.zeros(0, complex), reached=True)]
    found: list[SteadyState] = []
    for reached, place in _places(model, start, basis):
        counts = _newton(model, place, basis)
        if counts is None or any(_same(counts, s.counts) for s in found):
            continue
        if reached and not _same(counts, place, 1e-4):
            reached = False  # Newton's method converged to another state
        eigenvalues = np.linalg.eigvals(basis.T @ model.table.jacobian(counts) @ basis)
        order = np.argsort(-eigenvalues.real)
        found.append(SteadyState(model, counts, eigenvalues[order], reached))
    if not found:
        raise InputError(f"no steady state of {model.name} was found from this start")
    return found


def _places(model: Model, start: Array, basis: Array) -> Iterator[tuple[bool, Array]]:
    """Initial guesses: the long-time solution, then random counts with the same totals."""
    with contextlib.suppress(InputError):
        yield True, _follow(model, start)
    rng = np.random.default_rng(0)
    top = np.array([p.capacity or np.inf for p in model.pool_specs])
    scale = 3 * max(start.max(), *(float(p.size or 1) for p in model.pool_specs))
    place = start.copy()
    for _ in range(_STARTS):
        for _ in basis.T:  # hit-and-run sampling
            direction = basis @ rng.standard_normal(basis.shape[1])
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = np.stack([-place, np.minimum(top, scale) - place]) / direction
            ends = np.sort(ends, axis=0)
            low, high = np.nanmax(ends[0]), np.nanmin(ends[1])
            if high > low:
                place = np.clip(place + rng.uniform(low, high) * direction, 0, top)
        yield False, place


def _follow(model: Model, start: Array) -> Array:
    """Integrate the rate equations until they are stationary; OverflowError if they oscillate."""
    table, counts, calls = model.table, start, 0

    def drift(counts: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls > _MOST_CALLS:
            raise OverflowError
        return table.drift(counts)

    span = 1 / max(1e-300, np.abs(table.jacobian(start)).max())
    for _ in range(80):
        counts = solve(model, np.array([span]), counts, drift, table.jacobian)[-1]
        if _is_stationary(table, counts, max(1.0, start.max()), _STATIONARY):
            break
        span *= 2
    return counts


def _newton(model: Model, place: Array, basis: Array) -> Array | None:
    """Steady state near given counts, or None."""
    from scipy.optimize import root  # here, because it takes long to load

    table = model.table
    with np.errstate(all="ignore"):
        result = root(
            lambda y: basis.T @ table.drift(place + basis @ y),
            np.zeros(basis.shape[1]),
            jac=lambda y: basis.T @ table.jacobian(place + basis @ y) @ basis,
            options={"xtol": 1e-13},
        )
    counts = place + basis @ result.x
    top = np.array([p.capacity or np.inf for p in model.pool_specs])
    slack = 1e-9 * max(1.0, np.abs(counts).max())
    if not np.isfinite(counts).all() or (counts < -slack).any() or (counts > top + slack).any():
        return None
    counts = np.clip(counts, 0, top)
    return counts if _is_stationary(table, counts, max(1.0, place.max()), 1e-8) else None


def _is_stationary(table: Any, counts: Array, largest: float, tolerance: float) -> bool:
    """Whether the drift is smaller than that of relative deviations by `tolerance`."""
    deviations = np.maximum(counts, 1e-6 * largest)
    linear = np.abs(table.jacobian(counts)) @ deviations
    return bool((np.abs(table.drift(counts)) <= tolerance * linear).all())


def _same(a: Array, b: Array, tolerance: float = 1e-6) -> bool:
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max())))
