"""Temperature and entropy of each pool in local equilibrium, from counts or average counts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import units
from ..errors import InputError
from ..model.base import BaseModel


def inverse_temperatures(model: BaseModel, counts: Any) -> NDArray[Any]:
    """Inverse temperature of each pool times the energy ε of its quanta, dS/dN = ε/k_B T (BM 76).

    Bosonic pools: ln((1+n)/n) with n = N/𝒩; TLS and fermionic pools: ln((M-m)/m).

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        Real; or complex, for a derivative by a complex step.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B per quantum; infinite for an empty pool, NaN for mass-action pools, which have no
        temperature.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> print(js.thermo.inverse_temperatures(model, [10, 5]).round(4))  # ln 2 and ln 3
    [0.6931 1.0986]
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
    k_B T = ε / ln((M-m)/m). An empty pool has the temperature 0.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        Counts. For an ensemble these are the mean counts, because a single trajectory often has
        N = 0.
    sem : array_like, shape (..., n_pools), optional
        Standard errors of the counts.
    si : bool
        Whether the result is in kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        Temperatures in ħΩ/k_B; NaN for mass-action pools, negative when more than half of the
        two-level systems of a pool are excited. With `sem` a pair: the temperatures and their
        standard errors, from |dT/dN|.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> print(js.thermo.temperatures(model, [10, 5]).round(4))  # 1/ln 2 and 1/ln 3
    [1.4427 0.9102]
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
        Whether the result is in joule per kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B; NaN for mass-action pools.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> print(js.thermo.entropies(model, [10, 10]).round(4))  # 20 ln 2 for both pools
    [13.8629 13.8629]
    """
    from scipy.special import xlogy  # here, because it takes long to load

    counts = _array(model, counts)
    out = np.full(counts.shape, np.nan, counts.dtype)
    for p, pool in enumerate(model.pool_specs):
        if pool.kind != "mass_action":
            size: Any = pool.size  # it is None only for mass action
            n = counts[..., p] / size
            if pool.kind == "bosonic":
                out[..., p] = size * ((1 + n) * np.log1p(n) - xlogy(n, n))
            else:
                out[..., p] = -size * (xlogy(n, n) + xlogy(1 - n, 1 - n))
    return out * entropy_unit(model, si)[0]


def temperature_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """Value and name of the unit of temperature.

    Parameters
    ----------
    model : Model
    si : bool, optional
        Whether the unit is kelvin instead of ħΩ/k_B; by default kelvin when the model has a
        wavelength.

    Returns
    -------
    value : float
        ħΩ/k_B in this unit.
    name : str

    Raises
    ------
    InputError
        When `si` is True and the model has no wavelength.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz", wavelength="10 um")
    >>> value, name = js.thermo.temperature_unit(model)
    >>> round(value, 2), name
    (1438.78, 'K')
    """
    if not _wants_si(model, si):
        return 1.0, "ħΩ/k_B"
    return units.kelvin_per_quantum(model.wavelength), "K"


def energy_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """Value and name of the unit of energy.

    Parameters
    ----------
    model : Model
    si : bool, optional
        Whether the unit is joule instead of ħΩ; by default joule when the model has a wavelength.

    Returns
    -------
    value : float
        ħΩ in this unit.
    name : str

    Raises
    ------
    InputError
        When `si` is True and the model has no wavelength.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz", wavelength="10 um")
    >>> value, name = js.thermo.energy_unit(model)
    >>> f"{value:.5g} {name}"
    '1.9864e-20 J'
    """
    if not _wants_si(model, si):
        return 1.0, "ħΩ"
    return units.PLANCK * units.LIGHT / model.wavelength, "J"


def entropy_unit(model: Any, si: bool | None = None) -> tuple[float, str]:
    """Value and name of the unit of entropy.

    Parameters
    ----------
    model : Model
    si : bool, optional
        Whether the unit is J/K instead of k_B; by default J/K when the model has a wavelength.

    Returns
    -------
    value : float
        k_B in this unit.
    name : str

    Raises
    ------
    InputError
        When `si` is True and the model has no wavelength.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz", wavelength="10 um")
    >>> js.thermo.entropy_unit(model), js.thermo.entropy_unit(model, si=False)
    ((1.380649e-23, 'J/K'), (1.0, 'k_B'))
    """
    return (units.BOLTZMANN, "J/K") if _wants_si(model, si) else (1.0, "k_B")


def _wants_si(model: Any, si: bool | None) -> bool:
    if si and model.wavelength is None:
        raise InputError(
            f"joule and kelvin need the wavelength of one quantum: declare {model.name} with a "
            "`wavelength`"
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
