"""Thermodynamics of the pools, from counts or their averages."""

import numpy as np

from . import units


def temperatures(model, counts, sem=None):
    """Local temperature of each pool (BM 7, 76).

    Bosonic pools: k_B T = ε / ln((1+n)/n) with n = N/𝒩; TLS and fermionic pools:
    k_B T = ε / ln((M-m)/m). An empty pool is at T = 0.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        Counts; for an ensemble the mean ones, because a single trajectory often holds N = 0.
    sem : array_like, shape (..., n_pools), optional
        Standard errors of the counts.

    Returns
    -------
    ndarray, shape (..., n_pools)
        Temperatures in ħΩ/k_B; NaN for mass-action pools, negative above half filling of a TLS
        pool. With `sem` a pair: the temperatures and their standard errors, by |dT/dN|.
    """
    counts = np.asarray(counts, float)
    temperature, slope = np.full(counts.shape, np.nan), np.full(counts.shape, np.nan)
    for p, pool in enumerate(model.pool_specs):
        if pool.kind == "mass_action":
            continue
        n = counts[..., p] / pool.size
        inverse = units.inverse_bose if pool.kind == "bosonic" else units.inverse_fermi
        hole = 1 + n if pool.kind == "bosonic" else 1 - n
        with np.errstate(divide="ignore", invalid="ignore"):
            x = inverse(n)
            temperature[..., p] = pool.energy / x
            # dT/dn = ε/x² · 1/(n (1 ± n))
            slope[..., p] = np.where(n > 0, pool.energy / (x**2 * n * hole * pool.size), 0.0)
    if sem is None:
        return temperature
    return temperature, np.abs(slope) * np.asarray(sem, float)


def temperature_unit(model):
    """What ħΩ/k_B is worth and its name: kelvin when the model has a wavelength."""
    if model.wavelength is None:
        return 1.0, "ħΩ/k_B"
    return units.kelvin_per_quantum(model.wavelength), "K"
