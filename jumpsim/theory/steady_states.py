"""Steady states of the rate equations, and whether they are stable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..utils.typing import Array
from .ode import steps

_STARTS = 64  # random counts from which further steady states are searched
_ROUNDS, _MANY = 8, 50  # tests of the limits of these counts; with more pools only one
_STATIONARY = 1e-10  # relative drift below which the integration has arrived at a steady state
_MOST_CALLS = 50_000  # evaluations of the rate equations
_EVERY = 5  # steps between tests whether the solution is stationary
_LARGEST = 2.0**60  # a larger count is divergent
_ZERO = 1e-12  # ratio to the largest eigenvalue, or of real part to modulus, that counts as 0
_MOST_STEPS = 60  # of Newton's method
_FLOOR = 1e-6  # of a pool's scale; deviations of smaller counts are measured by it


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
    continuum : bool
        Whether it is one of a continuum of steady states with the same totals.
    """

    model: Model
    counts: Array
    eigenvalues: Array
    reached: bool
    continuum: bool = False

    @property
    def stable(self) -> bool:
        """Whether small deviations decay."""
        return self.stability == "stable"

    @property
    def stability(self) -> str:
        """Fate of small deviations: "stable" where all decay, "unstable" where some grow.

        Otherwise "neutral": an eigenvalue is 0 within rounding errors, or imaginary, so that the
        Jacobian does not decide.
        """
        largest = np.abs(self.eigenvalues).max(initial=0)
        tiny = np.maximum(_ZERO * largest, 1e-9 * np.abs(self.eigenvalues))
        if (self.eigenvalues.real > tiny).any():
            return "unstable"
        if self.continuum or (self.eigenvalues.real >= -tiny).any():
            return "neutral"
        return "stable"

    def __str__(self) -> str:
        pools = ", ".join(
            f"{n} = {v:.6g}" for n, v in zip(self.model.pools, self.counts, strict=True)
        )
        slowest = self.eigenvalues[0].real if len(self.eigenvalues) else np.nan
        kind = self.stability.replace("unstable", "UNSTABLE")
        return (
            f"{kind} steady state of {self.model.name}: {pools}"
            + (f"; slowest rate {-slowest:.4g} /s" if kind != "neutral" else "")
            + ("; one of a continuum of steady states" if self.continuum else "")
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
    totals = [[t.get(name, 0) for name in model.pools] for t in model.conserved]
    return _directions(changes), np.array(totals, float).reshape(-1, len(model.pools))


def steady_states(model: Model, initial: Start) -> list[SteadyState]:
    """Find steady states of the rate equations with the conserved totals of an initial state.

    The rate equations are integrated from the initial state until they are stationary. If counts
    can change in one direction only, their drift is a polynomial, and all its roots are found.
    Otherwise further steady states are searched by Newton's method from 64 random counts with the
    same conserved totals, up to counts at which the drift is inwards; this search is not guaranteed
    to find all of them. Of steady states that form a continuum only one is returned.

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
    for reached, place, scale in _places(model, start, basis):
        counts = (
            _settled(model, place, scale)
            if reached
            else _newton(model, place, scale, basis.shape[1])
        )
        if counts is None or any(_same(counts, s.counts) for s in found):
            continue
        eigenvalues = np.linalg.eigvals(basis.T @ model.table.jacobian(counts) @ basis)
        # Counts that approach 0 as 1/t leave an eigenvalue that only seems to differ from 0.
        fast = np.abs(model.table.jacobian(np.maximum(counts, scale))).max()
        eigenvalues[np.abs(eigenvalues) < 1e-14 * fast] = 0
        eigenvalues = eigenvalues[np.argsort(-eigenvalues.real)]
        continuum = _is_continuum(model, counts, scale, basis)
        if not (continuum and any(s.continuum for s in found)):
            found.append(SteadyState(model, counts, eigenvalues, reached, continuum))
    if not found:
        raise InputError(f"no steady state of {model.name} was found from this start")
    return found


def _places(model: Model, start: Array, basis: Array) -> Iterator[tuple[bool, Array, Array]]:
    """Initial guesses and the scale of each pool: the long-time solution first."""
    yield _follow(model, start)
    if basis.shape[1] == 1:
        for counts in _roots(model, start, basis[:, 0]):
            yield False, counts, np.maximum(start, 1.0)
        return
    for counts in _samples(model, start, basis.shape[1]):
        yield False, counts, np.maximum(start, 1.0)


def _samples(model: Model, start: Array, rank: int) -> Iterator[Array]:
    """Random counts with the totals of the start, evenly on a logarithmic scale."""
    rng = np.random.default_rng(0)
    scale = _limits(model, start, rng)
    place, changes = start.copy(), model.table.changes[model.table.constants > 0]
    basis = _directions(changes / scale, rank) * scale[:, None]
    for _ in range(_STARTS):
        if rank == len(start):
            yield np.minimum(scale, (1 + scale) ** rng.random(rank))
            continue
        for _ in range(rank):  # hit-and-run sampling
            direction = basis @ rng.standard_normal(rank)
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = np.sort(np.stack([-place, scale - place]) / direction, axis=0)
            low, high = np.nanmax(ends[0]), np.nanmin(ends[1])
            if high > low:  # close to an end as often as in the middle
                part = 10 ** rng.uniform(-6, 0) if rng.random() < 0.5 else rng.random()
                part = 1 - part if rng.random() < 0.5 else part
                place = np.clip(place + (low + part * (high - low)) * direction, 0, scale)
        yield place


def _limits(model: Model, start: Array, rng: np.random.Generator) -> Array:
    """Counts of each pool above which its drift is inwards, at random counts of the others."""
    totals = manifold(model)[1]
    top = np.array([p.capacity or np.inf for p in model.pool_specs])
    for total in totals[(totals >= 0).all(axis=1)]:
        with np.errstate(divide="ignore"):
            top = np.minimum(top, np.maximum(total @ start, 1.0) / total)
    scale = np.array([3.0 * max(1.0, p.size or 1) for p in model.pool_specs])
    scale = np.minimum(top, np.maximum(scale, 3 * start))
    unit = np.eye(len(start), dtype=bool)
    for _ in range(_ROUNDS if len(start) <= _MANY else 1):
        others = np.minimum(scale, (1 + scale) ** rng.random(len(start)))
        for limit in 4.0 ** np.arange(27):  # the last one is near 2^53
            drift = model.table.drift(np.where(unit, np.minimum(top, limit), others))
            outwards = np.diagonal(drift) > 0
            scale = np.where(outwards, np.maximum(scale, np.minimum(top, 4 * limit)), scale)
    return scale


def _roots(model: Model, start: Array, direction: Array) -> Array:
    """Counts start + x direction at which the drift vanishes, (n, n_pools)."""
    table = model.table
    direction = direction / np.abs(direction).max()
    total = np.zeros(1)
    for c, constant in enumerate(table.constants):
        rate = np.array([constant * (table.changes[c] @ direction)])
        for f in range(table.first[c], table.first[c + 1]):
            p, slope = table.pools[f], table.slopes[f]
            value = table.mean_offsets[f] + slope * start[p]
            rate = np.polymul(rate, [slope * direction[p], value])
        total = np.polyadd(total, rate)
    roots = np.roots(total)
    roots = roots[np.abs(roots.imag) <= 1e-6 * np.abs(roots)].real
    counts = start + roots[:, None] * direction
    top = np.array([p.capacity or np.inf for p in model.pool_specs])
    slack = 1e-9 * (1 + np.abs(roots[:, None]))
    inside = ((counts >= -slack) & (counts <= top + slack)).all(axis=1)
    return np.clip(counts[inside], 0, top)


def _follow(model: Model, start: Array) -> tuple[bool, Array, Array]:
    """Integrate the rate equations until they are stationary, diverge, or oscillate for long.

    Returns whether they are stationary, the last counts, and the largest ones of each pool.
    """
    table, counts, peak, calls = model.table, start, start, 0

    def drift(_: float, counts: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls > _MOST_CALLS or not np.abs(counts).max() < _LARGEST:
            raise ArithmeticError
        return table.drift(counts)

    if _is_stationary(table, start, start, _STATIONARY):
        return True, start, start
    end = 1e24 / max(1e-276, np.abs(table.jacobian(start)).max())
    try:
        for k, step in enumerate(steps(drift, start, end, table.jacobian)):
            counts, peak = step.y, np.maximum(peak, step.y)
            if k % _EVERY == 0 and _is_stationary(table, counts, peak, _STATIONARY):
                return True, counts, peak
    except ArithmeticError:
        pass
    return False, counts, peak


def _settled(model: Model, place: Array, scale: Array) -> Array | None:
    """Steady state at the end of an integration, which small steps of Newton's method improve."""
    better = _polished(model, place, scale)
    if better is not None and _same(better, place, 1e-4):
        return better
    return place if _is_stationary(model.table, place, scale, _STATIONARY) else None


def _newton(model: Model, place: Array, scale: Array, rank: int) -> Array | None:
    """Steady state near given counts, or None."""
    from scipy.optimize import root  # here, because it takes long to load

    table, unit = model.table, np.maximum(scale, 1.0)
    basis = _directions(table.changes[table.constants > 0] / unit, rank) * unit[:, None]
    with np.errstate(all="ignore"):
        result = root(
            lambda y: basis.T @ (table.drift(place + basis @ y) / unit**2),
            np.zeros(basis.shape[1]),
            jac=lambda y: (
                basis.T @ (table.jacobian(place + basis @ y) / unit[:, None] ** 2) @ basis
            ),
            options={"xtol": 1e-13},
        )
    counts = place + basis @ result.x
    return _polished(model, counts, scale) if np.isfinite(counts).all() else None


def _polished(model: Model, counts: Array, scale: Array) -> Array | None:
    """Steps of Newton's method that are the smallest ones relative to the counts.

    Each pool is measured by its own count, so that few quanta beside many keep their digits, and a
    state of a continuum stays where it is. None where they lead outside or to no steady state.
    """
    table = model.table
    basis = _directions(table.changes[table.constants > 0].astype(float))
    conserved = _directions(np.eye(len(counts)) - basis @ basis.T)
    top = np.array([p.capacity or np.inf for p in model.pool_specs])
    before = np.inf
    for _ in range(_MOST_STEPS):
        size = np.maximum(np.abs(counts), _FLOOR * np.maximum(scale, 1.0))
        matrix, drift = table.jacobian(counts) * size, table.drift(counts)
        if not (np.isfinite(matrix).all() and np.isfinite(drift).all()):
            return None  # rates that are too large
        rows = np.maximum(np.abs(matrix).sum(axis=1), 1e-300)
        matrix = np.vstack([matrix / rows[:, None], conserved.T * size / size.max()])
        right = np.concatenate([-drift / rows, np.zeros(conserved.shape[1])])
        step = np.linalg.lstsq(matrix, right, rcond=1e-14)[0]
        counts = counts + step * size
        left = np.abs(step).max()
        if left < 1e-13 or left > 0.7 * before:  # a double root halves the steps
            break
        before = left
    slack = 1e-9 * np.maximum(scale, 1.0)
    if (counts < -slack).any() or (counts > top + slack).any():
        return None
    counts = np.clip(counts, 0, top)
    return counts if _is_stationary(table, counts, scale, 1e-8) else None


def _is_continuum(model: Model, counts: Array, scale: Array, basis: Array) -> bool:
    """Whether there are other steady states at a small distance, in a direction without force."""
    _, sizes, rows = np.linalg.svd(basis.T @ model.table.jacobian(counts) @ basis)
    for row in rows[sizes <= 1e-7 * max(sizes.max(), 1e-300)]:
        direction = basis @ row
        size = np.maximum(counts, 1e-3 * np.maximum(scale, 1.0))
        reach = 1e-3 / (np.abs(direction) / size).max()
        for step in (reach, -reach):
            near = np.maximum(counts + step * direction, 0)
            other = _polished(model, near, scale)
            moved = 0.0 if other is None else np.abs(other - counts).max()
            if moved > 0.5 * np.abs(near - counts).max() > 0:
                return True
    return False


def _is_stationary(table: Any, counts: Array, scale: Array, tolerance: float) -> bool:
    """Whether the drift is smaller than that of relative deviations by `tolerance`."""
    deviations = np.maximum(counts, _FLOOR * scale)
    linear = np.abs(table.jacobian(counts)) @ deviations
    return bool((np.abs(table.drift(counts)) <= tolerance * linear).all())


def _directions(vectors: Array, rank: int | None = None) -> Array:
    """Orthonormal basis of the span of the rows, in columns."""
    _, sizes, rows = np.linalg.svd(np.vstack([vectors, np.zeros(vectors.shape[1])]))
    if rank is None:
        rank = int((sizes > 1e-9 * max(sizes.max(initial=0), 1e-300)).sum())
    return rows[:rank].T


def _same(a: Array, b: Array, tolerance: float = 1e-6) -> bool:
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))
