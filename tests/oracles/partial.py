"""A second simulator for many channels: partial propensities in plain Python, by their definition.

It does not use the package. A system is a pair (groups, changes): `groups(counts)` is a list of
groups, in the order of their first channels, each a pair (shared, members). `shared` is the product
of the shared factors, `members` a list of (channel, partial propensity) in the order of the model.
All rates are written by hand; channels that never occur are left out of the groups.
"""

import math
from fractions import Fraction

from .reference import JUMPS, stream


def padded(values):
    """The values, and zeros up to a power of 2."""
    size = 1
    while size < len(values):
        size *= 2
    return [*values, *[0.0] * (size - len(values))]


def tree_sum(values):
    """Sum of the two halves, each of which is that of its two halves, and so on."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return tree_sum(values[:half]) + tree_sum(values[half:])


def chosen(values, x):
    """Index of the value that x belongs to, by descending from the root of the tree."""
    first = 0
    while len(values) > 1:
        half = len(values) // 2
        left, right = tree_sum(values[:half]), tree_sum(values[half:])
        if x >= left and right > 0:
            x, first, values = x - left, first + half, values[half:]
        else:
            values = values[:half]
    return first


def trajectory(groups, changes, start, end, seed, index):
    """Times and channels of every event up to and including `end`, times as exact sums."""
    words = stream(seed, index, JUMPS)
    counts, t, times, channels = tuple(start), Fraction(0), [], []
    while True:
        now = groups(counts)
        members = [padded([w for _, w in group]) for _, group in now]
        sums = [tree_sum(values) for values in members]
        rates = padded([shared * s for (shared, _), s in zip(now, sums, strict=True)])
        total = tree_sum(rates)
        if total == 0:
            break
        y = 2 - (1 + (next(words) >> 12) * 2.0**-52)
        t += Fraction(-math.log(y) / total)
        if float(t) > end:
            break
        g = chosen(rates, (next(words) >> 12) * 2.0**-52 * total)
        m = chosen(members[g], (next(words) >> 12) * 2.0**-52 * sums[g])
        channel = now[g][1][m][0]
        counts = tuple(n + d for n, d in zip(counts, changes[channel], strict=True))
        times.append(float(t))
        channels.append(channel)
    return times, channels


def rates_of(groups, counts, channels):
    """Rate of each channel, 0 for those that are in no group."""
    rates = [0.0] * channels
    for shared, members in groups(counts):
        for channel, w in members:
            rates[channel] = shared * w
    return rates


def _changes(width, *moves):
    """Changes of all pools from {pool: change} of each channel."""
    return [tuple(move.get(p, 0) for p in range(width)) for move in moves]


def disordered_waveguide(modes, gamma_dec, gamma_0, g, g_wg, n=None):
    """Open waveguide with emitters of different couplings: pools A, B, m1, m2, ... (each 0 or 1).

    BM (41), (53), (54), (62), (69), (63), (67), (42), with n = (n_1, n_2) also (81), (84). Both
    couplings of each emitter are > 0.
    """
    emitters, warm = len(g), n is not None
    n = n or (0.0, 0.0)
    s = [1 + n[0], 1 + n[1]]  # of the two channels of the waveguide
    first_loss = 6 + 4 * emitters
    first_gain = first_loss + 2 * emitters

    def groups(counts):
        A, B, *m = counts
        n_A, n_B = A / modes, B / modes
        loss = [modes * gamma_dec * s[r] for r in (0, 1)]
        absorb_A = [(6 + 4 * k, g[k][0] * s[0] * (1 - m[k])) for k in range(emitters)]
        emit_B = [(7 + 4 * k, g[k][0] * s[0] * m[k]) for k in range(emitters)]
        absorb_B = [(8 + 4 * k, g[k][1] * s[1] * (1 - m[k])) for k in range(emitters)]
        emit_A = [(9 + 4 * k, g[k][1] * s[1] * m[k]) for k in range(emitters)]
        alone = [
            (first_loss + 2 * k + r, g_wg[k][r] * s[r] * m[k])
            for k in range(emitters)
            for r in (0, 1)
        ]
        if warm:
            gains = [modes * gamma_dec * n[r] for r in (0, 1)]
            emit_A += [(first_gain + r, gains[r]) for r in (0, 1)]
            emit_B += [(first_gain + 2 + r, gains[r]) for r in (0, 1)]
            alone += [
                (first_gain + 4 + 2 * k + r, g_wg[k][r] * n[r] * (1 - m[k]))
                for k in range(emitters)
                for r in (0, 1)
            ]
        return [
            (n_A, [(0, loss[0]), (1, loss[1]), *absorb_A]),
            (n_B, [(2, loss[0]), (3, loss[1]), *absorb_B]),
            (n_A * (1 + n_B), [(4, modes * gamma_0 * s[0])]),
            (n_B * (1 + n_A), [(5, modes * gamma_0 * s[1])]),
            (1 + n_B, emit_B),
            (1 + n_A, emit_A),
            (1.0, alone),
        ]

    moves = [{0: -1}, {0: -1}, {1: -1}, {1: -1}, {0: -1, 1: 1}, {0: 1, 1: -1}]
    for m in range(2, 2 + emitters):
        moves += [{0: -1, m: 1}, {1: 1, m: -1}, {1: -1, m: 1}, {0: 1, m: -1}]
    moves += [{m: -1} for m in range(2, 2 + emitters) for _ in (0, 1)]
    if warm:
        moves += [{0: 1}, {0: 1}, {1: 1}, {1: 1}]
        moves += [{m: 1} for m in range(2, 2 + emitters) for _ in (0, 1)]
    return groups, _changes(2 + emitters, *moves)


def network(rates, pair, apart):
    """An enzyme E and a food S that all species share: pools E, S, D, X1, C1, X2, C2, ...

    For each species, with its four rates: E + X -> C, C -> E + X, S -> X, X -> S. Then 2S -> D,
    D -> 2S and E + S -> S (E is lost).
    """
    width = 3 + 2 * len(rates)
    last = 4 * len(rates)

    def groups(counts):
        E, S, D, *rest = counts
        X, C = rest[::2], rest[1::2]
        bind = [(4 * k, r[0] * x) for k, (r, x) in enumerate(zip(rates, X, strict=True))]
        feed = [(4 * k + 2, r[2]) for k, r in enumerate(rates)]
        alone = []
        for k, r in enumerate(rates):
            alone += [(4 * k + 1, r[1] * C[k]), (4 * k + 3, r[3] * X[k])]
        return [
            (E, bind),
            (1.0, [*alone, (last + 1, apart * D)]),
            (S, feed),
            (S * (S - 1), [(last, pair / 2)]),
            (E * S, [(last + 2, 1e-3)]),
        ]

    moves = []
    for k in range(len(rates)):
        x, c = 3 + 2 * k, 4 + 2 * k
        moves += [{0: -1, x: -1, c: 1}, {0: 1, x: 1, c: -1}, {1: -1, x: 1}, {1: 1, x: -1}]
    return groups, _changes(width, *moves, {1: -2, 2: 1}, {1: 2, 2: -1}, {0: -1})


def duplicates(number, birth, death):
    """0 -> X once, and X -> 0 so many times over, each with the same rate."""

    def groups(counts):
        return [(1.0, [(0, birth)]), (counts[0], [(1 + k, death) for k in range(number)])]

    return groups, [(1,), *[(-1,)] * number]


def ring_with_idle_parts(hops):
    """Quanta that hop around the pools 0, 1, ...; then pools without reactions.

    Between two hops stand a channel with the constant 0 (not in a group) and one that needs two
    quanta of the last pool, which has one. Channel 3k is the hop from pool k. Each hop is a group,
    because the factors of all pools are shared.
    """
    sites = len(hops)
    width = sites + 200

    def groups(counts):
        blocked = counts[-1] * (counts[-1] - 1)
        hopping = [(counts[k], [(3 * k, r)]) for k, r in enumerate(hops)]
        never = (blocked, [(3 * k + 2, 0.5 * 5.0) for k in range(sites)])
        return [hopping[0], never, *hopping[1:]]

    moves = []
    for k in range(sites):
        moves += [{k: -1, (k + 1) % sites: 1}, {k: -1}, {width - 1: -2, k: 1}]
    return groups, _changes(width, *moves)


def pairs_through_a_mode(M, modes, modes_W, rates, come, go):
    """Pairs of photons of many pools, through a mode W that is passed once or twice: m, W, N1, ...

    For each pool N with three rates: m -> 2N through W, 2N -> m through W twice, N -> 0. Then
    0 -> W and W -> 0.
    """

    def groups(counts):
        m, W, *N = counts
        w, last = W / modes_W, 3 * len(rates)
        down, up, loss = [], [], []
        for k, (r, n) in enumerate(zip(rates, N, strict=True)):
            down.append((3 * k, r[0] * (1 + n / modes) * (1 + (n + 1) / modes)))
            up.append((3 * k + 1, r[1] * (n / modes) * ((n - 1) / modes)))
            loss.append((3 * k + 2, r[2] * (n / modes)))
        return [
            (m * (1 + w), down),
            ((M - m) * (1 + w) * (1 + w), up),
            (1.0, loss),
            (1 + w, [(last, come)]),
            (w, [(last + 1, go)]),
        ]

    moves = []
    for k in range(len(rates)):
        moves += [{0: -1, 2 + k: 2}, {0: 1, 2 + k: -2}, {2 + k: -1}]
    return groups, _changes(2 + len(rates), *moves, {1: 1}, {1: -1})
