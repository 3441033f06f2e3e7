"""Groups of two-level systems that differ in their couplings."""

from ..errors import InputError, whole_number
from ..model.declaration import Pool


def tls_groups(tls, **rates):
    """Split a system's two-level systems into groups of equal ones.

    Parameters
    ----------
    tls : int or list of int
        Number of two-level systems M, or of each group.
    **rates : list
        Already parsed rates by name, one entry for each group.

    Returns
    -------
    list of (Pool, tuple)
        The pool of each group, "m" alone or "m1", "m2", ..., and its rates in the order given.
    """
    several = isinstance(tls, list | tuple)
    sizes = list(tls) if several else [tls]
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


def by(pool):
    """What a channel's name says of its group: nothing when there is only one."""
    return "" if pool.name == "m" else f" by {pool.name}"
