"""The code of a pass in lanes, written for each model structure; see lockstep.py."""

import itertools

LANES = 64
NEAR = 1e-6  # of a step between stored times, within which the exact times decide
MORE, DONE, DOUBTFUL = range(3)

_HEAD = '''"""Written by jumpsim.engine.lanecode for one structure of a model; may be removed."""

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

# One output of xoshiro256++.
_DRAW = """        m = a + d
        {out} = ((m << U(23)) | (m >> U(41))) + a
        h = b << U(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= h
        d = (d << U(45)) | (d >> U(19))
"""

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
{draws}        stream[l] = a
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


def source(pools, columns, factors, changes):
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
        "near": NEAR,
        "W": LANES, "W2": 2 * LANES, "W3": 3 * LANES, "total": f"c{len(factors) - 1}",
        "DONE": DONE, "MORE": MORE, "DOUBTFUL": DOUBTFUL,
        "draws": _DRAW.format(out="first") + _DRAW.format(out="second"),
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
