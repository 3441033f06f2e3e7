"""Many trajectories at once: 64 lanes advance together by one event, side by side.

The same trajectories as those of the direct method, bit for bit: the same draws, the same
logarithm, the same products and sums in the same order, only for 64 of them at a time, so that the
processor's vector units do the work. A lane whose trajectory has ended takes the next one at once.

A processor works on lanes side by side only where the code of a pass is one straight line. So the
code is written for each model structure (which pools stand in which rate, what each channel
changes; all numbers stay arguments), into a file named by its content, where numba can cache it.

Samples are kept in slots, one for each stored time: every event overwrites the slot of the first
time that is not before it, and what was left out is filled in when the trajectory ends.
"""

import functools
import hashlib
import importlib.util
import itertools
import os
import sys
import tempfile
import threading

import numpy as np

from .cached import cache_folder

LANES = 64
_MOST_SLOT_BYTES = 2**26
_NEAR = 1e-6  # of a step between stored times, within which the exact times decide
MORE, DONE, DOUBTFUL = range(3)
_compiling = threading.Lock()

_HEAD = '''"""Written by jumpsim.engine.lockstep for one structure of a model; may be removed."""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

U = np.uint64
ONE = np.uint64(0x3FF0000000000000)
ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)
MAGIC = np.uint64(0x4338000000000000)


@intrinsic
def as_float(context, bits):
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), code


@intrinsic
def as_bits(context, number):
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), code


'''

# One pass: two draws of each lane, its waiting time, its rates, its event. The same operations as
# in draws.py and direct.py; the exponent becomes a float through its bits, which is exact.
_STEP = '''@njit(cache=True, error_model="numpy")
def step(state, stream, numbers, end):
    """Advance every lane by one event; returns how many ended, and how many are doubtful."""
{unpack}
    ended = 0
    doubtful = 0
    for l in range({W}):
        a = stream[l]
        b = stream[{W} + l]
        c = stream[{W2} + l]
        d = stream[{W3} + l]
        m = a + d
        first = ((m << U(23)) | (m >> U(41))) + a
        h = b << U(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= h
        d = (d << U(45)) | (d >> U(19))
        m = a + d
        second = ((m << U(23)) | (m >> U(41))) + a
        h = b << U(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= h
        d = (d << U(45)) | (d >> U(19))
        stream[l] = a
        stream[{W} + l] = b
        stream[{W2} + l] = c
        stream[{W3} + l] = d
        y = 2.0 - as_float((first >> U(12)) | ONE)
        u = as_float((second >> U(12)) | ONE) - 1.0
        bits = as_bits(y)
        e = U(np.int64(bits - ROOT_HALF) >> np.int64(52))
        exponent = as_float(e + MAGIC) - 6755399441055744.0
        f = as_float(bits - (e << U(52)))
        s = (f - 1.0) / (f + 1.0)
        z = s * s
        p = 2.0 / 21
{series}
        p = p * z + 2.0
        wait = -(exponent * 0.6931471805599453 + s * p)
{load}
{rates}
        t = state[{time} + l] + wait / {total}
        x = u * {total}
{masks}
        live = 1.0 if t <= end else 0.0
{store}
        state[{time} + l] = t
        state[{events} + l] += live
        ended += 0 if t <= end else 1
        doubtful += 0 if sound & ({total} < np.inf) & ((x < {total}) | ({total} == 0.0)) else 1
    return ended, doubtful


'''

_REST = '''@njit(cache=True, error_model="numpy")
def even_slots(state, slots, begin, inverse, end, times):
    """Slot of every lane's time among evenly spaced ones; returns how many are too near to one."""
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
    """Slot of every lane's time, from the last one on."""
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
    """Write every lane's counts into its slot."""
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
    for _ in range(budget):
        if ended > 0:
            running = 0
            for l in range({W}):
                if not state[{time} + l] <= end:
                    if lanes[l] >= 0:
                        row = lanes[l]
                        event_count[row] = np.int64(state[{events} + l])
                        o = l * size * {P}
                        for k in range(times):
                            if kept[o] < 0.0:
                                for p in range({P}):
                                    kept[o + p] = kept[o + p - {P}]
                            for p in range({pools}):
                                samples[row, k, p] = np.int64(kept[o + p])
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
                        state[{events} + l] = 0.0
                        slots[l] = 0
                running += 1 if lanes[l] >= 0 else 0
            if running == 0:
                return {DONE}
        ended, doubtful = step(state, stream, numbers, end)
        if doubtful > 0:
            return {DOUBTFUL}
        if spacing[1] > 0.0:
            if even_slots(state, slots, spacing[0], spacing[1], end, times) > 0:
                any_slots(state, slots, grid, end)
        else:
            any_slots(state, slots, grid, end)
        keep(state, kept, slots, size)
    return {MORE}
'''


def fits(lowered, times, keep, max_events):
    """Whether lanes can do what is asked for, and have room for it."""
    columns = lowered.changes.shape[1] + ("jumps" in keep) * len(lowered.constants)
    room = 8 * LANES * (times + 1) * columns <= _MOST_SLOT_BYTES
    kept = "events" not in keep and {"samples", "jumps"} & set(keep)
    return bool(room and kept and max_events is None and (lowered.constants > 0).any())


def run(table, grid, starts, streams, jumps, budget, proceed, repair):
    """Simulate trajectories in lanes.

    Parameters
    ----------
    table : direct.Table
    grid : ndarray of float64
        Times to keep, increasing.
    starts : ndarray of int64, shape (rows, pools)
    streams : ndarray of uint64, shape (rows, 4)
    jumps : ndarray of int64, shape (rows, times, channels)
        Filled with the jumps of each channel, which are counts that no rate looks at; without
        rows they are not counted.
    budget : int
        Passes after which `proceed` is asked; it changes no number.
    proceed : callable
        Called with (finished rows, events) since the last call; False ends the run early.
    repair : callable
        Given a row and `jumps`, returns its samples and number of events by the direct method, and
        fills in its jumps, or raises its fault: for a lane with a rate, a total or a count that
        lanes do not judge.

    Returns
    -------
    samples : ndarray of int64, shape (rows, times, pools)
    event_count : ndarray of int64, shape (rows,)
        Of the leading rows that are all finished.
    """
    rows, pools = starts.shape
    factors, changes = _structure(table)
    if len(jumps):
        changes = tuple((*change, (pools + c, 1)) for c, change in enumerate(changes))
        starts = np.hstack([starts, np.zeros((rows, len(changes)), np.int64)])
    columns = starts.shape[1]
    with _compiling:
        module = _kernel(pools, columns, factors, changes)
    numbers = _numbers(table)
    state = np.full((columns + 2) * LANES, np.inf)
    state[: columns * LANES] = np.repeat(starts[0], LANES) if rows else 0.0
    lanes, slots = np.full(LANES, -1), np.zeros(LANES, np.int64)
    stream, place = np.ones(4 * LANES, np.uint64), np.zeros(1, np.int64)
    kept = np.full(LANES * (len(grid) + 1) * columns, -1.0)
    samples = np.zeros((rows, len(grid), pools), np.int64)
    event_count = np.full(rows, -1)
    spacing, seen = _spacing(grid), (0, 0)
    while True:
        status = module.advance(
            numbers, grid, spacing, budget, starts, streams, state, stream, lanes, slots, kept,
            place, samples, jumps, table.label, event_count,
        )  # fmt: skip
        if status == DOUBTFUL:
            for lane in np.flatnonzero(lanes >= 0):
                row = int(lanes[lane])
                samples[row], event_count[row] = repair(row, jumps)
            lanes[:] = -1
            state[: columns * LANES] = np.repeat(starts[0], LANES)
            state[columns * LANES :] = np.inf
        finished = event_count >= 0
        events = int(event_count[finished].sum())
        events += int(state[(columns + 1) * LANES :][lanes >= 0].sum())
        now = int(finished.sum()), events
        go_on = proceed is None or proceed(now[0] - seen[0], now[1] - seen[1])
        seen = now
        if status == DONE or not go_on:
            break
    done = rows if finished.all() else int(finished.argmin())
    return samples[:done], event_count[:done]


def _structure(table):
    """Pools of each channel's factors, and what each channel changes, as tuples."""
    channels = range(len(table.constant))
    factors = tuple(
        tuple(int(p) for p in table.pool[int(table.first[c]) : int(table.first[c + 1])])
        for c in channels
    )
    changes = tuple(
        tuple(
            (int(table.change_pool[i]), int(table.change[i]))
            for i in range(int(table.change_first[c]), int(table.change_first[c + 1]))
        )
        for c in channels
    )
    return factors, changes


def _numbers(table):
    """Constant, offsets and slopes of each channel, one after the other."""
    found = []
    for c in range(len(table.constant)):
        found.append(table.constant[c])
        for f in range(int(table.first[c]), int(table.first[c + 1])):
            found += [table.offset[f], table.slope[f]]
    return np.array(found)


def _spacing(grid):
    """Beginning and inverse step of evenly spaced times; 0 for others."""
    if len(grid) < 2:
        return np.zeros(2)
    inverse = (len(grid) - 1) / (grid[-1] - grid[0])
    away = np.abs((grid - grid[0]) * inverse - np.arange(len(grid))).max()
    return np.array([grid[0], inverse if away < _NEAR / 10 else 0.0])


@functools.lru_cache(maxsize=64)
def _kernel(pools, columns, factors, changes):
    """Module compiled for a structure, from the file that is named by its content."""
    text = _source(pools, columns, factors, changes)
    name = f"lockstep_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    file = _written(cache_folder() / f"{name}.py", text)
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where numba looks when it loads from its cache
    spec.loader.exec_module(module)
    return module


def _written(file, text):
    """Write a source file once, whole; several processes may do so at a time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text)
        try:
            os.link(temporary, file)  # unlike a rename it never touches what is there
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    return file


def _source(pools, columns, factors, changes):
    """Code of a structure; columns beyond the pools are counted, and looked at by no rate."""
    numbers, rates, first = [], [], 0
    for c, used in enumerate(factors):
        numbers.append(f"k{c} = numbers[{first}]")
        product = f"k{c}"
        for f, p in enumerate(used):
            at = first + 1 + 2 * f
            numbers.append(f"o{c}_{f}, s{c}_{f} = numbers[{at}], numbers[{at + 1}]")
            product += f" * (o{c}_{f} + s{c}_{f} * x{p})"
        first += 1 + 2 * len(used)
        rates.append(f"r{c} = {product}")
        rates.append(f"c{c} = c{c - 1} + r{c}" if c else "c0 = r0")
    sound = [f"(r{c} >= 0.0)" for c in range(len(factors))]
    changed = [[dict(change).get(p, 0) for change in changes] for p in range(columns)]
    sound += [f"(x{p} < {2.0**53})" for p in range(pools) if max(changed[p]) > 0]
    rates.append("sound = " + " & ".join(sound))
    moves = [_move(p, change) for p, change in enumerate(changed) if any(change)]
    names = {
        "P": columns, "pools": pools, "time": columns * LANES, "events": (columns + 1) * LANES,
        "near": _NEAR,
        "W": LANES, "W2": 2 * LANES, "W3": 3 * LANES, "total": f"c{len(factors) - 1}",
        "DONE": DONE, "MORE": MORE, "DOUBTFUL": DOUBTFUL,
        "unpack": _lines(4, numbers),
        "series": _lines(8, [f"p = p * z + 2.0 / {n}" for n in range(19, 1, -2)]),
        "load": _lines(8, [f"x{p} = state[{p * LANES} + l]" for p in range(columns)]),
        "rates": _lines(8, rates),
        "masks": _lines(8, [f"g{c} = 1.0 if x >= c{c} else 0.0" for c in range(len(factors) - 1)]),
        "store": _lines(8, moves),
        "keep": _lines(8, [f"kept[o + {p}] = state[{p * LANES} + l]" for p in range(columns)]),
    }  # fmt: skip
    return _HEAD + (_STEP + _REST).format(**names)


def _move(p, change):
    """What a pool changes by: what the first channel does, and what each mask adds to that."""
    steps = [(b - a, c) for c, (a, b) in enumerate(itertools.pairwise(change)) if b != a]
    total = " ".join([f"{float(change[0])}", *(f"+ {float(d)} * g{c}" for d, c in steps)])
    return f"state[{p * LANES} + l] = x{p} + live * ({total})"


def _lines(indent, lines):
    return "\n".join(" " * indent + line for line in lines)
