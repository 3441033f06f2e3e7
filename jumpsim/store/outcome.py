"""Why a run ended, as data; the sentence about it is made from the data.

Files hold both. Those of earlier versions hold the sentence alone, from which `Outcome.from_text`
makes the data.
"""

import contextlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .shard import Shard


class Kind(StrEnum):
    """What ended a run, or made a file."""

    COMPLETE = "complete"  # all trajectories that were asked for are there
    TARGET_SEM = "target_sem"  # the standard errors are small enough
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"  # by a signal
    ERROR = "error"
    COMPACTED = "compacted"  # what a run has left was put into one file
    MERGED = "merged"  # several stores were put into one file
    OTHER = "other"  # known as a sentence alone


@dataclass(frozen=True)
class Outcome:
    """Why a run ended.

    Attributes
    ----------
    kind : Kind
    requested : int or None
        Number of trajectories (of a long run: blocks) that the whole run was to have.
    present : int or None
        Number of trajectories that are there; of a compacted run.
    already : bool
        Whether all was there before, so that nothing was simulated.
    shard : Shard or None
        The part of the whole run that this run was.
    sem : float or None
        Largest standard error; of a run that `target_sem` ended.
    stores : int or None
        Number of stores that were merged.
    unit : str
        What is counted.
    text : str or None
        The sentence that an earlier version wrote; it is repeated unchanged.
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
        """Whether something stopped the run before it had done what it was asked for."""
        return self.kind in (Kind.TIMEOUT, Kind.INTERRUPTED, Kind.ERROR)

    @property
    def has_all(self) -> bool:
        """Whether, as far as is known, no trajectory is missing that was asked for."""
        partial = self.present is not None and self.present < (self.requested or 0)
        return self.kind in (Kind.COMPLETE, Kind.COMPACTED, Kind.MERGED) and not partial

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        if self.kind is Kind.COMPLETE:
            return _complete(self)
        return _SENTENCES[self.kind].format(**vars(self))

    def asdict(self) -> dict[str, Any]:
        """Plain dict of what is known; `fromdict` is its inverse."""
        known = {n: v for n, v in vars(self).items() if v is not None and v is not False}
        return known | ({"shard": str(self.shard)} if self.shard else {})

    @classmethod
    def fromdict(cls, data: dict[str, Any]) -> "Outcome":
        """Rebuild from `asdict`.

        Raises
        ------
        ValueError, TypeError, KeyError
            When it is not what `asdict` gives.
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
        str(outcome)  # an error when something is missing
        return outcome

    @classmethod
    def from_text(cls, text: str) -> "Outcome":
        """Make the data from the sentence that an earlier version wrote."""
        for pattern, make in _EARLIER_SENTENCES:
            if found := re.fullmatch(pattern, text, re.ASCII):
                try:
                    return replace(make(*found.groups()), text=text)
                except ValueError:  # numbers that cannot be, such as shard 3 of 2
                    break
        return cls(Kind.OTHER, text=text)


def restored(data: dict[str, Any] | None, text: str) -> Outcome | None:
    """Outcome that a file holds as data, or in a file of an earlier version as a sentence."""
    if data:
        with contextlib.suppress(KeyError, ValueError, TypeError):  # of a later version
            return Outcome.fromdict(data)
    return Outcome.from_text(text) if text else None


def _complete(outcome):
    if outcome.shard:
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
