"""Exact moments: against fractions, in any grouping, and at the edge of 64-bit words."""

from fractions import Fraction

import numpy as np
import pytest

from jumpsim.errors import InputError
from jumpsim.statistics import exact_sums as exact_sums_module
from jumpsim.statistics.exact_sums import add_sums, word_sums
from jumpsim.statistics.moments import Moments


def exact_sums(samples):
    """Σ x and Σ x xᵀ of (n, P) samples, on Python integers."""
    rows = np.asarray(samples).tolist()
    pools = range(len(rows[0]))
    first = [sum(r[p] for r in rows) for p in pools]
    return first, [[sum(r[p] * r[q] for r in rows) for q in pools] for p in pools]


def exact_covariance(samples, p, q):
    n, (first, second) = len(samples), exact_sums(samples)
    return Fraction(n * second[p][q] - first[p] * first[q], n * (n - 1))


def assert_same(a, b):
    """The same numbers, of the same Python type: no float, no machine word crept in."""
    assert a.n == b.n
    for x, y in ((a.first, b.first), (a.second, b.second)):
        assert x.tolist() == y.tolist()
        assert {type(v) for v in x.flat} <= {int}
        assert {type(v) for v in y.flat} <= {int}


@pytest.mark.parametrize("top", [3, 1000, 2**20, 2**31, 2**40, 2**53])
def test_against_fractions(top):
    samples = np.random.default_rng(30).integers(-top, top, (200, 3), endpoint=True)
    moments = Moments.of(samples)
    first, second = exact_sums(samples)
    assert moments.n == 200
    assert moments.first.tolist() == first
    assert moments.second.tolist() == second
    # Each is the float that is nearest to the exact quotient.
    assert moments.mean().tolist() == [float(Fraction(s, 200)) for s in first]
    cov = moments.cov()
    for p in range(3):
        for q in range(3):
            assert cov[p, q] == float(exact_covariance(samples, p, q))
    assert moments.var().tolist() == np.diagonal(cov).tolist()
    np.testing.assert_allclose(moments.sem(), np.sqrt(np.diagonal(cov) / 200), rtol=1e-15)


@pytest.mark.parametrize("top", [3, 2**22, 2**31, 2**53])
@pytest.mark.parametrize("shape", [(200, 3), (300, 4, 3), (1, 2, 2), (0, 4, 2), (257, 1, 1)])
def test_squares_alone_are_those_of_all_pairs(shape, top):
    """The same integers and bits, without any product of different columns."""
    samples = np.random.default_rng(37).integers(-top, top, shape, endpoint=True)
    every, squares = Moments.of(samples), Moments.of(samples, pairs=False)
    assert squares.second.shape == shape[1:]
    assert_same(squares, every.squares())
    assert_same(squares, squares.squares())
    assert squares.var().tobytes() == every.var().tobytes()
    assert squares.sem().tobytes() == every.sem().tobytes()
    halves = [Moments.of(half, pairs=False) for half in np.split(samples, [shape[0] // 3])]
    assert_same(Moments.zero(shape[1:], pairs=False) + halves[1] + halves[0], squares)
    first, second = squares.words()
    assert first.shape == second.shape == (*shape[1:], 2)
    assert_same(Moments.from_words(squares.n, first, second), squares)
    with pytest.raises(InputError, match="covariances need sums of products"):
        squares.cov()


def test_against_numpy_with_leading_axes():
    samples = np.random.default_rng(31).integers(0, 50, (400, 7, 3))
    moments = Moments.of(samples)
    assert moments.mean().shape == moments.var().shape == moments.sem().shape == (7, 3)
    assert moments.cov().shape == (7, 3, 3)
    np.testing.assert_allclose(moments.mean(), samples.mean(axis=0), rtol=1e-14)
    for t in range(7):
        np.testing.assert_allclose(
            moments.cov()[t], np.cov(samples[:, t].T), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("top", [100, 2**35, 2**53])
def test_grouping_and_order_change_no_bit(top):
    rng = np.random.default_rng(32)
    samples = rng.integers(-top, top, (300, 4, 2), endpoint=True)
    whole = Moments.of(samples)
    for _ in range(10):
        shuffled = samples[rng.permutation(300)]
        cuts = np.sort(rng.integers(0, 301, rng.integers(0, 12)))  # some groups are empty
        groups = [Moments.of(g) for g in np.split(shuffled, cuts)]
        total = Moments.zero((4, 2))
        for k in rng.permutation(len(groups)):
            total = total + groups[k]
        assert_same(total, whole)
        assert total.cov().tobytes() == whole.cov().tobytes()
        assert total.sem().tobytes() == whole.sem().tobytes()


@pytest.mark.parametrize("n", [1, 2, 511, 513, 1000, 5000])
def test_counts_near_the_limit_are_exact(n):
    # All at one end is the worst case for sums of the low and the high halves of a count.
    rng = np.random.default_rng(33)
    for samples in (
        np.full((n, 2), 2**53),
        np.full((n, 2), 2**53 - 1),
        2**53 - rng.integers(0, 1000, (n, 2)),
        rng.integers(0, 1000, (n, 2)) - 2**53,
        np.where(rng.random((n, 2)) < 0.5, 2**53 - 1, 1 - 2**53),
    ):
        first, second = exact_sums(samples)
        moments = Moments.of(samples)
        assert moments.first.tolist() == first
        assert moments.second.tolist() == second


def test_where_a_word_is_just_enough():
    # One sample of each size around √(2^63): the shorter and the longer way must meet.
    for value in (3037000498, 3037000499, 3037000500, 3037000501, 2**32):
        for samples in ([[value]], [[-value]], [[value // 8]] * 64):
            first, second = exact_sums(samples)
            moments = Moments.of(np.array(samples))
            assert moments.first.tolist() == first
            assert moments.second.tolist() == second


def test_nothing_cancels():
    # Mean 1e9 and variance 1: a textbook sum of squares in floats has no correct digit left.
    samples = 10**9 + np.random.default_rng(34).integers(-1, 2, (1000, 1))
    moments = Moments.of(samples)
    assert moments.var()[0] == float(exact_covariance(samples, 0, 0))
    assert Moments.of([[10**9 - 1], [10**9], [10**9 + 1]]).var()[0] == 1.0
    assert Moments.of(np.full((50, 2), 2**52 + 1)).cov().tolist() == [[0, 0], [0, 0]]


def test_words_round_trip():
    rng = np.random.default_rng(35)
    for samples in (
        rng.integers(-5, 6, (10, 4, 3)),
        rng.integers(-(2**53), 1, (300, 4, 3)),
        rng.integers(0, 2**53, (300, 4, 3)),
    ):
        moments = Moments.of(samples)
        first, second = moments.words()
        assert first.shape == (4, 3, 2)
        assert second.shape == (4, 3, 3, 2)
        assert first.dtype == second.dtype == np.int64
        assert_same(Moments.from_words(np.int64(moments.n), first, second), moments)


def test_words_of_sums_beyond_a_word():
    sums = [0, -1, 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, -(2**64), 10**30, -(10**37)]
    first = np.array(sums, object)
    second = np.array([[a + b for a in sums] for b in sums], object)
    moments = Moments(5, first, second)
    assert_same(Moments.from_words(5, *moments.words()), moments)


def test_one_sample_has_a_mean_but_no_covariance():
    moments = Moments.of(np.array([[3, -4]]))
    assert moments.mean().tolist() == [3, -4]
    for spread in (moments.cov(), moments.var(), moments.sem()):
        assert np.isnan(spread).all()


def test_no_samples():
    moments = Moments.of(np.zeros((0, 4, 2), np.int64))
    assert_same(moments, Moments.zero((4, 2)))
    assert_same(moments + Moments.of(np.ones((3, 4, 2), int)), Moments.of(np.ones((3, 4, 2), int)))


def signed(words):
    """The number that two 64-bit words stand for."""
    high, low = int(words[0]), int(words[1])
    return high * 2**64 + low % 2**64


@pytest.mark.parametrize("few", [0, exact_sums_module._FEW])
@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 511, 512, 513])
@pytest.mark.parametrize(
    "top", [5, 2**22 - 1, 2**22, 2**22 + 1, 2**26 - 1, 2**26, 2**26 + 1, 2**31, 2**53]
)
def test_word_sums_at_the_edges_of_groups(n, top, few, monkeypatch):
    """Two words each, also when they go on from sums of either sign; rows are summed in groups."""
    monkeypatch.setattr(exact_sums_module, "_FEW", few)  # products without compiled code
    monkeypatch.setattr(exact_sums_module, "_MOST_ROWS", 2 * exact_sums_module._GROUP)
    rng = np.random.default_rng(36)
    alone = np.zeros((n, 2, 3), np.int64)
    alone[n // 2 :, 1, 2] = -top
    for samples in (
        alone,
        rng.integers(-top, top, (n, 2, 3), endpoint=True),
        rng.integers(0, top, (n, 2, 3), endpoint=True),
        np.full((n, 2, 3), top),
        np.full((n, 2, 3), -top),
        np.where(rng.random((n, 2, 3)) < 0.5, top, -top),
    ):
        first, second = rng.integers(-(2**62), 2**62, (2, 3, 2)), np.zeros((2, 3, 3, 2), np.int64)
        second[...] = rng.integers(-(2**62), 2**62, second.shape)
        before = first.copy(), second.copy()
        squares = before[0].copy(), np.diagonal(before[1], axis1=1, axis2=2).swapaxes(1, 2).copy()
        word_sums(samples, first, second)
        add_sums(samples, *squares)
        assert (squares[0] == first).all()
        assert (squares[1].swapaxes(1, 2) == np.diagonal(second, axis1=1, axis2=2)).all()
        for t in range(2):
            sums, products = exact_sums(samples[:, t]) if n else ([0] * 3, [[0] * 3] * 3)
            for p in range(3):
                assert signed(first[t, p]) - signed(before[0][t, p]) == sums[p]
                for q in range(3):
                    more = products[p][q] if q >= p else 0  # the other half is its mirror image
                    assert signed(second[t, p, q]) - signed(before[1][t, p, q]) == more
