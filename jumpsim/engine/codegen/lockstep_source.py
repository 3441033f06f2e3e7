"""Source code that advances 64 trajectories by one event, for one structure; see lockstep.py."""

import itertools
from collections.abc import Sequence
from typing import Any

from .templates import (
    DRAW,
    HEAD,
    LATER,
    REDUCE,
    SCALED,
    SERIES,
    UNIFORM,
    Changes,
    Factors,
    by_pool,
    indented,
    rates,
    unpacked,
)

LANES = 64
LARGE = 2**30  # largest count: lanes keep 32 bits, and do not check what a single event adds
NEAR = 1e-6  # steps between stored times; nearer than this the exact times are compared
EMPTY = -1  # first count of a slot without an event
MORE, DONE, UNDECIDED, FULL, WIDER = range(5)  # status
NEXT, ENDED, RUNNING, PASSES = range(4)  # entries of `place`

# One pass: two draws of each lane, its waiting time, its rates, its event. The same operations as
# in random.py and direct_kernel.py; changes of counts are whole numbers, exact in any order.
# In several loops, because a processor looks only about a hundred operations ahead: in a long chain
# of operations, such as the series of the logarithm, the next lanes would wait for the end.
_STEP = '''@njit(cache=True, error_model="numpy")
def step(state, stream, work, numbers, end, inverse, shift):
    """Advance every lane by one event, and find its slot.

    Returns how many lanes ended (plus 2^32 for each that is too near to a stored time), and how
    many are undecided.
    """
    wide_vectors()
{unpack}
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
        work[{X} + l] = as_float((second >> U(12)) | ONE) - 1.0
{uniform}
        work[{Y} + l] = y
    undecided = 0
    for l in range({W}):
        y = work[{Y} + l]
{reduce}
        work[{Y} + l] = exponent
        work[{S} + l] = s
{load}
{rates}
        x = work[{X} + l] * {total}
        work[{X} + l] = x
{sums}
        undecided += 0 if valid & ((x < {total}) | ({total} == 0.0)) else 1
    for l in range({W}):
        s = work[{S} + l]
        z = s * s
{series}
        work[{Z} + l] = p
    for l in range({W}):
        s = work[{S} + l]
        p = work[{Z} + l]
        z = s * s
{more_series}
        exponent = work[{Y} + l]
{scaled}
        work[{Y} + l] = wait
    for l in range({W}):
        x = work[{X} + l]
{moves}
        work[{Y} + l] = work[{Y} + l] / work[{total_at} + l]
    ended = 0
    for l in range({W}):
        t = state[{time} + l]
        late = state[{late} + l]
        wait = work[{Y} + l]
{later}
        state[{time} + l] = following
        state[{late} + l] = following_late
        # The slot is the number of steps, rounded up: halves are rounded times of the grid.
        y = following * inverse + shift
        y = y if y > 0.0 else 0.0
        m = y + 6755399441055744.0
        away = abs(y - (m - 6755399441055744.0))
        live = following <= end
        ended += (4294967296 if away > {most} else 0) if live else 1
        work[{S} + l] = m if live else 6755399441055743.0
    return ended, undecided


'''

_REST = '''@njit(cache=True, error_model="numpy")
def search(state, slots, work, grid, end):
    """Slot of the time of every lane, searched from its last slot on."""
    for l in range({W}):
        t = state[{time} + l]
        slot = min(slots[l], len(grid) - 1)
        if t <= end:
            while slot > 0 and grid[slot - 1] >= t:
                slot -= 1
            while grid[slot] < t:
                slot += 1
            slots[l] = slot
            work[{S} + l] = 6755399441055744.0 + slot


@njit(cache=True, error_model="numpy")
def keep(work, kept, size):
    """Write the counts of every lane into its slot; a lane that ended has the one before all."""
    for l in range({W}):
        o = (as_bits(work[{S} + l]) - MAGIC + U(1) + U(l) * size) * U({P})
{keep}


@njit(cache=True, error_model="numpy")
def finish(kept, o, times, row, at, small, large, jumps, labels):
    """Give out one trajectory; the return value has the highest bit of the counts."""
    found = 0
{nothing}
    for k in range(times):
{fill}
        found |= {together}
        if len(small) > 0:
{small}
        if len(large) > 0:
{large}
{jumps}
        o += U({P})
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def advance(numbers, grid, spacing, budget, starts, streams, lanes, place, small, large, ring,
            jumps, labels, event_count):
    """Run lanes until all rows are done, or for `budget` passes; see lockstep.run."""
    wide_vectors()
    end, times, inverse, shift = grid[-1], len(grid), spacing[0], spacing[1]
    state, stream, work, kept = lanes.state, lanes.stream, lanes.work, lanes.kept
    size = U(times + 1)
    ended = {W}
    for _ in range(budget):
        if ended & 0xFFFFFFFF:
            if ring and place[{ENDED}] + {W} > len(large):
                return {FULL}
            for l in range({W}):
                if state[{time} + l] <= end:
                    continue
                o = (U(l) * size + U(1)) * U({P})
                row = lanes.row[l]
                if row >= 0:
                    at = place[{ENDED}] if ring else row
                    found = finish(kept, o, times, row, at, small, large, jumps, labels)
                    if len(small) > 0 and found >= 2**15:
                        return {WIDER}
                    event_count[row] = place[{PASSES}] - lanes.since[l] - 1
                    place[{ENDED}] += 1
                    place[{RUNNING}] -= 1
                if place[{NEXT}] < len(starts):
                    row = place[{NEXT}]
                    place[{NEXT}] += 1
                    place[{RUNNING}] += 1
                    for k in range(1, times):
                        kept[o + U(k) * U({P})] = {EMPTY}
                    for p in range({P}):
                        kept[o + U(p)] = starts[row, p]
                    for w in range(4):
                        stream[w * {W} + l] = streams[row, w]
                    state[{time} + l] = 0.0
                    state[{late} + l] = 0.0
                    lanes.row[l] = row
                    lanes.since[l] = place[{PASSES}]
                    lanes.slot[l] = 0
                    for p in range({P}):
                        state[p * {W} + l] = starts[row, p]
                else:  # the lane goes on without a row, from counts with valid rates
                    lanes.row[l] = -1
                    for p in range({P}):
                        state[p * {W} + l] = starts[0, p]
            if place[{RUNNING}] == 0:
                return {DONE}
        ended, undecided = step(state, stream, work, numbers, end, inverse, shift)
        place[{PASSES}] += 1
        if undecided > 0:
            return {UNDECIDED}
        if inverse == 0.0 or ended > 0xFFFFFFFF:
            search(state, lanes.slot, work, grid, end)
        keep(work, kept, size)
    return {MORE}
'''


def source(pools: int, columns: int, factors: Factors, changes: Changes) -> str:
    """Source code for a structure; columns beyond the pools are jumps, which no rate depends on."""
    names = {
        "P": columns, "time": columns * LANES, "late": (columns + 1) * LANES,
        "X": 0, "Y": LANES, "S": 2 * LANES, "Z": 3 * LANES, "most": 0.5 - NEAR, "EMPTY": EMPTY,
        "W": LANES, "W2": 2 * LANES, "W3": 3 * LANES,
        "DONE": DONE, "MORE": MORE, "UNDECIDED": UNDECIDED, "FULL": FULL, "WIDER": WIDER,
        "NEXT": NEXT, "ENDED": ENDED, "RUNNING": RUNNING, "PASSES": PASSES,
    }  # fmt: skip
    return HEAD + (_STEP + _REST).format(
        **names,
        **_step(pools, columns, factors, changes),
        **_slots(pools, columns, len(factors)),
    )


def work_rows(columns: int, channels: int) -> int:
    """Number of intermediate results of each lane."""
    return 4 + channels + columns


def _step(pools: int, columns: int, factors: Factors, changes: Changes) -> dict[str, Any]:
    """Lines of the function `step`."""
    sums = _rows(columns, len(factors))[0]
    bounds = dict.fromkeys(range(pools), LARGE)  # also, because a count below 0 looks like EMPTY
    half = len(SERIES) // 2
    return {
        "total_at": sums[-1], "total": f"c{len(factors) - 1}",
        "unpack": indented(4, unpacked(factors)),
        "draws": indented(8, DRAW.format(out="first_bits") + DRAW.format(out="second")),
        "uniform": indented(8, UNIFORM.format(first="first_bits")),
        "reduce": indented(8, REDUCE),
        "series": indented(8, SERIES[:half]),
        "more_series": indented(8, SERIES[half:]),
        "scaled": indented(8, SCALED.format(wait="wait")),
        "load": indented(8, [f"x{p} = state[{p * LANES} + l]" for p in range(pools)]),
        "rates": indented(8, rates(factors, bounds)),
        "sums": indented(8, [f"work[{row} + l] = c{c}" for c, row in enumerate(sums)]),
        "moves": indented(8, [
            line for p, change in enumerate(by_pool(changes, columns))
            for line in _move(p, change, *_rows(columns, len(factors)))
        ]),
        "later": indented(8, LATER.format(wait="wait")),
    }  # fmt: skip


def _rows(columns: int, channels: int) -> tuple[list[int], list[int]]:
    """Places in `work` of the cumulative sums of rates, and of the counts for the slots."""
    rows = [row * LANES for row in range(4, work_rows(columns, channels))]
    return rows[:channels], rows[channels:]


def _move(p: int, change: Sequence[int], sums: list[int], counts: list[int]) -> list[str]:
    """Lines that change a column by the chosen channel: by a sum over the channels before it.

    Two sums, so that each is a shorter chain of operations. For the slot, the count is added to a
    float whose last bits are then those of the count as an integer.
    """
    steps = [(c, b - a) for c, (a, b) in enumerate(itertools.pairwise(change)) if b != a]
    lines = [f"n = state[{p * LANES} + l]", f"d0 = {float(change[0])}", "d1 = 0.0"]
    for i, (c, difference) in enumerate(steps):
        d = f"d{i % 2}"
        lines += [f"e = {d} + {float(difference)}", f"{d} = e if x >= work[{sums[c]} + l] else {d}"]
    lines += ["n += d0 + d1", f"state[{p * LANES} + l] = n"] if any(change) else []
    return [*lines, f"work[{counts[p]} + l] = n + 6755399441055744.0"]


def _slots(pools: int, columns: int, channels: int) -> dict[str, str]:
    """Lines of the functions that keep counts in slots."""
    counts = _rows(columns, channels)[1]
    samples = [f"[at, k, {p}] = v{p}" for p in range(pools)]
    fill = [f"y{p} = np.int64(kept[o + U({p})])" for p in range(columns)]
    fill += ["there = ~(y0 >> 63)"]  # all bits 0 or 1: branches could not be predicted
    fill += [f"v{p} += (y{p} - v{p}) & there" for p in range(columns)]
    return {
        "keep": indented(8, [
            f"kept[o + U({p})] = np.int32(as_bits(work[{row} + l]))" for p, row in enumerate(counts)
        ]),
        "nothing": indented(4, [f"v{p} = 0" for p in range(columns)]),
        "fill": indented(8, fill),
        "together": " | ".join(f"v{p}" for p in range(pools)),
        "small": indented(12, [f"small{line}" for line in samples]),
        "large": indented(12, [f"large{line}" for line in samples]),
        "jumps": indented(8, [
            f"jumps[row, k, labels[{p - pools}]] = v{p}" for p in range(pools, columns)
        ]),
    }  # fmt: skip
