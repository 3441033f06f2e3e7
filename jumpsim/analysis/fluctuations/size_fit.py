"""Fit of typical deviations against the size of the system."""

import numpy as np

from ...utils.typing import Array


def terms_of_size(factors: Array, correction: bool) -> Array:
    """Terms of the fit of ln(deviation): 1, ln(factor), and 1/factor - 1 for small systems.

    The bias of the rate equations, the skewness and the excess of the counts change the deviations
    by relative corrections of the order of 1/size: only their squares contribute, because a
    deviation has no sign.
    """
    terms = [np.ones_like(factors), np.log(factors)]
    return np.stack([*terms, 1 / factors - 1] if correction else terms, axis=-1)


def weighted_fit(terms: Array, y: Array, error: Array) -> tuple[Array, Array, Array]:
    """Weighted least squares for each column of y: coefficients, their errors, χ²."""
    number = terms.shape[1]
    fit, errors = np.full((2, number, y.shape[1]), np.nan)
    chi = np.full(y.shape[1], np.nan)
    for p in range(y.shape[1]):
        if not np.isfinite(y[:, p]).all() or not (error[:, p] > 0).all():
            continue
        weighted = terms / error[:, p, None]
        fit[:, p] = np.linalg.lstsq(weighted, y[:, p] / error[:, p])[0]
        errors[:, p] = np.linalg.norm(np.linalg.pinv(weighted), axis=1)
        chi[p] = (((y[:, p] - terms @ fit[:, p]) / error[:, p]) ** 2).sum()
    return fit, errors, chi
