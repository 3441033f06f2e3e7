"""Limit of the estimated computing time of an exact solution."""

from ..errors import InputError

MOST_SECONDS = 600.0  # default limit of the functions of this folder


def check_cost(seconds: float, max_seconds: float, what: str) -> None:
    """Refuse a calculation whose estimated computing time is too long.

    Parameters
    ----------
    seconds : float
        Estimated computing time on one core of a usual processor.
    max_seconds : float
        Limit.
    what : str
        The calculation, the beginning of the message.

    Raises
    ------
    InputError
        When the estimate is longer than the limit.
    """
    if not seconds <= max_seconds:
        raise InputError(
            f"{what} would take about {_readable(seconds)}, more than the limit of "
            f"{_readable(max_seconds)}; make the system smaller or increase `max_seconds`"
        )


def _readable(seconds: float) -> str:
    for size, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 1e6 * size else f"{seconds:.1e} s"
    return f"{seconds:.2g} s"
