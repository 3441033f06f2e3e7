"""Whether events occur at constant rates: needed where they are compared with a steady state."""

from collections.abc import Mapping

import numpy as np

from ...store.ensemble import Ensemble
from ...utils.typing import BoolArray
from ..requirements import drift_between


def rate_drift(ensemble: Ensemble, events: Mapping[str, BoolArray], after: float) -> str | None:
    """Describe the most significant change of a rate between two halves of a run.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; at least 16 trajectories.
    events : mapping of str to ndarray of bool, shape (n_channels,)
        Which channels belong to each kind of events, by the name of the kind.
    after : float
        Earlier events are ignored, seconds.

    Returns
    -------
    str or None
        None when no mean rate changes by more than five standard errors, see `drift_between`.
    """
    middle = (after + ensemble.times[-1]) / 2
    counts = np.zeros((2, ensemble.ntraj, len(events)))
    for row, numbers, times, channels in ensemble.event_slabs():
        trajectory = row + np.repeat(np.arange(len(numbers)), numbers)
        for half, inside in enumerate(((times >= after) & (times < middle), times >= middle)):
            for k, chosen in enumerate(events.values()):
                kept = trajectory[inside & chosen[channels]]
                counts[half, :, k] += np.bincount(kept, minlength=ensemble.ntraj)
    rates = counts / (middle - after)
    return drift_between(rates[0], rates[1], [f"the rate of {name} per second" for name in events])
