"""A second simulator: plain Python, slow, and without a line of the package.

Streams, waiting times, selection and every system's rates are written again, the rates by hand from
D. Braak and J. Mannhart ("BM"). Counts are plain tuples, a system is a pair (rates, changes).
"""

import math
from fractions import Fraction

MASK = 2**64 - 1
START, JUMPS = 0, 1

ROTATIONS = [(14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32)]


def rotate(x, bits):
    return ((x << bits) | (x >> (64 - bits))) & MASK


def threefry(counter, key):
    """Threefry-4x64-20, key injections every four rounds (Salmon et al., SC'11)."""
    parity = 0x1BD11BDAA9FC1A22 ^ key[0] ^ key[1] ^ key[2] ^ key[3]
    schedule = [*key, parity]
    x0, x1, x2, x3 = ((c + k) & MASK for c, k in zip(counter, key, strict=True))
    for r in range(20):
        a, b = ROTATIONS[r % 8]
        if r % 2 == 0:
            x0 = (x0 + x1) & MASK
            x1 = rotate(x1, a) ^ x0
            x2 = (x2 + x3) & MASK
            x3 = rotate(x3, b) ^ x2
        else:
            x0 = (x0 + x3) & MASK
            x3 = rotate(x3, a) ^ x0
            x2 = (x2 + x1) & MASK
            x1 = rotate(x1, b) ^ x2
        if r % 4 == 3:
            s = r // 4 + 1
            x0 = (x0 + schedule[s % 5]) & MASK
            x1 = (x1 + schedule[(s + 1) % 5]) & MASK
            x2 = (x2 + schedule[(s + 2) % 5]) & MASK
            x3 = (x3 + schedule[(s + 3) % 5] + s) & MASK
    return [x0, x1, x2, x3]


def stream(seed, index, purpose):
    """Words of one trajectory: xoshiro256++ from a Threefry state."""
    return xoshiro(threefry((index, purpose, 0, 0), (seed, 0, 0, 0)))


def xoshiro(state):
    """Endless 64-bit words of xoshiro256++ (Blackman & Vigna, 2021)."""
    s = list(state)
    while True:
        yield (rotate((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)


def trajectory(rates, changes, start, end, seed, index):
    """Times and channels of every event up to and including `end`.

    The time is an exact sum of the waiting times, rounded only where it is compared or returned.
    """
    words = stream(seed, index, JUMPS)
    counts, t, times, channels = tuple(start), Fraction(0), [], []
    while (total := sum(now := rates(counts))) > 0:
        y = 2 - (1 + (next(words) >> 12) * 2.0**-52)
        t += Fraction(-math.log(y) / total)
        if float(t) > end:
            break
        x = (next(words) >> 12) * 2.0**-52 * total
        channel, running = 0, now[0]
        while x >= running:
            channel += 1
            running += now[channel]
        counts = tuple(n + d for n, d in zip(counts, changes[channel], strict=True))
        times.append(float(t))
        channels.append(channel)
    return times, channels


def thermal_start(laws, seed, index):
    """Thermal counts by inversion; `laws` holds ("bosonic" or "tls", size, ħΩ/k_B T) by pool."""
    words = stream(seed, index, START)
    return tuple(_invert((next(words) >> 11) * 2.0**-53, *law) for law in laws)


def probability(count, kind, size, x):
    """Thermal law of one pool: `size` Bose-distributed modes, or `size` two-level systems."""
    if kind == "bosonic":
        log = math.lgamma(size + count) - math.lgamma(size) - math.lgamma(count + 1)
        return math.exp(log + size * math.log(1 - math.exp(-x)) - x * count)
    excited = 1 / (math.exp(x) + 1)
    return math.comb(size, count) * excited**count * (1 - excited) ** (size - count)


def _invert(u, kind, size, x):
    count, below = 0, probability(0, kind, size, x)
    while below <= u:
        count += 1
        below += probability(count, kind, size, x)
    return count


def hohlraum(M, modes, g):
    """BM (2), (3): pools N, m."""

    def rates(counts):
        N, m = counts
        return [g * m * (1 + N / modes), g * (M - m) * N / modes]

    return rates, [(1, -1), (-1, 1)]


def open_waveguide(M, modes, gamma_dec, gamma_0, g, g_wg):
    """BM (41), (53), (54), (62), (69), (63), (67), (42): pools A, B, m."""

    def rates(counts):
        A, B, m = counts
        n_A, n_B = A / modes, B / modes
        return [
            gamma_dec * A,
            gamma_dec * A,
            gamma_dec * B,
            gamma_dec * B,
            modes * gamma_0 * n_A * (1 + n_B),
            modes * gamma_0 * n_B * (1 + n_A),
            g[0] * (M - m) * n_A,
            g[0] * m * (1 + n_B),
            g[1] * (M - m) * n_B,
            g[1] * m * (1 + n_A),
            g_wg[0] * m,
            g_wg[1] * m,
        ]

    loss_A, loss_B, loss_m = (-1, 0, 0), (0, -1, 0), (0, 0, -1)
    changes = [loss_A, loss_A, loss_B, loss_B, (-1, 1, 0), (1, -1, 0)]
    changes += [(-1, 0, 1), (0, 1, -1), (0, -1, 1), (1, 0, -1), loss_m, loss_m]
    return rates, changes


def warm_waveguide(M, modes, gamma_dec, gamma_0, g, g_wg, n):
    """The open waveguide with light of occupations n[0], n[1] coming in through its ends."""
    cold, cold_changes = open_waveguide(M, modes, gamma_dec, gamma_0, g, g_wg)
    through = [1, 2, 1, 2, 1, 2, 1, 1, 2, 2, 1, 2]  # the channel that each event passes

    def rates(counts):
        A, B, m = counts
        warm = [rate * (1 + n[r - 1]) for rate, r in zip(cold(counts), through, strict=True)]
        gains = [modes * gamma_dec * n_r * (1 + N / modes) for N in (A, B) for n_r in n]
        return [*warm, *gains, *(g_wg[r] * (M - m) * n[r] for r in (0, 1))]

    gain_A, gain_B, gain_m = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    return rates, [*cold_changes, gain_A, gain_A, gain_B, gain_B, gain_m, gain_m]


def two_groups(M, modes, gamma_dec, gamma_0, g, g_wg):
    """Open waveguide with two groups of TLS: pools A, B, m1, m2; each argument a pair by group."""

    def rates(counts):
        A, B, *m = counts
        n_A, n_B = A / modes, B / modes
        out = [gamma_dec * A, gamma_dec * A, gamma_dec * B, gamma_dec * B]
        out += [modes * gamma_0 * n_A * (1 + n_B), modes * gamma_0 * n_B * (1 + n_A)]
        for k in (0, 1):
            out += [g[k][0] * (M[k] - m[k]) * n_A, g[k][0] * m[k] * (1 + n_B)]
            out += [g[k][1] * (M[k] - m[k]) * n_B, g[k][1] * m[k] * (1 + n_A)]
        return [*out, *(g_wg[k][r] * m[k] for k in (0, 1) for r in (0, 1))]

    loss = [(-1, 0, 0, 0)] * 2 + [(0, -1, 0, 0)] * 2
    changes = [*loss, (-1, 1, 0, 0), (1, -1, 0, 0)]
    changes += [(-1, 0, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (1, 0, -1, 0)]
    changes += [(-1, 0, 0, 1), (0, 1, 0, -1), (0, -1, 0, 1), (1, 0, 0, -1)]
    changes += [(0, 0, -1, 0)] * 2 + [(0, 0, 0, -1)] * 2
    return rates, changes


def closed_waveguide(M, modes, modes_wg, gamma_dec, gamma_0, gamma_3, g, g_wg, long_path=False):
    """BM (80), (81), (84), (87), (88), (89): pools A, B, 1, 2, m."""
    A, B, one, two, m = range(5)

    def rates(counts):
        n = [counts[A] / modes, counts[B] / modes, counts[one] / modes_wg, counts[two] / modes_wg]
        up, down = counts[m], M - counts[m]
        s = [1 + x for x in n]
        out = []
        for q in (A, B):
            for r in (one, two):
                out += [modes * gamma_dec * n[q] * s[r], modes * gamma_dec * n[r] * s[q]]
        for r in (one, two):
            out += [g_wg[r - 2] * down * n[r], g_wg[r - 2] * up * s[r]]
        for r, source, sink in ((one, A, B), (two, B, A)):
            rate = g[r - 2] * s[r]
            absorb, emit = [rate * down * n[q] for q in (A, B)], [rate * up * s[q] for q in (A, B)]
            if long_path:
                out += [absorb[source], emit[source], absorb[sink], emit[sink]]
            else:
                out += [absorb[source], emit[sink]]
        there, back = modes * gamma_0 * n[A] * s[B], modes * gamma_0 * n[B] * s[A]
        if long_path:
            out += [there * s[one], back * s[one], there * s[two], back * s[two]]
        else:
            out += [there * s[one], back * s[two]]
        for q in (A, B):
            out += [modes_wg * gamma_3 * n[two] * s[one] * s[q]]
            out += [modes_wg * gamma_3 * n[one] * s[two] * s[q]]
        return out

    def step(source, sink):
        return tuple((k == sink) - (k == source) for k in range(5))

    changes = []
    for q in (A, B):
        for r in (one, two):
            changes += [step(q, r), step(r, q)]
    for r in (one, two):
        changes += [step(r, m), step(m, r)]
    for source, sink in ((A, B), (B, A)):
        if long_path:
            changes += [step(source, m), step(m, source), step(sink, m), step(m, sink)]
        else:
            changes += [step(source, m), step(m, sink)]
    changes += [step(A, B), step(B, A)] * (2 if long_path else 1)
    return rates, changes + [step(two, one), step(one, two)] * 2


def embedded_cavity(M, modes_A, modes_C, gamma_4, gamma_5, gamma_6):
    """BM (104)-(107): pools A, C, m."""

    def rates(counts):
        A, C, m = counts
        n_A, n_C = A / modes_A, C / modes_C
        return [
            modes_A * gamma_4 * n_A * (1 + n_C),
            modes_A * gamma_4 * n_C * (1 + n_A),
            modes_C * gamma_5 * m * (1 + n_C),
            modes_C * gamma_5 * (M - m) * n_C,
            modes_A * gamma_6 * (1 + n_C) ** 2 * m * (1 + n_A),
            modes_A * gamma_6 * (1 + n_C) ** 2 * (M - m) * n_A,
        ]

    return rates, [(-1, 1, 0), (1, -1, 0), (0, 1, -1), (0, -1, 1), (1, 0, -1), (-1, 0, 1)]


def birth_death(birth, death):
    """∅ -> X, X -> ∅."""
    return lambda counts: [birth, death * counts[0]], [(1,), (-1,)]


def batches(birth, death):
    """∅ -> 5X, X -> ∅."""
    return lambda counts: [birth, death * counts[0]], [(5,), (-1,)]


def dimerisation(bind, split):
    """2P -> P2 at bind P (P-1)/2, P2 -> 2P: pools P, P2."""

    def rates(counts):
        P, P2 = counts
        return [bind * (P * (P - 1) // 2), split * P2]

    return rates, [(-2, 1), (2, -1)]


def level_and_mode(modes, g, pump, loss):
    """A fermionic level f, pumped, that exchanges quanta with a lossy bosonic pool N."""

    def rates(counts):
        N, f = counts
        return [g * f * (1 + N / modes), g * (1 - f) * N / modes, pump * (1 - f), loss * N / modes]

    return rates, [(1, -1), (-1, 1), (0, 1), (-1, 0)]


def growth(rate):
    """X -> 2X."""
    return lambda counts: [rate * counts[0]], [(1,)]


def genetic_oscillator():
    """Vilar et al., PNAS 99, 5988 (2002), Fig. 1: pools D_A, D_R, D'_A, D'_R, M_A, M_R, A, R, C."""
    hour = 3600.0

    def rates(counts):
        D_A, D_R, D_A1, D_R1, M_A, M_R, A, R, C = counts
        per_hour = [1 * D_A * A, 50 * D_A1, 1 * D_R * A, 100 * D_R1]
        per_hour += [50 * D_A, 500 * D_A1, 0.01 * D_R, 50 * D_R1, 50 * M_A, 5 * M_R]
        per_hour += [10 * M_A, 0.5 * M_R, 1 * A, 0.2 * R, 2 * A * R, 1 * C]
        return [rate / hour for rate in per_hour]

    changes = [
        (-1, 0, 1, 0, 0, 0, -1, 0, 0),
        (1, 0, -1, 0, 0, 0, 1, 0, 0),
        (0, -1, 0, 1, 0, 0, -1, 0, 0),
        (0, 1, 0, -1, 0, 0, 1, 0, 0),
        (0, 0, 0, 0, 1, 0, 0, 0, 0),
        (0, 0, 0, 0, 1, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, 1, 0, 0, 0),
        (0, 0, 0, 0, 0, 1, 0, 0, 0),
        (0, 0, 0, 0, 0, 0, 1, 0, 0),
        (0, 0, 0, 0, 0, 0, 0, 1, 0),
        (0, 0, 0, 0, -1, 0, 0, 0, 0),
        (0, 0, 0, 0, 0, -1, 0, 0, 0),
        (0, 0, 0, 0, 0, 0, -1, 0, 0),
        (0, 0, 0, 0, 0, 0, 0, -1, 0),
        (0, 0, 0, 0, 0, 0, -1, -1, 1),
        (0, 0, 0, 0, 0, 0, 0, 1, -1),
    ]
    return rates, changes


def pairs(M, modes, modes_W, down, up, swap):
    """Pairs of equal quanta, and a mode W passed once and twice: pools N, W, m.

    m -> 2N through W; 2N -> m through W twice; W -> 2m; 2m -> W.
    """

    def rates(counts):
        N, W, m = counts
        w = W / modes_W
        return [
            down * m * (1 + N / modes) * (1 + (N + 1) / modes) * (1 + w),
            up * (N / modes) * ((N - 1) / modes) * (M - m) * (1 + w) * (1 + w),
            swap * w * (M - m) * (M - m - 1),
            swap * m * (m - 1) * (1 + w),
        ]

    return rates, [(2, 0, -1), (-2, 0, 1), (0, -1, 2), (0, 1, -2)]
