"""What a declaration refuses, and in which words."""

import math

import pytest

from jumpsim import Channel, InputError, Model, Pool
from jumpsim.systems import hohlraum, open_waveguide

A, m, f, P = Pool.bosonic("A", 10), Pool.tls("m", 5), Pool.fermionic("f"), Pool.mass_action("P")
long = Pool.bosonic("cavity", 3)


def published():
    return open_waveguide(100, 100, "10 kHz", "10 kHz", ("10 MHz", 0), ("10 MHz", 0))


REFUSED = [
    (lambda: Pool.tls("m", 0), r"size of pool 'm'.*whole number ≥ 1.* but is 0"),
    (lambda: Pool.tls("m", -3), r"size of pool 'm'.*whole number ≥ 1.* but is -3"),
    (lambda: Pool.tls("m", 2.5), r"size of pool 'm'.*whole number ≥ 1.* but is 2\.5"),
    (lambda: Pool.tls("m", True), r"size of pool 'm'.*whole number.* but is True"),
    (lambda: Pool.tls("m", "3"), r"size of pool 'm'.*whole number.* but is '3'"),
    (lambda: Pool.tls("m", 2**53), r"size of pool 'm'.*whole number"),
    (lambda: Pool.tls("m", math.nan), r"size of pool 'm'.*whole number.* but is nan"),
    (lambda: Pool.bosonic("A", 0), r"modes of pool 'A'.* > 0, but is 0"),
    (lambda: Pool.bosonic("A", -1.5), r"modes of pool 'A'.* > 0, but is -1\.5"),
    (lambda: Pool.bosonic("A", math.nan), r"modes of pool 'A'.*finite.* but is nan"),
    (lambda: Pool.bosonic("A", math.inf), r"modes of pool 'A'.*finite.* but is inf"),
    (lambda: Pool.bosonic("A", "3"), r"modes of pool 'A'.*number.* but is '3'"),
    (lambda: Pool.bosonic("A", 10**400), r"modes of pool 'A'"),
    (lambda: Pool.bosonic("A", 3, math.nan), r"energy of pool 'A'.*finite number, but is nan"),
    (lambda: Pool.bosonic("A", 3, 10**400), r"energy of pool 'A'"),
    (lambda: Pool("A", "bosonik", 3), r"unknown kind 'bosonik'.*[Dd]id you mean 'bosonic'"),
    (lambda: Pool("f", "fermionic", 2), "a fermionic pool has no size, but 'f' has 2"),
    (lambda: Pool("P", "mass_action", 2), "a mass_action pool has no size, but 'P' has 2"),
    (lambda: Pool.tls("two words", 3), r"a pool's name must be one word.* but is 'two words'"),
    (lambda: Pool.tls("", 3), "a pool's name must be one line of readable text, but is ''"),
    (lambda: Pool.tls(3, 3), "a pool's name must be one line of readable text, but is 3"),
    (lambda: Channel("c\n", 1), "a channel's name must be one line of readable text"),
    (lambda: Channel("c", -1), "`rate of channel 'c'` must be a finite rate ≥ 0, but is -1"),
    (lambda: Channel("c", math.nan), "`rate of channel 'c'` must be a finite rate.* but is nan"),
    (lambda: Channel("c", math.inf), "`rate of channel 'c'` must be a finite rate.* but is inf"),
    (lambda: Channel("c", "10 kg"), "`rate of channel 'c'` must be a rate such as.*'10 kg'"),
    (lambda: Channel("c", "10 us"), "`rate of channel 'c'` must be a rate such as.*'10 us'"),
    (lambda: Channel("c", 1, "A"), r"`takes` of channel 'c' must give a whole number for each"),
    (lambda: Channel("c", 1, {"A": 0}), r"takes\['A'\] of channel 'c'.*whole number.* but is 0"),
    (lambda: Channel("c", 1, {}, {"A": 1.5}), r"gives\['A'\] of channel 'c'.* but is 1\.5"),
    (lambda: Channel("c", 1, through={"A": -1}), r"through\['A'\] of channel 'c'.* but is -1"),
    (lambda: Channel("c", 1, {"A": 1001}), r"takes\['A'\] of channel 'c'.* but is 1001"),
    (lambda: Channel("c", 1, reverse=3), "`reverse` of channel 'c' must be one line"),
    (lambda: Channel("c", 1, bath=" "), "`bath` of channel 'c' must be one line"),
    (lambda: published().pool("a"), r"unknown pool 'a'; .*choose from: A, B, m"),
    (lambda: published().channel("emit B via"), "[Dd]id you mean 'emit B via 1'"),
    (lambda: hohlraum(0, 5, 1), r"`tls` must be a whole number ≥ 1.* but is 0"),
    (lambda: hohlraum(-3, 5, 1), r"`tls` must be a whole number ≥ 1.* but is -3"),
    (lambda: hohlraum(2.5, 5, 1), r"`tls` must be a whole number ≥ 1.* but is 2\.5"),
    (lambda: hohlraum(5, 0, 1), r"`modes` must be a finite number > 0, but is 0"),
    (lambda: hohlraum(5, 5, "1 s"), r"`gamma_tilde` must be a rate such as .*'1 s'"),
    (lambda: open_waveguide(5, 5, 1, 1, 1, (1, 1)), "`gamma_tilde` must be a pair of rates"),
    (lambda: open_waveguide(5, 5, 1, 1, (1, -1), (1, 1)), r"`gamma_tilde\[1\]` must be a finite"),
    (lambda: hohlraum(5, 5, 1, wavelength=0), "`wavelength` must be a finite length > 0, but is 0"),
    (lambda: hohlraum(5, 5, 1, "1 Hz"), "`wavelength` must be a length such as"),
]


@pytest.mark.parametrize(("build", "match"), REFUSED)
def test_refused(build, match):
    with pytest.raises(InputError, match=match):
        build()


def pair(back, reverse="r"):
    return [Channel("c", 1, {"A": 1}, {"m": 1}, reverse=reverse), back]


@pytest.mark.parametrize(
    ("pools", "channels", "match"),
    [
        ([], [Channel("c", 1)], "`pools` must be a non-empty list of Pools"),
        (A, [Channel("c", 1)], "`pools` must be a non-empty list of Pools"),
        ([A], [], "`channels` must be a non-empty list of Channels"),
        ([A, "B"], [Channel("c", 1)], "`pools` must hold Pools, but holds 'B'"),
        ([A, A], [Channel("c", 1)], "`pools`: the name 'A' is used more than once"),
        ([A], [Channel("c", 1), Channel("c", 2)], "`channels`: the name 'c' is used more than"),
        (
            [A, long],
            [Channel("c", 1, {"cavty": 1})],
            "'cavty' in `takes`.*[Dd]id you mean 'cavity'",
        ),
        ([A], [Channel("c", 1, gives={"Q": 1})], "unknown pool 'Q' in `gives`; choose from: A"),
        ([A], [Channel("c", 1, through={"Q": 1})], "unknown pool 'Q' in `through`"),
        ([m], [Channel("c", 1, through={"m": 1})], "only bosonic pools.* but 'm' is tls"),
        ([P], [Channel("c", 1, through={"P": 1})], "only bosonic.* but 'P' is mass_action"),
        ([A], [Channel("c", 1, {"A": 1}, {"A": 2})], "pool 'A' is both taken and given"),
        ([m], [Channel("c", 1, {"m": 1}, {"m": 1})], "pool 'm' is both taken and given"),
        ([A], [Channel("emit", 1, reverse="emi")], "`reverse` 'emi'.*[Dd]id you mean 'emit'"),
        ([A, m], pair(Channel("r", 1, {"m": 1}, {"A": 1})), "its `reverse` 'r' must take what it"),
        ([A, m], pair(Channel("r", 1, {"m": 2}, {"A": 1}, reverse="c")), "its `reverse` 'r' must"),
        ([A, m], pair(Channel("r", 1, {"m": 1}, reverse="c")), "its `reverse` 'r' must"),
        ([A, m], pair(Channel("r", 1, {"m": 1}, {"A": 1}), "c"), "its `reverse` 'c' must"),
    ],
)
def test_refused_models(pools, channels, match):
    with pytest.raises(InputError, match=match):
        Model(pools, channels)


@pytest.mark.parametrize(
    ("counts", "whole", "match"),
    [
        ({"A": 1, "B": 2, "M": 3}, False, "unknown pool 'M'"),
        ({"A": 1, "B": 2}, False, "counts must name every pool, but 'm' is missing"),
        ([1, 2], False, r"counts must have 3 entries \(A, B, m\), but have shape \(2,\)"),
        (5, False, r"counts must have 3 entries \(A, B, m\), but have shape \(\)"),
        ([[1], [2], [3]], False, r"counts must have 3 entries .* shape \(3, 1\)"),
        ([1, 2, "3"], False, "counts must be numbers"),
        (None, False, "counts must be numbers"),
        ([1, 2, 3j], False, "counts must be numbers"),
        ([[1, 2, 3], [4, 5]], False, "counts must be numbers"),
        ([1, -1, 3], False, "count of pool 'B' must be a number from 0 to 2\\^53, but is -1"),
        ([1, 2, 100.5], False, "count of pool 'm' must be a number from 0 to 100, but is 100.5"),
        (
            [math.nan, 2, 3],
            False,
            "count of pool 'A' must be a number from 0 to 2\\^53, but is nan",
        ),
        (
            [math.inf, 2, 3],
            False,
            "count of pool 'A' must be a number from 0 to 2\\^53, but is inf",
        ),
        ([1, 2.5, 3], True, "count of pool 'B' must be a whole number from 0 to 2\\^53.* 2.5"),
        ([[1, 2, 3], [1, 2, 101]], True, "count of pool 'm' must be a whole .* but is 101"),
    ],
)
def test_refused_counts(counts, whole, match):
    with pytest.raises(InputError, match=match):
        published().as_counts(counts, whole)


def test_what_cannot_be_scaled():
    with pytest.raises(InputError, match=r"fermionic pool \('f'\) cannot be scaled"):
        Model([A, f], [Channel("c", 1, {"f": 1}, {"A": 1})]).scaled(2)
    with pytest.raises(InputError, match=r"size of pool 'm'.*whole number.* but is 7\.5"):
        Model([m], [Channel("c", 1, {"m": 1})]).scaled(1.5)
    for factor in (0, -1, math.nan, math.inf, "2", True):
        with pytest.raises(InputError, match="`factor` must be"):
            published().scaled(factor)
