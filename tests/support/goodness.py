"""χ² tests of whole numbers against their distribution."""

import math

import numpy as np
from scipy import stats


def chi_square(observed, expected):
    """p-value of counts against expected counts; neighbours are joined until 8 are expected."""
    joined = [[0.0, 0.0]]
    for o, e in zip(observed, expected, strict=True):
        if joined[-1][1] >= 8:
            joined.append([0.0, 0.0])
        joined[-1][0] += o
        joined[-1][1] += e
    if joined[-1][1] < 8 and len(joined) > 1:
        o, e = joined.pop()
        joined[-1][0] += o
        joined[-1][1] += e
    o, e = np.array(joined).T
    assert len(e) > 2
    assert math.isclose(o.sum(), e.sum(), rel_tol=1e-9)
    return stats.chi2.sf(((o - e) ** 2 / e).sum(), len(e) - 1)


def fits(samples, law):
    """p-value of whole-number samples against law[0], law[1], ... (the rest lies beyond)."""
    observed = np.bincount(samples, minlength=len(law))
    assert len(observed) == len(law)
    return chi_square(observed, len(samples) * law)
