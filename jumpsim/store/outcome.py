"""The reason why a run ended, as data, from which the printed sentence is made.

Files contain both. Files of earlier versions contain only the sentence; `Outcome.from_text`
reconstructs the data from it.
"""

import contextlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .shard import Shard


class Kind(StrEnum):
    """Reason why a run ended, or operation that wrote a file."""

    COMPLETE = "complete"  # all requested trajectories are stored
    TARGET_SEM = "target_sem"  # the standard errors are small enough
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"  # by a signal
    ERROR = "error"
    COMPACTED = "compacted"  # the blocks and shards of a run were joined in one file
    MERGED = "merged"  # several stores were merged in one file
    OTHER = "other"  # known only as a sentence


@dataclass(frozen=True)
class Outcome:
    """The reason why a run ended.

    Attributes
    ----------
    kind : Kind
    requested : int or None
        Requested number of trajectories (for a long run: of blocks) of the whole run.
    present : int or None
        Number of stored trajectories, for a compacted run.
    already : bool
        Whether everything was stored before, so that nothing was simulated.
    shard : Shard or None
        The part of the whole run that was simulated; None for the whole run.
    sem : float or None
        Largest standard error, for a run that `target_sem` ended.
    stores : int or None
        Number of merged stores.
    unit : str
        Name of the counted items: "trajectories" or "blocks".
    text : str or None
        The sentence of an earlier version, which is printed unchanged.

    Examples
    --------
    >>> print(Outcome(Kind.COMPLETE, requested=100))
    all 100 trajectories are there
    """

    kind: Kind
    requested: int | None = None
    present: int | None = None
    already: bool = False
    shard: Shard | None = None
    sem: float | None = None
    stores: int | None = None
    unit: str = "trajectories"
    text: str | None = None

    @property
    def stopped_early(self) -> bool:
        """Whether the run ended before it was complete."""
        return self.kind in (Kind.TIMEOUT, Kind.INTERRUPTED, Kind.ERROR)

    @property
    def has_all(self) -> bool:
        """Whether all requested trajectories are stored, as far as this is known."""
        partial = self.present is not None and self.present < (self.requested or 0)
        return self.kind in (Kind.COMPLETE, Kind.COMPACTED, Kind.MERGED) and not partial

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        if self.kind is Kind.COMPLETE:
            return _complete(self)
        return _SENTENCES[self.kind].format(**vars(self))

    def asdict(self) -> dict[str, Any]:
        """Dict of all known values; `fromdict` is its inverse."""
        known = {n: v for n, v in vars(self).items() if v is not None and v is not False}
        return known | ({"shard": str(self.shard)} if self.shard else {})

    @classmethod
    def fromdict(cls, data: dict[str, Any]) -> "Outcome":
        """Create an outcome from the dict that `asdict` returned.

        Raises
        ------
        ValueError, TypeError, KeyError
            When the dict was not made by `asdict`.
        """
        data = dict(data)
        for name in ("requested", "present", "stores"):
            if type(data.get(name, 0)) is not int:
                raise TypeError(f"'{name}' must be a whole number")
        for name, make in (("kind", Kind), ("already", bool), ("shard", Shard.parse),
                           ("sem", float), ("unit", str), ("text", str)):  # fmt: skip
            if name in data:
                data[name] = make(data[name])
        outcome = cls(**data)
        str(outcome)  # raises an error when a value is missing
        return outcome

    @classmethod
    def from_text(cls, text: str) -> "Outcome":
        """Reconstruct the data from the sentence that an earlier version wrote."""
        for pattern, make in _EARLIER_SENTENCES:
            if found := re.fullmatch(pattern, text, re.ASCII):
                try:
                    return replace(make(*found.groups()), text=text)
                except ValueError:  # impossible numbers, such as shard 3 of 2
                    break
        return cls(Kind.OTHER, text=text)


def restored(data: dict[str, Any] | None, text: str) -> Outcome | None:
    """Outcome from the data in a file or, if there are none, from the sentence.

    Parameters
    ----------
    data : dict or None
        As `Outcome.asdict` returned it; None in files of earlier versions.
    text : str
        The sentence; "" for a run in progress.

    Returns
    -------
    Outcome or None
        None for a run in progress.
    """
    if data:
        with contextlib.suppress(KeyError, ValueError, TypeError):  # data of a later version
            return Outcome.fromdict(data)
    return Outcome.from_text(text) if text else None


def _complete(outcome: Outcome) -> str:
    if outcome.shard:
        if outcome.requested is None:
            raise TypeError("'requested' is missing")
        first, last = outcome.shard.span(outcome.requested)
        span = f"{first} ... {last - 1}" if first < last else "none"
        shard = f"shard {outcome.shard.number} of {outcome.shard.of}"
        sentence = f"{shard}: {outcome.unit} {span} of {outcome.requested} are there"
        return f"nothing to do: {sentence}" if outcome.already else sentence
    all_of_them = f"all {outcome.requested} {outcome.unit}"
    if outcome.already:
        return f"nothing to do: {all_of_them} were there already"
    return f"{all_of_them} are there"


_SENTENCES = {
    Kind.TARGET_SEM: (
        "target_sem reached with {requested} {unit}: largest standard error {sem:.3g}"
    ),
    Kind.TIMEOUT: "timeout",
    Kind.INTERRUPTED: "interrupted",
    Kind.ERROR: "an error",
    Kind.COMPACTED: "{present} of {requested} {unit} are there",
    Kind.MERGED: "merged from {stores} stores",
}
_NUMBER, _UNIT = r"(\d{1,16})", "(trajectories|blocks)"
_EARLIER_SENTENCES = (
    (
        rf"all {_NUMBER} {_UNIT} are there",
        lambda n, unit: Outcome(Kind.COMPLETE, int(n), unit=unit),
    ),
    (
        rf"nothing to do: all {_NUMBER} {_UNIT} were there already",
        lambda n, unit: Outcome(Kind.COMPLETE, int(n), already=True, unit=unit),
    ),
    (
        rf"(nothing to do: )?shard (\d+) of (\d+): trajectories .* of {_NUMBER} are there",
        lambda nothing, k, of, n: Outcome(
            Kind.COMPLETE, int(n), already=bool(nothing), shard=Shard.parse(f"{k}/{of}")
        ),
    ),
    (
        rf"target_sem reached with {_NUMBER} trajectories: largest standard error (\S+)",
        lambda n, sem: Outcome(Kind.TARGET_SEM, int(n), sem=float(sem)),
    ),
    (
        rf"{_NUMBER} of {_NUMBER} trajectories are there",
        lambda there, n: Outcome(Kind.COMPACTED, int(n), present=int(there)),
    ),
    (rf"merged from {_NUMBER} stores", lambda n: Outcome(Kind.MERGED, stores=int(n))),
    ("timeout", lambda: Outcome(Kind.TIMEOUT)),
    ("interrupted", lambda: Outcome(Kind.INTERRUPTED)),
)
