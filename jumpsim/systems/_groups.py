"""Groups of two-level systems with different couplings, and individual ones."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..errors import InputError, whole_number
from ..model.declaration import Pool
from ..model.disorder import AnyRates, Rates, as_rates

RatePair = Sequence[AnyRates]  # for channels 1 and 2
RatePairs = RatePair | Sequence[RatePair]  # one pair, or one for each group of TLS
GroupRates = AnyRates | Sequence[AnyRates]  # of all TLS, of each group, or of each TLS


def group_rates(values: GroupRates, name: str, tls: int | Sequence[int]) -> list[float | Rates]:
    """Rate of each group of two-level systems.

    Parameters
    ----------
    values : float, str, mapping, or list of these
        A rate for all; or one for each group of the list `tls`; or, for a number `tls`, one for
        each two-level system, as a list or a distribution.
    name : str
        Name of the rates in an error message.
    tls : int or list of int
        Number of two-level systems, or the number in each group.

    Returns
    -------
    list of float or Rates
        One entry for each group.

    Examples
    --------
    >>> group_rates([1.0, 2.0], "gamma", [5, 5]), group_rates([1.0, 2.0], "gamma", 2)
    ([1.0, 2.0], [(1, 2,)])
    """
    whole = not is_list(values) or isinstance(values, Rates) or individual(values, tls)
    many = [values] if whole else list(values)  # type: ignore[arg-type]
    named = [name] if len(many) == 1 else [f"{name}[{k}]" for k in range(len(many))]
    return list(map(as_rates, cast("list[AnyRates]", many), named, sizes_of(tls, len(many))))


def individual(values: Any, tls: Any) -> bool:
    """Whether a list has an entry for each two-level system of a single group."""
    return tls is not None and not is_list(tls) and len(values) == tls != 1


def is_list(value: object) -> bool:
    """Whether an argument has several entries."""
    return isinstance(value, list | tuple) or type(value).__name__ == "ndarray"


def sizes_of(tls: int | Sequence[int] | None, groups: int) -> list[int | None]:
    """Number of two-level systems in each of the groups; None where it is not known."""
    sizes = list(tls) if is_list(tls) else [tls]  # type: ignore[arg-type]
    if len(sizes) != groups:  # an error of `tls_groups`
        return [None] * groups
    return [size if isinstance(size, int) and size > 0 else None for size in sizes]


def rate_pair(
    values: RatePair, name: str, tls: int | None = None
) -> tuple[float | Rates, float | Rates]:
    """Check a pair of rates for channels 1 and 2, per second; each can be one for each of `tls`."""
    if isinstance(values, str | Mapping) or not hasattr(values, "__len__") or len(values) != 2:
        raise InputError(
            f"`{name}` must be a pair of rates, for channels 1 and 2, but is {values!r}"
        )
    first, second = (as_rates(v, f"{name}[{r}]", tls) for r, v in enumerate(values))
    return first, second


def rate_pairs(
    values: RatePairs, name: str, tls: int | Sequence[int] | None = None
) -> list[tuple[float | Rates, float | Rates]]:
    """Check a pair of rates for each group of TLS, or, for a number `tls`, for each TLS.

    A single pair stands for a single group. Rates that are 0 for all TLS of a group are one number.
    """
    several = is_list(values) and len(values) and all(map(is_list, values))
    if not several or any(isinstance(v, Rates) for v in values):
        return [rate_pair(cast("RatePair", values), name, sizes_of(tls, 1)[0])]
    pairs = cast("Sequence[RatePair]", values)
    named = [f"{name}[{k}]" for k in range(len(pairs))]
    if not individual(pairs, tls):
        return list(map(rate_pair, pairs, named, sizes_of(tls, len(pairs))))
    columns = zip(*map(rate_pair, pairs, named), strict=True)
    first, second = (Rates(column) if any(column) else 0.0 for column in columns)
    return [(first, second)]


def tls_groups(
    tls: int | Sequence[int], **rates: Sequence[Any]
) -> list[tuple[Pool, tuple[Any, ...]]]:
    """Pools and rates of groups of identical two-level systems.

    Parameters
    ----------
    tls : int or list of int
        Number M of two-level systems, or the number in each group.
    **rates : sequence
        Checked rates by name, one entry for each group.

    Returns
    -------
    list of (Pool, tuple)
        For each group its pool, "m" or "m1", "m2", ..., and its rates in the given order.

    Raises
    ------
    InputError
        When the numbers of groups and of rates differ.

    Examples
    --------
    >>> for pool, rates in tls_groups([20, 10], gamma=[1.0, 2.0]):
    ...     print(pool.name, pool.size, rates)
    m1 20 (1.0,)
    m2 10 (2.0,)
    """
    several = isinstance(tls, list | tuple)
    sizes = list(tls) if isinstance(tls, list | tuple) else [tls]
    if not sizes:
        raise InputError("`tls` must give at least one group of two-level systems")
    for name, values in rates.items():
        if len(values) != len(sizes):
            raise InputError(
                f"`{name}` must give rates for each of the {len(sizes)} groups in `tls`, but "
                f"gives {len(values)}"
            )
    pools = [
        Pool.tls(
            f"m{k + 1}" if len(sizes) > 1 else "m",
            whole_number(size, f"tls[{k}]" if several else "tls", 1, 2**53),
        )
        for k, size in enumerate(sizes)
    ]
    return list(zip(pools, zip(*rates.values(), strict=True), strict=True))


def group_suffix(pool: Pool) -> str:
    """Suffix of channel names for the group of a pool; empty when there is only one group."""
    return "" if pool.name == "m" else f" by {pool.name}"
