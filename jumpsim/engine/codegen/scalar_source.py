"""Source code of the direct method, one trajectory after the other, for one model structure.

The same operations in the same order as in direct_kernel.py, with the same cursor. Waiting times
and uniform numbers of the next events are computed in advance; those that were not used are
computed again at the next call.
"""

from ..kernel_state import (
    BUFFER_FULL,
    DONE,
    EVENTS,
    FILLED,
    FRESH,
    GRID,
    MORE,
    ROW,
    TOO_MANY_EVENTS,
)
from .templates import (
    DRAW,
    HEAD,
    LATER,
    WAIT,
    Changes,
    Factors,
    by_pool,
    growing,
    indented,
    rates,
    unpacked,
)

AHEAD = 64  # events for which random numbers are computed at a time
UNDECIDED = -1  # status: the plain kernel has to simulate this event

_CODE = '''@njit(cache=True, error_model="numpy")
def draw(stream, bits, pairs):
    """Draw two random words for each of `pairs` events."""
    a, b, c, d = stream[0], stream[1], stream[2], stream[3]
    for i in range(pairs):
{draws}
        bits[0, i] = first
        bits[1, i] = second
    stream[0], stream[1], stream[2], stream[3] = a, b, c, d


@njit(cache=True, error_model="numpy")
def ahead(stream, bits, wait, uniform):
    """Waiting times for a rate of 1, and uniform numbers, of the next events."""
    draw(stream, bits, {AHEAD})
    for i in range({AHEAD}):
{wait}
        uniform[i] = as_float((bits[1, i] >> U(12)) | ONE) - 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def advance(numbers, moves, labels, grid, max_events, budget, starts, streams, cursor, out):
    """Run trajectories for at most about `budget` events; see direct_kernel.advance."""
    place, stream, counts = cursor.place, cursor.stream, cursor.counts
    keep_samples, keep_jumps = len(out.samples) > 0, len(out.jumps) > 0
    capacity = len(out.event_time)
    wait, uniform, before = np.empty({AHEAD}), np.empty({AHEAD}), np.empty(4, np.uint64)
    bits = np.empty((2, {AHEAD}), np.uint64)
{unpack}
    used = 0
    while place[{ROW}] < len(starts):
        row = place[{ROW}]
        if place[{GRID}] == {FRESH}:
            place[{GRID}] = 0
            place[{EVENTS}] = 0
            cursor.clock[:] = 0.0
            cursor.jumps[:] = 0
            for p in range(len(counts)):
                counts[p] = starts[row, p]
            for w in range(4):
                stream[w] = streams[row, w]
        k, events, filled = place[{GRID}], place[{EVENTS}], place[{FILLED}]
        t, late = cursor.clock[0], cursor.clock[1]
{load}
        for w in range(4):
            before[w] = stream[w]
        ahead(stream, bits, wait, uniform)
        drawn = U(0)
        next_time = grid[k]
        status = {DONE}
        while True:
            if used >= budget:
                status = {MORE}
                break
            if capacity > 0 and filled == capacity:
                status = {BUFFER_FULL}
                break
{rates}
            if not valid:
                status = {UNDECIDED}
                break
            interval = np.inf if {total} == 0.0 else wait[drawn] / {total}
{later}
            while next_time < following:
                if keep_samples:
{keep}
                if keep_jumps:
                    for j in range(len(cursor.jumps)):
                        out.jumps[row, k, j] = cursor.jumps[j]
                k += 1
                used += 1
                next_time = grid[k] if k < len(grid) else np.inf
            if k == len(grid):
                break
            if events == max_events:
                status = {TOO_MANY_EVENTS}
                break
            x = uniform[drawn] * {total}
            if not x < {total}:  # infinite, or rounded up
                status = {UNDECIDED}
                break
            chosen = {chosen}
            t, late = following, following_late
            events += 1
            used += 1
{move}
            cursor.jumps[labels[chosen]] += 1
            if capacity > 0:
                out.event_time[filled] = t
                out.event_channel[filled] = labels[chosen]
                filled += 1
            drawn += U(1)
            if drawn == U({AHEAD}):
                for w in range(4):
                    before[w] = stream[w]
                ahead(stream, bits, wait, uniform)
                drawn = U(0)
        place[{GRID}], place[{EVENTS}], place[{FILLED}] = k, events, filled
        cursor.clock[0], cursor.clock[1] = t, late
        for w in range(4):
            stream[w] = before[w]
        draw(stream, bits, drawn)
{save}
        if status != {DONE}:
            return status
        out.event_count[row] = events
        place[{ROW}] = row + 1
        place[{GRID}] = {FRESH}
        used += 1
    return {DONE}
'''


def source(pools: int, factors: Factors, changes: Changes) -> str:
    """Source code for a structure; its argument `moves` is the change of pools by channels."""
    # Well below the largest exact count, because what a single event adds is not checked.
    bounds = dict.fromkeys(growing(changes, pools), 2**52)
    moved = [p for p, change in enumerate(by_pool(changes, pools)) if any(change)]
    last = len(factors) - 1
    names = {
        "AHEAD": AHEAD, "UNDECIDED": UNDECIDED, "DONE": DONE, "MORE": MORE, "ROW": ROW,
        "GRID": GRID,
        "BUFFER_FULL": BUFFER_FULL, "TOO_MANY_EVENTS": TOO_MANY_EVENTS, "FRESH": FRESH,
        "EVENTS": EVENTS, "FILLED": FILLED, "total": f"c{last}",
        "draws": indented(8, DRAW.format(out="first") + DRAW.format(out="second")),
        "wait": indented(8, WAIT.format(first="bits[0, i]", wait="wait[i]")),
        "later": indented(12, LATER.format(wait="interval")),
        "unpack": indented(4, unpacked(factors)),
        "load": indented(8, [f"x{p} = float(counts[{p}])" for p in range(pools)]),
        "rates": indented(12, rates(factors, bounds)),
        "keep": indented(20, [f"out.samples[row, k, {p}] = np.int64(x{p})" for p in range(pools)]),
        "chosen": " + ".join(["U(0)", *(f"(U(1) if x >= c{c} else U(0))" for c in range(last))]),
        "move": indented(12, [f"x{p} += moves[{p}, chosen]" for p in moved]),
        "save": indented(8, [f"counts[{p}] = np.int64(x{p})" for p in moved]),
    }  # fmt: skip
    return HEAD + _CODE.format(**names)
