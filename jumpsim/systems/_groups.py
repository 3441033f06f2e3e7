"""Groups of two-level systems with different couplings."""

from collections.abc import Sequence
from typing import Any

from ..errors import InputError, whole_number
from ..model.declaration import Pool


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
