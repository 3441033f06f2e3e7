"""Pearson's χ² test, with neighbouring classes merged where small numbers are expected."""

import numpy as np


def chi_square_p_value(observed: np.ndarray, expected: np.ndarray, least: float) -> float | None:
    """Probability of a χ² at least as large as the observed one.

    Parameters
    ----------
    observed, expected : ndarray, shape (n_classes,)
        Numbers in ordered classes; their totals agree.
    least : float
        Neighbouring classes are merged until at least this number is expected in each; what is
        left at the end joins the last class.

    Returns
    -------
    float or None
        None when fewer than two classes are left.
    """
    from scipy.stats import chi2  # here, because it takes long to load

    first, total = [0], 0.0  # the first member of each merged class, and what its last one expects
    for k, number in enumerate(expected):
        if total >= least:
            first.append(k)
            total = 0.0
        total += number
    if total < least and len(first) > 1:
        first.pop()
    if len(first) < 2:
        return None
    o, e = (np.add.reduceat(np.asarray(numbers, float), first) for numbers in (observed, expected))
    return float(chi2.sf(((o - e) ** 2 / e).sum(), len(first) - 1))
