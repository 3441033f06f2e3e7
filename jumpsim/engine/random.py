"""Random numbers and elementary functions for kernels, in IEEE arithmetic with a fixed order.

The last bits of the elementary functions of mathematical libraries differ between machines; these
functions give identical bits on all machines.
"""

import numpy as np

from ..utils.compiled import njit

_U = np.uint64
_ONE = np.uint64(0x3FF0000000000000)  # bits of 1.0
_ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)  # bits of sqrt(1/2)


@njit(cache=True, inline="always")
def next_bits(stream):
    """Next 64 random bits of xoshiro256++; the state `stream` is changed in place."""
    s0, s1, s2, s3 = stream[0], stream[1], stream[2], stream[3]
    total = s0 + s3
    out = ((total << _U(23)) | (total >> _U(41))) + s0
    shifted = s1 << _U(17)
    s2 ^= s0
    s3 ^= s1
    stream[1] = s1 ^ s2
    stream[0] = s0 ^ s3
    stream[2] = s2 ^ shifted
    stream[3] = (s3 << _U(45)) | (s3 >> _U(19))
    return out


@njit(cache=True, inline="always", error_model="numpy")
def exponential(bits):
    """Exponential random number -ln(y), where y = 1 - k 2^-52 in (0, 1] and k are the upper bits.

    y = 2^e f with f in [sqrt(1/2), sqrt(2)); ln f = 2 artanh((f-1)/(f+1)) as a series whose first
    neglected term is below 1e-17.
    """
    y = _U((_U(bits) >> _U(12)) | _ONE).view(np.float64)
    y = 2.0 - y
    pattern = np.float64(y).view(np.uint64)
    exponent = np.int64(pattern - _ROOT_HALF) >> np.int64(52)
    f = _U(pattern - (_U(exponent) << _U(52))).view(np.float64)
    s = (f - 1.0) / (f + 1.0)
    z = s * s
    p = 2.0 / 21
    p = p * z + 2.0 / 19
    p = p * z + 2.0 / 17
    p = p * z + 2.0 / 15
    p = p * z + 2.0 / 13
    p = p * z + 2.0 / 11
    p = p * z + 2.0 / 9
    p = p * z + 2.0 / 7
    p = p * z + 2.0 / 5
    p = p * z + 2.0 / 3
    p = p * z + 2.0
    return -(exponent * 0.6931471805599453 + s * p)


@njit(cache=True, inline="always")
def later(t, late, wait):
    """Time of the next event, rounded, and by how much this is too late, from those of the last.

    The exact time is the difference of the two numbers, so that no waiting time is lost, even when
    it is shorter than the spacing of floats at that time. The error of the sum is itself a float,
    found by Knuth's branch-free formula; the rounded times never decrease.
    """
    step = wait - late
    following = t + step
    taken = following - t
    return following, ((following - taken) - t) + (taken - step)


@njit(cache=True, inline="always")
def uniform(bits):
    """Uniform random number in [0, 1), a multiple of 2^-52, from the upper 52 bits."""
    return _U((_U(bits) >> _U(12)) | _ONE).view(np.float64) - 1.0


@njit(cache=True, inline="always", error_model="numpy")
def decay(x):
    """exp(-x) for x ≥ 0 as 2^-k times the power series of exp(r), |r| ≤ ln(2)/2; 0 for x ≥ 700."""
    if x >= 700.0:
        return 0.0
    k = np.floor(x * 1.4426950408889634 + 0.5)
    r = (k * 0.6931471803691238 - x) + k * 1.9082149292705877e-10
    p = 1.0 / 87178291200
    p = p * r + 1.0 / 6227020800
    p = p * r + 1.0 / 479001600
    p = p * r + 1.0 / 39916800
    p = p * r + 1.0 / 3628800
    p = p * r + 1.0 / 362880
    p = p * r + 1.0 / 40320
    p = p * r + 1.0 / 5040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 1.0 / 2
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _U(_U(1023 - np.int64(k)) << _U(52)).view(np.float64)


@njit(cache=True, inline="always", error_model="numpy")
def sine_cosine(x):
    """sin(x) and cos(x) by power series in the remainder of x and a multiple of π/2.

    π/2 is represented by three numbers. The error for large x is not larger than that of the
    rounding of x.
    """
    quarters = np.floor(x * 0.6366197723675814 + 0.5)
    r = ((x - quarters * 1.5707963267341256) - quarters * 6.077100506303966e-11) - (
        quarters * 2.0222662487959506e-21
    )
    z = r * r
    s = -1.0 / 1307674368000
    s = s * z + 1.0 / 6227020800
    s = s * z - 1.0 / 39916800
    s = s * z + 1.0 / 362880
    s = s * z - 1.0 / 5040
    s = s * z + 1.0 / 120
    s = s * z - 1.0 / 6
    s = (s * z + 1.0) * r
    c = 1.0 / 20922789888000
    c = c * z - 1.0 / 87178291200
    c = c * z + 1.0 / 479001600
    c = c * z - 1.0 / 3628800
    c = c * z + 1.0 / 40320
    c = c * z - 1.0 / 720
    c = c * z + 1.0 / 24
    c = c * z - 1.0 / 2
    c = c * z + 1.0
    turn = quarters - 4.0 * np.floor(quarters / 4.0)
    if turn == 0.0:
        return s, c
    if turn == 1.0:
        return c, -s
    if turn == 2.0:
        return -s, -c
    return -c, s
