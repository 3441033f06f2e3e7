"""Kernel for many channels: partial propensities in sum trees, one trajectory after the other.

Channels whose rates have the same *shared* factors, those of pools that many channels depend on,
are a group. The rate of a group is the product of these factors times the sum of its members'
*partial propensities* (the constant times the other factors):

    total = Σ_g F_g(N) Σ_{c in g} w_c(N)

An event computes again what depends on the pools that it changes: few w_c, and the rates of groups.
Sums are binary trees over the members, in the order of the channels: each sum is that of its two
halves. Therefore it depends on the present numbers only, and no rounding error accumulates. Of the
levels of a tree every third one is stored: a block of 8 numbers has one sum in the next level.

Each event uses three numbers of the random stream: for the waiting time, the group, the member.
"""

import math
from typing import NamedTuple

import numpy as np

from ..utils.compiled import njit
from .kernel_state import (  # fmt: skip
    BUFFER_FULL,
    COUNT_LIMIT,
    DONE,
    EVENTS,
    FAULT,
    FILLED,
    FRESH,
    GRID,
    MORE,
    NEGATIVE_RATE,
    NOT_FINITE,
    OVERFLOW,
    ROW,
    TOO_MANY_EVENTS,
)
from .random import exponential, later, next_bits, uniform

_U = np.uint64
ALL = 1  # all groups are computed again after an event of the channel
OWN = 2**32 - 1  # in place of the pool of a factor
_THREE, _SEVEN, _ONE = _U(3), _U(7), _U(1)


class Products(NamedTuple):
    """Products of affine factors offset + slope · count; product k has those from first[k] on."""

    first: np.ndarray  # uint32
    pool: np.ndarray  # uint32; OWN for the pool of the channel or of the member
    offset: np.ndarray  # float64
    slope: np.ndarray  # float64


class Table(NamedTuple):
    """Channels with a constant > 0, sorted by group; see `partial_table.table`.

    What is equal for many channels is stored once, so that the numbers that an event needs stay in
    the processor's cache: two-level systems with individual rates differ in a pool and a constant.
    In an array that is described as "first", entry k is the index at which the entries of number k
    begin in another array, and entry k + 1 is the index at which they end.
    """

    constant: np.ndarray  # float64, channels
    channel: np.ndarray  # uint32, (channels, 3): own pool, product, kind
    group_first: np.ndarray  # uint32: first channel of each group
    shared: Products  # of each group
    product: Products  # of factors that are not shared
    # Kinds of events.
    kind: np.ndarray  # uint32, (kinds + 1, 3): first change, index in the model, ALL or not
    change: np.ndarray  # int32, (changes, 3): pool or -1 for the own one, step, column of samples
    # What depends on a pool.
    pool: np.ndarray  # uint32, (pools + 1, 2): first member, first affected group
    member: np.ndarray  # uint32, (members, 3): group, place in the group, product
    member_constant: np.ndarray  # float64
    affected: np.ndarray  # uint32: groups whose shared factors depend on a pool
    most_changed: int  # largest number of groups that an event changes, with repetitions
    # Trees of the groups, and the tree over all groups.
    tree_first: np.ndarray  # uint32: first level of each tree
    level: np.ndarray  # uint32: index of the first number of each level among the nodes
    nodes: int  # size of all trees
    column: np.ndarray  # uint32, pools: column of the samples to which a pool's count is added


@njit(cache=True, inline="always")
def _sum_of_block(nodes, b):
    """Sum of the 8 numbers from b on, as three levels of a binary tree."""
    left = (nodes[b] + nodes[b + _U(1)]) + (nodes[b + _U(2)] + nodes[b + _U(3)])
    right = (nodes[b + _U(4)] + nodes[b + _U(5)]) + (nodes[b + _U(6)] + nodes[b + _U(7)])
    return left + right


@njit(cache=True)
def _update(nodes, level, tree_first, tree, place, value):
    """Set a leaf of a tree, and the sums above it; returns the sum of the tree."""
    for k in range(_U(tree_first[tree]), _U(tree_first[tree + _ONE])):
        first = _U(level[k])
        nodes[first + place] = value
        place >>= _THREE
        value = _sum_of_block(nodes, first + (place << _THREE))
    return value


@njit(cache=True)
def _rebuild(nodes, level, tree_first, tree, leaves):
    """Compute all sums of a tree from its leaves; returns the sum of the tree."""
    top = _U(tree_first[tree + _ONE]) - _ONE
    for k in range(_U(tree_first[tree]), top):
        first, above = _U(level[k]), _U(level[k + _ONE])
        leaves = (leaves + _SEVEN) >> _THREE
        for b in range(leaves):
            nodes[above + b] = _sum_of_block(nodes, first + (b << _THREE))
    return _sum_of_block(nodes, _U(level[top]))


@njit(cache=True, inline="always")
def _half(x, left, right):
    """Whether x belongs to the right of two halves, and x less the sum of the left one if so.

    Rounding can make x as large as both together: a half with the sum 0 is never taken.
    """
    beyond = (x >= left) & (right > 0.0)
    return (_ONE if beyond else _U(0)), (x - left if beyond else x)


@njit(cache=True)
def _pick(nodes, level, tree_first, tree, x):
    """Leaf at which the sum of the leaves of a tree, from the first one on, exceeds x."""
    k, bottom = _U(tree_first[tree + _ONE]), _U(tree_first[tree])
    place = _U(0)
    while k > bottom:
        k -= _ONE
        b = _U(level[k]) + (place << _THREE)
        p0, p1 = nodes[b] + nodes[b + _U(1)], nodes[b + _U(2)] + nodes[b + _U(3)]
        p2, p3 = nodes[b + _U(4)] + nodes[b + _U(5)], nodes[b + _U(6)] + nodes[b + _U(7)]
        four, x = _half(x, p0 + p1, p2 + p3)
        two, x = _half(x, p2 if four else p0, p3 if four else p1)
        b += (four << _U(2)) | (two << _ONE)
        one, x = _half(x, nodes[b], nodes[b + _ONE])
        place = (place << _THREE) | (four << _U(2)) | (two << _ONE) | one
    return place


@njit(cache=True, inline="always", error_model="numpy")
def _product(value, k, counts, own, first, pool, offset, slope):
    """A value times product k, in which the pool OWN is the pool `own`."""
    for f in range(_U(first[k]), _U(first[k + _ONE])):
        p = _U(pool[f])
        value *= offset[f] + slope[f] * counts[own if p == OWN else p]
    return value


@njit(cache=True)
def _begin(table, counts, nodes, sums):
    """Compute everything from the counts.

    Returns
    -------
    total : float
        Sum of all rates.
    fault : int
        Channel with a rate that is not ≥ 0, or -1.
    """
    nodes[:] = 0.0
    groups = _U(len(sums))
    level, tree_first, group_first = table.level, table.tree_first, table.group_first
    constant, channel = table.constant, table.channel
    p_first, p_pool, p_offset, p_slope = table.product
    s_first, s_pool, s_offset, s_slope = table.shared
    rates = _U(level[tree_first[groups]])  # those of the groups
    for g in range(groups):
        first, last = _U(group_first[g]), _U(group_first[g + _ONE])
        leaves = _U(level[tree_first[g]])
        able = -1  # the first member with a partial propensity above 0
        for c in range(first, last):
            own, k = _U(channel[c, 0]), _U(channel[c, 1])
            w = _product(constant[c], k, counts, own, p_first, p_pool, p_offset, p_slope)
            if not w >= 0.0:
                return w, np.int64(c)
            nodes[leaves + (c - first)] = w
            able = np.int64(c) if able < 0 and w > 0.0 else able
        sums[g] = _rebuild(nodes, level, tree_first, g, last - first)
        rate = _product(sums[g], g, counts, _U(0), s_first, s_pool, s_offset, s_slope)
        if not rate >= 0.0:
            return rate, able
        nodes[rates + g] = rate
    return _rebuild(nodes, level, tree_first, groups, groups), -1


@njit(cache=True, nogil=True, error_model="numpy")
def advance(table, grid, max_events, budget, starts, streams, cursor, out):
    """Simulate trajectories; parameters and status codes as in `direct_kernel.advance`.

    The state between two calls is that of the direct method: the trees follow from the counts.
    """
    place, stream, counts = cursor.place, cursor.stream, cursor.counts
    keep_samples, keep_jumps = len(out.samples) > 0, len(out.jumps) > 0
    capacity = len(out.event_time)
    groups = _U(len(table.group_first) - 1)
    nodes, sums = np.zeros(table.nodes), np.zeros(groups)
    changed = np.zeros(_U(table.most_changed), np.uint64)  # groups
    columns = np.zeros(out.samples.shape[2], np.int64)
    # Read once: an attribute of a tuple that is read in a loop is counted as a reference each time.
    level, tree_first, group_first = table.level, table.tree_first, table.group_first
    origin, kinds, change, affected = table.channel, table.kind, table.change, table.affected
    of_pool, member, member_constant = table.pool, table.member, table.member_constant
    p_first, p_pool, p_offset, p_slope = table.product
    s_first, s_pool, s_offset, s_slope = table.shared
    rates = _U(level[tree_first[groups]])  # those of the groups
    used = 0
    while place[ROW] < len(starts):
        row = place[ROW]
        if place[GRID] == FRESH:
            place[GRID] = 0
            place[EVENTS] = 0
            cursor.clock[:] = 0.0
            cursor.jumps[:] = 0
            for p in range(len(counts)):
                counts[p] = starts[row, p]
            for w in range(4):
                stream[w] = streams[row, w]
        k, events, filled = place[GRID], place[EVENTS], place[FILLED]
        t, late = cursor.clock[0], cursor.clock[1]
        columns[:] = 0
        for p in range(len(counts)):
            columns[_U(table.column[p])] += counts[p]
        total, fault = _begin(table, counts, nodes, sums)
        valid = fault < 0
        status = DONE
        while True:
            if used >= budget:
                status = MORE
                break
            if capacity > 0 and filled == capacity:
                status = BUFFER_FULL
                break
            if not (valid and total < math.inf):
                fault = _begin(table, counts, nodes, sums)[1]
                status = NEGATIVE_RATE if fault >= 0 else NOT_FINITE
                place[FAULT] = (
                    np.int64(table.kind[table.channel[fault, 2], 1]) if fault >= 0 else -1
                )
                break
            before = stream[0], stream[1], stream[2], stream[3]
            wait = math.inf if total == 0.0 else exponential(next_bits(stream)) / total
            following, following_late = later(t, late, wait)
            while k < len(grid) and grid[k] < following:
                if keep_samples:
                    for p in range(len(columns)):
                        out.samples[row, k, p] = columns[p]
                if keep_jumps:
                    for c in range(len(cursor.jumps)):
                        out.jumps[row, k, c] = cursor.jumps[c]
                k += 1
                used += 1
            if k == len(grid):  # a later call may continue from here with later times
                stream[0], stream[1], stream[2], stream[3] = before
                break
            if events == max_events:
                status = TOO_MANY_EVENTS
                break
            g = _pick(nodes, level, tree_first, groups, uniform(next_bits(stream)) * total)
            x = uniform(next_bits(stream)) * sums[g]
            c = _U(group_first[g]) + _pick(nodes, level, tree_first, g, x)
            t, late = following, following_late
            events += 1
            used += 1
            own, kind = _U(origin[c, 0]), _U(origin[c, 2])
            first, last = _U(kinds[kind, 0]), _U(kinds[kind + _ONE, 0])
            channel = _U(kinds[kind, 1])
            for i in range(first, last):
                q, step = change[i, 0], change[i, 1]
                p = own if q < 0 else _U(q)
                counts[p] += step
                columns[_U(change[i, 2])] += step
                if counts[p] > COUNT_LIMIT:
                    status = OVERFLOW
                    place[FAULT] = np.int64(channel)
            cursor.jumps[channel] += 1
            if capacity > 0:
                out.event_time[filled] = t
                out.event_channel[filled] = channel
                filled += 1
            if status == OVERFLOW:
                break
            # Compute again what depends on the changed pools: partial propensities, then groups.
            number = 0
            for i in range(first, last):
                q = change[i, 0]
                p = own if q < 0 else _U(q)
                for j in range(_U(of_pool[p, 0]), _U(of_pool[p + _ONE, 0])):
                    g, leaf, product = _U(member[j, 0]), _U(member[j, 1]), _U(member[j, 2])
                    w = member_constant[j]
                    w = _product(w, product, counts, p, p_first, p_pool, p_offset, p_slope)
                    valid &= w >= 0.0
                    sums[g] = _update(nodes, level, tree_first, g, leaf, w)
                    changed[number] = g
                    number += 1
                for j in range(_U(of_pool[p, 1]), _U(of_pool[p + _ONE, 1])):
                    changed[number] = affected[j]
                    number += 1
            if kinds[kind, 2] == ALL:
                for g in range(groups):
                    w = _product(sums[g], g, counts, _U(0), s_first, s_pool, s_offset, s_slope)
                    valid &= w >= 0.0
                    nodes[rates + g] = w
                total = _rebuild(nodes, level, tree_first, groups, groups)
            else:
                for i in range(number):
                    g = changed[i]
                    w = _product(sums[g], g, counts, _U(0), s_first, s_pool, s_offset, s_slope)
                    valid &= w >= 0.0
                    total = _update(nodes, level, tree_first, groups, g, w)
        place[GRID], place[EVENTS], place[FILLED] = k, events, filled
        cursor.clock[0], cursor.clock[1] = t, late
        if status != DONE:
            return status
        out.event_count[row] = events
        place[ROW] = row + 1
        place[GRID] = FRESH
        used += 1
    return DONE
