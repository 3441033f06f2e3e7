"""Temperature and entropy of each pool in local equilibrium, from counts or their averages."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import units
from ..errors import InputError
from ..model.base import BaseModel


def inverse_temperatures(model: BaseModel, counts: Any) -> NDArray[Any]:
    """dS/dN of each pool, its inverse temperature times the energy of its quantum (BM 76).

    Bosonic pools: ln((1+n)/n) with n = N/𝒩; TLS and fermionic pools: ln((M-m)/m). Infinite for an
    empty pool.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        Real, or complex for a derivative by a complex step.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B per quantum, ε/k_B T; NaN for mass-action pools, which have no temperature.
    """
    counts = _array(model, counts)
    out = np.full(counts.shape, np.nan, counts.dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        for p, pool in enumerate(model.pool_specs):
            count = counts[..., p]
            if pool.kind == "bosonic":
                out[..., p] = np.where(count == 0, np.inf, np.log1p(pool.size / count))
            elif pool.kind != "mass_action":
                out[..., p] = np.where(count == 0, np.inf, np.log((pool.size - count) / count))
    return out


def temperatures(model: BaseModel, counts: Any, sem: Any = None, si: bool = False) -> Any:
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
    si : bool
        In kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        Temperatures in ħΩ/k_B; NaN for mass-action pools, negative above half filling of a TLS
        pool. With `sem` a pair: the temperatures and their standard errors, by |dT/dN|.
    """
    counts = _array(model, counts)
    factor = temperature_unit(model, si)[0]
    energies = np.array([pool.energy for pool in model.pool_specs])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = inverse_temperatures(model, counts)
        temperature = factor * energies / x
        if sem is None:
            return temperature
        slope = np.full(counts.shape, np.nan)
        for p, pool in enumerate(model.pool_specs):
            if pool.kind != "mass_action":
                n = counts[..., p] / pool.size
                hole = 1 + n if pool.kind == "bosonic" else 1 - n
                # dT/dn = ε/x² · 1/(n (1 ± n))
                slope[..., p] = np.where(n > 0, pool.energy / (x[..., p] ** 2 * n * hole), 0.0)
                slope[..., p] /= pool.size
    return temperature, factor * np.abs(slope) * np.asarray(sem, float)


def entropies(model: BaseModel, counts: Any, si: bool = False) -> NDArray[Any]:
    """Entropy of each pool in local equilibrium (BM 14, 95, 96).

    Bosonic pools: 𝒩 [(1+n) ln(1+n) - n ln n]; TLS and fermionic pools:
    -M [p ln p + (1-p) ln(1-p)] with p = m/M.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        Mean counts.
    si : bool
        In joule per kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B; NaN for mass-action pools.
    """
    from scipy.special import xlogy  # here, because it takes long to load

    counts = _array(model, counts)
    out = np.full(counts.shape, np.nan, counts.dtype)
    for p, pool in enumerate(model.pool_specs):
        if pool.kind != "mass_action":
            size: Any = pool.size  # None for mass action alone
            n = counts[..., p] / size
            if pool.kind == "bosonic":
                out[..., p] = size * ((1 + n) * np.log1p(n) - xlogy(n, n))
            else:
                out[..., p] = -size * (xlogy(n, n) + xlogy(1 - n, 1 - n))
    return out * entropy_unit(model, si)[0]


def temperature_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """What ħΩ/k_B is worth and its name.

    Parameters
    ----------
    model : Model
    si : bool, optional
        True: kelvin; False: 1; None: kelvin when the model has a wavelength.
    """
    if not _wants_si(model, si):
        return 1.0, "ħΩ/k_B"
    return units.kelvin_per_quantum(model.wavelength), "K"


def energy_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """What ħΩ is worth and its name; `si` as in `temperature_unit`."""
    if not _wants_si(model, si):
        return 1.0, "ħΩ"
    return units.PLANCK * units.LIGHT / model.wavelength, "J"


def entropy_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """What k_B is worth and its name; `si` as in `temperature_unit`."""
    return (units.BOLTZMANN, "J/K") if _wants_si(model, si) else (1.0, "k_B")


def _wants_si(model: Any, si: bool | None) -> bool:
    if si and model.wavelength is None:
        raise InputError(
            f"joule and kelvin need the wavelength of one quantum: give {model.name} `wavelength`"
        )
    return model.wavelength is not None if si is None else bool(si)


def _array(model: Any, counts: Any) -> Any:
    """Counts as float or complex, with one entry for each pool."""
    counts = np.asarray(counts)
    if counts.dtype.kind not in "iufc" or counts.ndim == 0 or counts.shape[-1] != len(model.pools):
        raise InputError(
            f"`counts` must be an array with {len(model.pools)} entries "
            f"({', '.join(model.pools)}) along its last axis"
        )
    return counts if counts.dtype.kind == "c" else counts.astype(float)
