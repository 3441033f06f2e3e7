"""Source code that advances 64 trajectories by one event, for one structure; see lockstep.py."""

import itertools
from collections.abc import Sequence

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

LANES = 64
LARGE = 2**30  # largest count: lanes keep 32 bits, and do not check what a single event adds
NEAR = 1e-6  # steps between stored times; nearer than this the exact times are compared
MORE, DONE, UNDECIDED = range(3)

# One pass: two draws of each lane, its waiting time, its rates, its event. The same operations as
# in random.py and direct_kernel.py.
_STEP = '''@njit(cache=True, error_model="numpy")
def step(state, stream, numbers, end):
    """Advance every lane by one event; returns how many ended, and how many are undecided."""
{unpack}
    ended = 0
    undecided = 0
    for l in range({W}):
        a = stream[l]
        b = stream[{W} + l]
        c = stream[{W2} + l]
        d = stream[{W3} + l]
{draws}
        stream[l] = a
        stream[{W} + l] = b
        stream[{W2} + l] = c
        stream[{W3} + l] = d
        u = as_float((second >> U(12)) | ONE) - 1.0
{wait}
{load}
{rates}
        t = state[{time} + l]
        late = state[{late} + l]
        interval = wait / {total}
{later}
        x = u * {total}
{masks}
        live = 1.0 if following <= end else 0.0
{store}
        state[{time} + l] = following
        state[{late} + l] = following_late
        state[{events} + l] += live
        ended += 0 if following <= end else 1
        undecided += 0 if valid & ({total} < np.inf) & ((x < {total}) | ({total} == 0.0)) else 1
    return ended, undecided


'''

_REST = '''@njit(cache=True, error_model="numpy")
def even_slots(state, slots, begin, inverse, end, times):
    """Slot of the time of every lane, for even spacing; returns how many are too near to a step."""
    near = 0
    for l in range({W}):
        t = state[{time} + l]
        x = ((t if t <= end else end) - begin) * inverse
        x = x if x > 0.0 else 0.0
        m = x + 6755399441055744.0
        away = x - (m - 6755399441055744.0)
        slot = np.int64(as_bits(m) & U(0xFFFFFFFF)) + (1 if away > 0.0 else 0)
        slots[l] = slot if t <= end else times
        near += 1 if (away < {near}) & (away > -{near}) & (t <= end) else 0
    return near


@njit(cache=True, error_model="numpy")
def any_slots(state, slots, grid, end):
    """Slot of the time of every lane, searched from its last slot on."""
    for l in range({W}):
        t = state[{time} + l]
        slot = min(slots[l], len(grid) - 1)
        if t <= end:
            while slot > 0 and grid[slot - 1] >= t:
                slot -= 1
            while grid[slot] < t:
                slot += 1
        slots[l] = slot if t <= end else len(grid)


@njit(cache=True, error_model="numpy")
def keep(state, kept, slots, size):
    """Write the counts of every lane into its slot."""
    for l in range({W}):
        o = (l * size + slots[l]) * {P}
{keep}


@njit(cache=True, nogil=True, error_model="numpy")
def advance(numbers, grid, spacing, budget, starts, streams, state, stream, lanes, slots, kept,
            place, samples, jumps, labels, event_count):
    """Run lanes until all rows are done, or for `budget` passes; see lockstep.run."""
    end, times = grid[-1], len(grid)
    size = times + 1
    ended = {W}
    ring = place[2] > 0  # samples are of rows in the order in which they ended
    for _ in range(budget):
        if ended > 0:
            if ring and place[1] + {W} > len(samples):
                return {MORE}
            running = 0
            for l in range({W}):
                if not state[{time} + l] <= end:
                    if lanes[l] >= 0:
                        row = lanes[l]
                        event_count[row] = np.int64(state[{events} + l])
                        at = place[1] if ring else row
                        place[1] += 1
                        o = l * size * {P}
                        for k in range(times):
                            if kept[o] < 0.0:
                                for p in range({P}):
                                    kept[o + p] = kept[o + p - {P}]
                            for p in range({pools}):
                                samples[at, k, p] = np.int32(kept[o + p])
                            for c in range({P} - {pools}):
                                jumps[row, k, labels[c]] = np.int64(kept[o + {pools} + c])
                            o += {P}
                        lanes[l] = -1
                    if place[0] < len(starts):
                        row = place[0]
                        place[0] += 1
                        lanes[l] = row
                        o = l * size * {P}
                        for k in range(1, times):
                            kept[o + k * {P}] = -1.0
                        for p in range({P}):
                            state[p * {W} + l] = starts[row, p]
                            kept[o + p] = starts[row, p]
                        for w in range(4):
                            stream[w * {W} + l] = streams[row, w]
                        state[{time} + l] = 0.0
                        state[{late} + l] = 0.0
                        state[{events} + l] = 0.0
                        slots[l] = 0
                running += 1 if lanes[l] >= 0 else 0
            if running == 0:
                return {DONE}
        ended, undecided = step(state, stream, numbers, end)
        if undecided > 0:
            return {UNDECIDED}
        if spacing[1] > 0.0:
            if even_slots(state, slots, spacing[0], spacing[1], end, times) > 0:
                any_slots(state, slots, grid, end)
        else:
            any_slots(state, slots, grid, end)
        keep(state, kept, slots, size)
    return {MORE}
'''


def source(pools: int, columns: int, factors: Factors, changes: Changes) -> str:
    """Source code for a structure; columns beyond the pools are jumps, which no rate depends on."""
    bounds = dict.fromkeys(growing(changes, pools), LARGE)
    moves = [_move(p, change) for p, change in enumerate(by_pool(changes, columns)) if any(change)]
    masks = [f"g{c} = 1.0 if x >= c{c} else 0.0" for c in range(len(factors) - 1)]
    names = {
        "P": columns, "pools": pools, "time": columns * LANES, "late": (columns + 1) * LANES,
        "events": (columns + 2) * LANES, "near": NEAR,
        "W": LANES, "W2": 2 * LANES, "W3": 3 * LANES, "total": f"c{len(factors) - 1}",
        "DONE": DONE, "MORE": MORE, "UNDECIDED": UNDECIDED,
        "draws": indented(8, DRAW.format(out="first") + DRAW.format(out="second")),
        "wait": indented(8, WAIT.format(first="first", wait="wait")),
        "later": indented(8, LATER.format(wait="interval")),
        "unpack": indented(4, unpacked(factors)),
        "load": indented(8, [f"x{p} = state[{p * LANES} + l]" for p in range(columns)]),
        "rates": indented(8, rates(factors, bounds)),
        "masks": indented(8, masks),
        "store": indented(8, moves),
        "keep": indented(8, [f"kept[o + {p}] = state[{p * LANES} + l]" for p in range(columns)]),
    }  # fmt: skip
    return HEAD + (_STEP + _REST).format(**names)


def _move(p: int, change: Sequence[int]) -> str:
    """Line that adds to column p the change by the chosen channel, as a sum over masks."""
    steps = [(b - a, c) for c, (a, b) in enumerate(itertools.pairwise(change)) if b != a]
    total = " ".join([f"{float(change[0])}", *(f"+ {float(d)} * g{c}" for d, c in steps)])
    return f"state[{p * LANES} + l] = x{p} + live * ({total})"
