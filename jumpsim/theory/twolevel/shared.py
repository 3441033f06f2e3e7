"""What the classical and the quantised treatment of the two-level system share."""

import numpy as np

from ...errors import InputError

ENERGIES = ("effective", "bare")


def check_rates(**rates):
    """Refuse rates that are not numbers ≥ 0; returns them as arrays or floats."""
    found = []
    for name, value in rates.items():
        value = _real(value, name)
        if (value < 0).any():
            raise InputError(f"`{name}` must be ≥ 0, but is {_told(value)}")
        found.append(value[()])
    return found


def real(**values):
    """Refuse what is not a finite real number or an array of them."""
    return [_real(value, name)[()] for name, value in values.items()]


def fillings(given, levels, energies):
    """Fillings of the reservoirs: those given, or those of temperatures and potentials.

    Parameters
    ----------
    given : dict
        By reservoir (f, T, mu): the filling or None, temperature or None, potential or None.
    levels : dict
        By reservoir (effective energy, bare energy, sign): sign +1 for electrons, -1 for photons.
    energies : str
        "effective" or "bare".

    Returns
    -------
    dict of str to float or ndarray
    """
    if energies not in ENERGIES:
        raise InputError(f'`energies` must be "effective" or "bare", but is {energies!r}')
    found = {}
    for name, (filling, temperature, potential) in given.items():
        effective, bare, sign = levels[name]
        key = f"f_{name}" if sign > 0 else f"n_{name}"
        if (filling is None) == (temperature is None):
            raise InputError(
                f"give either `{key}` or `T_{name}`" + (f" with `mu_{name}`" if sign > 0 else "")
            )
        if filling is not None:
            found[name] = _filling(filling, key, sign)
            continue
        if sign > 0 and potential is None:
            raise InputError(f"`T_{name}` needs `mu_{name}` as well")
        temperature = _real(temperature, f"T_{name}")
        if (temperature <= 0).any():
            raise InputError(f"`T_{name}` must be > 0, but is {_told(temperature)}")
        energy = effective if energies == "effective" else bare
        y = (energy - (potential if sign > 0 else 0.0)) / temperature[()]
        if sign < 0 and np.any(np.asarray(y) <= 0):
            raise InputError(
                f"the {energies} photon energy must be > 0 for a thermal filling, but is "
                f"{_told(np.asarray(energy))}"
            )
        with np.errstate(over="ignore"):
            found[name] = 1 / (np.exp(y) + 1) if sign > 0 else 1 / np.expm1(y)
    return found


def _filling(value, name, sign):
    value = _real(value, name)
    if (value < 0).any() or (sign > 0 and (value > 1).any()):
        limits = "from 0 to 1" if sign > 0 else "≥ 0"
        raise InputError(f"`{name}` must be {limits}, but is {_told(value)}")
    return value[()]


def _real(value, name):
    try:
        value = np.asarray(value, float)
    except (TypeError, ValueError):
        value = np.array(np.nan)
    if not np.isfinite(value).all():
        raise InputError(f"`{name}` must be a finite real number")
    return value


def _told(value):
    return f"{float(value):g}" if np.ndim(value) == 0 else "an array with others"
