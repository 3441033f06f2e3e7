"""The master equation of a system of `reference`, built and solved without the package."""

from collections import deque

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import expm_multiply


class Exact:
    """Laws, correlations and fourth moments of small systems.

    Parameters
    ----------
    system : pair
        (rates, changes) of plain Python, as in `reference`.
    start : dict of tuple to float
        Probability of each state at t = 0.
    limit : int
        Largest count; events beyond are left out, and their weight is `lost`.
    """

    def __init__(self, system, start, limit=10**9):
        rates, changes = system
        self.states, index, queue = [], {}, deque()

        def found(state):
            if state not in index:
                index[state] = len(self.states)
                self.states.append(state)
                queue.append(state)
            return index[state]

        for state in start:
            found(state)
        rows, columns, values = [], [], []
        while queue:
            state = queue.popleft()
            for rate, change in zip(rates(state), changes, strict=True):
                target = tuple(n + d for n, d in zip(state, change, strict=True))
                if rate == 0 or target == state:
                    continue
                rows.append(index[state])
                columns.append(index[state])
                values.append(-rate)
                if max(target) <= limit:
                    rows.append(found(target))
                    columns.append(index[state])
                    values.append(rate)
        n = len(self.states)
        self.generator = sparse.csc_array((values, (rows, columns)), (n, n))
        self.start = np.zeros(n)
        for state, probability in start.items():
            self.start[index[state]] = probability
        self.counts = np.array(self.states, float)

    def laws(self, times):
        """Probabilities at each time, (n_times, n_states)."""
        out, p, now = [], self.start, 0.0
        for t in times:
            p = expm_multiply(self.generator * (t - now), p) if t > now else p
            out.append(p)
            now = t
        return np.array(out)

    def lost(self, times):
        """Probability that has left."""
        return 1 - self.laws(times).sum(axis=1)

    def covariance(self, times):
        """Of every pool at every time with every other, (n_times · n_pools squared)."""
        laws, counts = self.laws(times), self.counts
        means = laws @ counts
        pools = counts.shape[1]
        out = np.zeros((len(times), pools, len(times), pools))
        for i, law in enumerate(laws):
            vectors, now = law[:, None] * counts, times[i]
            for j in range(i, len(times)):
                if times[j] > now:
                    vectors = expm_multiply(self.generator * (times[j] - now), vectors)
                    now = times[j]
                block = (counts.T @ vectors).T - np.outer(means[i], means[j])
                out[i, :, j, :] = block
                out[j, :, i, :] = block.T
        return out.reshape(len(times) * pools, len(times) * pools)

    def central(self, times, power):
        """Central moments, (n_times, n_pools)."""
        laws = self.laws(times)
        means = laws @ self.counts
        return np.array(
            [law @ (self.counts - m) ** power for law, m in zip(laws, means, strict=True)]
        )

    def deviating(self, times):
        """Probability not to have a pool's commonest count, (n_times, n_pools)."""
        laws = self.laws(times)
        out = np.empty((len(times), self.counts.shape[1]))
        for p, column in enumerate(self.counts.T.astype(int)):
            for k, law in enumerate(laws):
                out[k, p] = 1 - np.bincount(column, law).max()
        return out
