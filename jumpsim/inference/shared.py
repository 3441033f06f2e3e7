"""What several questions to an ensemble share."""

from ..errors import InputError


def need(ensemble, record, what):
    """Refuse an ensemble that does not hold what a question needs, and say how to add it.

    Parameters
    ----------
    ensemble : Ensemble
    record : str
        "counts", "jumps" or "events".
    what : str
        The beginning of the message, such as "typicality needs the counts".
    """
    if record not in ensemble.record:
        raise InputError(
            f"{what}, but this run kept {', '.join(ensemble.record)}; run it again with record "
            f'"{record}" to add them'
        )


def if_small(solve, *arguments, max_states, **more):
    """Return what a theory says about a small system; None for a large one, or max_states = 0."""
    if not max_states:
        return None
    try:
        return solve(*arguments, max_states=max_states, **more)
    except InputError:
        return None
