"""Pearson's χ² test, in which neighbouring classes with small expected numbers are merged."""

import numpy as np


def chi_square_p_value(observed: np.ndarray, expected: np.ndarray, least: float) -> float | None:
    """Probability of a χ² at least as large as the observed one.

    Parameters
    ----------
    observed, expected : ndarray, shape (n_classes,)
        Numbers in ordered classes, with equal totals.
    least : float
        Neighbouring classes are merged until the expected number in each is at least this large;
        a remainder at the end is added to the last class.

    Returns
    -------
    float or None
        None when fewer than two classes remain.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> p = statistics.chi_square_p_value(np.array([60, 40]), np.array([50.0, 50.0]), least=5)
    >>> round(p, 4)  # χ² = 4
    0.0455
    """
    from scipy.stats import chi2  # here, because it takes long to load

    first, total = (
        [0],
        0.0,
    )  # index of the first member of each merged class; expected number of the last one
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
