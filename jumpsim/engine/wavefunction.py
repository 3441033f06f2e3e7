"""Monte Carlo wave function of two levels and one mode: two amplitudes and a photon number.

The coherent exchange connects only the pairs |u, k⟩ and |l, k+1⟩. Each of the six jumps maps a
superposition of such a pair, or one of the states |empty, n⟩ and |both, n⟩, to a state of the same
form. Therefore the state of a trajectory that starts in a Fock state is always |empty, n⟩,
|both, n⟩ or a|u, k⟩ + b|l, k+1⟩: no cutoff is needed, and the evolution between jumps has a closed
form. Without the common phase and the common decay of the amplitudes it is

    i d/dt (a, b) = M (a, b),  M = [[z, G], [G, -z]],  M² = Ω² = z² + G²,
    z = -Δ/2 - i (Γ_a - Γ_b)/4

where Γ_a and Γ_b are the total jump rates of the two states; (a, b) is normalised afterwards.

Waiting times are drawn by thinning: candidates occur at the constant rate max(Γ_a, Γ_b), and a
candidate becomes a jump with the probability of the true rate divided by this bound. Each candidate
uses two random numbers, the first for its time, the second for its channel or rejection. The state
is propagated from candidate to candidate, by the waiting time itself, and samples are computed
from a copy, so that results do not depend on the grid of times.
"""

import math
from typing import Any

import numpy as np

from ..utils.compiled import njit
from .interface import Engine, Sizes
from .kernel_state import (  # fmt: skip
    BUFFER_FULL,
    DONE,
    EVENTS,
    FAULT,
    FILLED,
    FRESH,
    GRID,
    MORE,
    NOT_FINITE,
    OVERFLOW,
    ROW,
    TOO_MANY_EVENTS,
)
from .random import decay, exponential, later, next_bits, sine_cosine, uniform

# The first integer of the state is its block; the second is n, or k for a pair.
EMPTY, PAIR, BOTH = range(3)
JUMPS = 6  # into and out of u, into and out of l, photon from and to the bath
_NO_PAIR = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
COLUMNS = 5  # ⟨n_u⟩, ⟨n_l⟩, ⟨n⟩, Re and Im of e^(-i arg g) ⟨c_l† c_u a†⟩

MOST_PHOTONS = 2**21 - 1  # below 2^53 in the multiples of 2^-32 that are summed
_SMALL = 1e-3  # |Ωt|² below which cos and sin are computed by series
_MOST_PHASE = 1e15  # the rounding error of a larger phase is of order 1


@njit(cache=True, inline="always", error_model="numpy")
def _couple(table, k):
    """G, Ω and Ω² of the pair |u, k⟩, |l, k+1⟩, and z, as real numbers."""
    g = table.coupling * math.sqrt(k + 1.0) if table.mode else table.coupling
    difference = (table.out_u + table.into_l) - (table.into_u + table.out_l)
    zr = -0.5 * table.detuning
    zi = -0.25 * (difference - (table.from_bath + table.to_bath))
    wr = (zr * zr - zi * zi) + g * g
    wi = 2.0 * zr * zi
    size = math.sqrt(wr * wr + wi * wi)
    large = math.sqrt(0.5 * (size + abs(wr)))
    small = 0.5 * wi / large if large > 0.0 else 0.0
    if wr >= 0.0:
        return g, zr, zi, wr, wi, large, small
    return g, zr, zi, wr, wi, small, large


@njit(cache=True, inline="always", error_model="numpy")
def _moved(pair, t, ar, ai, br, bi):
    """Normalised amplitudes after a time t without a jump."""
    g, zr, zi, wr, wi, omega_r, omega_i = pair
    xr, xi = wr * (t * t), wi * (t * t)
    if xr * xr + xi * xi < _SMALL * _SMALL:
        # cos and sin/Ω as series in (Ωt)², to avoid a division by a small Ω.
        cr = 1.0 - xr / 2 + (xr * xr - xi * xi) / 24 - (xr * xr - 3 * xi * xi) * xr / 720
        ci = -xi / 2 + xr * xi / 12 - (3 * xr * xr - xi * xi) * xi / 720
        sr = 1.0 - xr / 6 + (xr * xr - xi * xi) / 120 - (xr * xr - 3 * xi * xi) * xr / 5040
        si = -xi / 6 + xr * xi / 60 - (3 * xr * xr - xi * xi) * xi / 5040
        sr, si = t * sr, t * si
    else:
        phase, growth = omega_r * t, omega_i * t
        sine, cosine = sine_cosine(phase if abs(phase) < _MOST_PHASE else math.nan)
        # Both are multiplied by exp(-|growth|), which avoids overflow and is removed by the
        # normalisation.
        gone = decay(2.0 * abs(growth))
        cosh = 0.5 * (1.0 + gone)
        sinh = 0.5 * (1.0 - gone) if growth > 0.0 else -0.5 * (1.0 - gone)
        cr, ci = cosine * cosh, -sine * sinh
        pr, pi = sine * cosh, cosine * sinh
        square = omega_r * omega_r + omega_i * omega_i
        sr = (pr * omega_r + pi * omega_i) / square
        si = (pi * omega_r - pr * omega_i) / square
    # (a, b) → c (a, b) - i s M (a, b)
    pr, pi = zr * ar - zi * ai + g * br, zr * ai + zi * ar + g * bi
    qr, qi = g * ar - (zr * br - zi * bi), g * ai - (zr * bi + zi * br)
    fr = cr * ar - ci * ai + (sr * pi + si * pr)
    fi = cr * ai + ci * ar - (sr * pr - si * pi)
    hr = cr * br - ci * bi + (sr * qi + si * qr)
    hi = cr * bi + ci * br - (sr * qr - si * qi)
    norm = 1.0 / math.sqrt((fr * fr + fi * fi) + (hr * hr + hi * hi))
    return fr * norm, fi * norm, hr * norm, hi * norm


@njit(cache=True, inline="always", error_model="numpy")
def _rates(table, block, n, a2, b2):
    """Rates of the six jumps in a state with |a|² = a2 and |b|² = b2."""
    if block == PAIR:
        return (
            table.into_u * b2, table.out_u * a2, table.into_l * a2, table.out_l * b2,
            table.from_bath * (a2 * (n + 1.0) + b2 * (n + 2.0)),
            table.to_bath * (a2 * n + b2 * (n + 1.0)),
        )  # fmt: skip
    up, down = table.from_bath * (n + 1.0), table.to_bath * (1.0 * n)
    if block == EMPTY:
        return table.into_u, 0.0, table.into_l, 0.0, up, down
    return 0.0, table.out_u, 0.0, table.out_l, up, down


@njit(cache=True, inline="always", error_model="numpy")
def _total(table, block, n, a2, b2):
    """Sum of the jump rates, in the order of the summation in the search for the channel."""
    r = _rates(table, block, n, a2, b2)
    return ((((r[0] + r[1]) + r[2]) + r[3]) + r[4]) + r[5]


@njit(cache=True, inline="always", error_model="numpy")
def _expectations(table, block, n, ar, ai, br, bi):
    """Expectation values of a state, in the order of `COLUMNS`."""
    if block != PAIR:
        both = 1.0 if block == BOTH else 0.0
        return both, both, 1.0 * n, 0.0, 0.0
    a2, b2 = ar * ar + ai * ai, br * br + bi * bi
    root = math.sqrt(n + 1.0) if table.mode else 1.0
    return a2, b2, n + b2, root * (ar * br + ai * bi), root * (ai * br - ar * bi)


@njit(cache=True, inline="always", error_model="numpy")
def _after(channel, block, n, ar, ai, br, bi):
    """Block, number and amplitudes after a jump."""
    if channel == 4 or channel == 5:
        if block == PAIR:
            up = n + 1.0 if channel == 4 else 1.0 * n
            a, b = math.sqrt(up), math.sqrt(up + 1.0)
            ar, ai, br, bi = a * ar, a * ai, b * br, b * bi
            norm = 1.0 / math.sqrt((ar * ar + ai * ai) + (br * br + bi * bi))
            ar, ai, br, bi = ar * norm, ai * norm, br * norm, bi * norm
        return block, n + 1 if channel == 4 else n - 1, ar, ai, br, bi
    if block == PAIR:  # a jump of an electron projects onto |l, k+1⟩ or |u, k⟩
        number = n + 1 if channel == 0 or channel == 3 else n
        return (BOTH if channel == 0 or channel == 2 else EMPTY), number, 1.0, 0.0, 0.0, 0.0
    if channel == 0 or channel == 3:  # only u is occupied after the jump
        return PAIR, n, 1.0, 0.0, 0.0, 0.0
    return PAIR, n - 1, 0.0, 0.0, 1.0, 0.0


@njit(cache=True, inline="always")
def _begin(start, stream, cursor):
    """Set the cursor to the beginning of a trajectory."""
    cursor.place[GRID] = cursor.place[EVENTS] = 0
    cursor.clock[:] = 0.0
    cursor.jumps[:] = 0
    upper, below = start[0], start[1]
    cursor.counts[0] = PAIR if upper != below else (BOTH if upper == 1 else EMPTY)
    photons = start[2] if len(start) > 2 else 0
    cursor.counts[1] = photons - (1 if below > upper else 0)
    cursor.amplitudes[:] = 0.0
    cursor.amplitudes[2 if below > upper else 0] = 1.0
    cursor.stream[:] = stream


@njit(cache=True, nogil=True, error_model="numpy")
def advance(table, grid, max_events, budget, starts, streams, cursor, out):
    """Simulate trajectories, one after the other, for about `budget` candidates at most.

    Parameters
    ----------
    table : quantum_jumps.CoherentRates
    grid : ndarray of float64
        Times of the samples, increasing. A sample is the state after any jump at its time.
    max_events : int
        Largest number of events of a trajectory; one more gives the status TOO_MANY_EVENTS.
    budget : int
        Number of candidates plus samples after which the call returns MORE; it does not change
        results.
    starts : ndarray of int64, (rows, 3)
        n_u, n_l and n of Fock states; shape (rows, 2) for a classical field.
    streams : ndarray of uint64, (rows, 4)
    cursor : Cursor
        State from which the call continues; changed in place.
    out : Output
        Filled in place. The caller empties the event buffer (BUFFER_FULL, DONE).

    Returns
    -------
    int
        A status code. For an error, `cursor.place` contains the row and the channel.
    """
    place, counts, amplitudes = cursor.place, cursor.counts, cursor.amplitudes
    keep_samples, keep_jumps = len(out.samples) > 0, len(out.jumps) > 0
    capacity = len(out.event_time)
    used = 0
    while place[ROW] < len(starts):
        row = place[ROW]
        if place[GRID] == FRESH:
            _begin(starts[row], streams[row], cursor)
        k, events, filled = place[GRID], place[EVENTS], place[FILLED]
        t, late = cursor.clock[0], cursor.clock[1]
        block, n = counts[0], counts[1]
        ar, ai, br, bi = amplitudes[0], amplitudes[1], amplitudes[2], amplitudes[3]
        status, c = DONE, -1
        while True:
            if not -MOST_PHOTONS <= n <= MOST_PHOTONS:  # by a jump, or already at the start
                status = OVERFLOW
                place[FAULT] = c
                break
            if used >= budget:
                status = MORE
                break
            if capacity > 0 and filled == capacity:
                status = BUFFER_FULL
                break
            # |l, 0⟩ is not coupled; all other pairs evolve between jumps.
            moves = block == PAIR and (n >= 0 or not table.mode)
            top = _total(table, block, n, 0.0, 1.0)
            pair = _NO_PAIR
            if moves:
                top = max(top, _total(table, block, n, 1.0, 0.0))
                pair = _couple(table, n)
            if not top < math.inf:
                status = NOT_FINITE
                break
            wait = math.inf if top == 0.0 else exponential(next_bits(cursor.stream)) / top
            following, following_late = later(t, late, wait)
            while k < len(grid) and grid[k] < following:
                if keep_samples:
                    cr, ci, dr, di = ar, ai, br, bi
                    if moves:
                        since = max(0.0, (grid[k] - t) + late)
                        cr, ci, dr, di = _moved(pair, since, ar, ai, br, bi)
                    kept = _expectations(table, block, n, cr, ci, dr, di)
                    if not kept[0] >= 0.0:
                        status = NOT_FINITE
                        break
                    for i in range(COLUMNS):
                        out.samples[row, k, i] = kept[i]
                if keep_jumps:
                    for c in range(len(cursor.jumps)):
                        out.jumps[row, k, c] = cursor.jumps[c]
                k += 1
                used += 1
            if k == len(grid) or status == NOT_FINITE:
                break
            if moves:
                ar, ai, br, bi = _moved(pair, wait, ar, ai, br, bi)
            t, late = following, following_late
            used += 1
            rates = _rates(table, block, n, ar * ar + ai * ai, br * br + bi * bi)
            x = uniform(next_bits(cursor.stream)) * top
            c, reached = 0, rates[0]
            while x >= reached and c < JUMPS:
                c += 1
                reached += rates[c] if c < JUMPS else 0.0
            if not reached >= 0.0:  # the phase was too large
                status = NOT_FINITE
                break
            if c == JUMPS:
                continue
            if events == max_events:
                status = TOO_MANY_EVENTS
                break
            block, n, ar, ai, br, bi = _after(c, block, n, ar, ai, br, bi)
            events += 1
            cursor.jumps[c] += 1
            if capacity > 0:
                out.event_time[filled] = t
                out.event_channel[filled] = c
                filled += 1
        place[GRID], place[EVENTS], place[FILLED] = k, events, filled
        cursor.clock[0], cursor.clock[1] = t, late
        counts[0], counts[1] = block, n
        amplitudes[0], amplitudes[1], amplitudes[2], amplitudes[3] = ar, ai, br, bi
        if status != DONE:
            return status
        out.event_count[row] = events
        place[ROW] = row + 1
        place[GRID] = FRESH
        used += 1
    return DONE


class WaveFunction(Engine):
    """Quantum jumps of two levels and one mode; the model input is a `CoherentRates`."""

    kernel = staticmethod(advance)

    def table(self, model_input: Any) -> Any:
        """The model input itself."""
        return model_input

    def sizes(self, model_input: Any) -> Sizes:
        """Array sizes; the state is a block, a photon number and two complex amplitudes."""
        return Sizes(2, 4, COLUMNS, np.float64, JUMPS if model_input.mode else JUMPS - 2)
