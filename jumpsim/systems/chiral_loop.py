"""Recognise a loop of two reservoirs, and its asymmetry, in the channels of any model.

Only what the channels take, give and pass through counts, not how they are called. So a model that
was read from a file, or declared by the user, is recognised like the closed waveguide.
"""

from typing import NamedTuple

from ..errors import InputError
from ..model.declaration import Channel
from ..model.model import Model


class ChiralLoop(NamedTuple):
    """Two reservoirs that two-level systems absorb from by way of other modes.

    Attributes
    ----------
    source, sink : str
        Pools of the reservoirs, in the order of their declaration (A and B of a closed waveguide).
    asymmetry : float
        Constant of absorption from the sink over that from the source, added up over all channels
        and two-level systems: γ̃_2/γ̃_1 of a closed waveguide without the long path. It is 1 for a
        reciprocal loop, and 0 for a fully chiral one.
    """

    source: str
    sink: str
    asymmetry: float


def chiral_loop(model: Model) -> ChiralLoop:
    """Find the reservoirs and the asymmetry of a closed loop.

    Parameters
    ----------
    model : Model

    Returns
    -------
    ChiralLoop

    Raises
    ------
    InputError
        When the model is not closed, has not exactly two such reservoirs, or when nothing is
        absorbed from the first one.
    """
    rates = dict.fromkeys(model.pools, 0.0)
    absorptions = [c for c in model.channel_specs if _absorbs_by_way_of_a_mode(model, c)]
    for channel in absorptions:
        (reservoir,) = channel.takes
        rates[reservoir] += float(channel.constants.mean())
    found = {name for channel in absorptions for name in channel.takes}
    reservoirs = [name for name in model.pools if name in found]
    open_to = [c.name for c in model.channel_specs if c.bath is not None]
    if open_to:
        reason = f"'{open_to[0]}' exchanges quanta with a bath"
    elif len(reservoirs) != 2:
        number = f"from {', '.join(reservoirs)} alone" if reservoirs else "from no reservoir"
        reason = f"two-level systems absorb {number} by way of another mode"
    elif not rates[reservoirs[0]] > 0:
        reason = f"the rates of absorption from {reservoirs[0]} are 0"
    else:
        source, sink = reservoirs
        return ChiralLoop(source, sink, rates[sink] / rates[source])
    raise InputError(
        "sorting is defined between two reservoirs of a closed system, such as the closed "
        f"waveguide with γ̃_1 > 0, but in {model.name} {reason}"
    )


def _absorbs_by_way_of_a_mode(model: Model, channel: Channel) -> bool:
    """Whether one quantum of a bosonic pool excites a two-level system by way of a mode."""
    if not channel.through or [*channel.takes.values(), *channel.gives.values()] != [1, 1]:
        return False
    if len(channel.takes) != 1:
        return False
    (source,), (target,) = channel.takes, channel.gives
    return model.pool(source).kind == "bosonic" and model.pool(target).kind == "tls"
