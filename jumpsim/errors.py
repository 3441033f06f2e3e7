"""Exceptions and warnings of the package, and checks of arguments that all modules share."""

import difflib
import numbers
import sys
from collections.abc import Iterable
from typing import Any

_LARGEST = sys.float_info.max


class InputError(ValueError):
    """An argument, a parameter file or a command is not valid.

    The message is one line: the argument, the values it may have, and the value it has.

    Examples
    --------
    >>> import jumpsim as js
    >>> js.units.time("-1 s")
    Traceback (most recent call last):
    jumpsim.errors.InputError: `time` must be a finite time ≥ 0, but is '-1 s'
    """


class StoreError(OSError):
    """A file is missing or damaged, was not written by jumpsim, or belongs to a different run."""


class DamagedError(StoreError):
    """The content of a file is not what was written to it, and reading it again does not help."""


class StoreWarning(UserWarning):
    """A file was repaired, or the user should check its state."""


class PhysicsWarning(UserWarning):
    """The parameters can be simulated, but are outside the range in which the model is valid."""


class TruncationWarning(PhysicsWarning):
    """The largest counts of an exact solution are too low: they exclude states that occur."""


class WorkersError(RuntimeError):
    """Worker processes were lost; the results that they returned are kept and can be resumed."""


class WorkersWarning(UserWarning):
    """Worker processes ended unexpectedly or could not be used as requested."""


class SimulationError(RuntimeError):
    """A trajectory could not be continued; the message names trajectory, time and channel."""


def choices(word: object, known: Iterable[str]) -> str:
    """Clause of an error message: the nearest known name, and all known names.

    Parameters
    ----------
    word : str
        The unknown name.
    known : iterable of str
        The valid names.

    Returns
    -------
    str
        Clause for the end of an error message.

    Examples
    --------
    >>> choices("emision", ["emission", "loss"])
    "did you mean 'emission'? Choose from: emission, loss"
    """
    known = list(known)
    if not known:
        return "there is none to choose from"
    near = difflib.get_close_matches(str(word), known, n=1)
    hint = f"did you mean '{near[0]}'? Choose" if near else "choose"
    return f"{hint} from: {', '.join(known)}"


def one_line(text: object, what: str) -> None:
    """Raise InputError unless `text` is one line of printable text."""
    if not isinstance(text, str) or not text.strip() or not text.isprintable() or len(text) > 200:
        raise InputError(f"{what} must be one line of readable text, but is {text!r}")


def one_word(name: Any, what: str) -> None:
    """Raise InputError unless `name` is one word."""
    one_line(name, what)
    if not all(c.isalnum() or c in "_'~-+*" for c in name):
        raise InputError(f"{what} must be one word of letters, digits or _'~-+*, but is {name!r}")


def finite_number(value: Any, name: str) -> float:
    """Return `value` as a finite float, or raise InputError."""
    if not (_is_real(value) and -_LARGEST <= value <= _LARGEST):
        raise InputError(f"`{name}` must be a finite number, but is {_short(value)}")
    return float(value)


def positive_number(value: Any, name: str) -> float:
    """Return `value` as a finite float > 0, or raise InputError."""
    if not (_is_real(value) and 0 < value <= _LARGEST):
        raise InputError(f"`{name}` must be a finite number > 0, but is {_short(value)}")
    return float(value)


def whole_number(value: Any, name: str, least: int = 0, below: int | None = None) -> int:
    """Return `value` as an int, or raise InputError.

    Parameters
    ----------
    value : object
        Anything; floats with an integer value (``100.0``) are accepted, booleans and other types
        are not.
    name : str
        Name of the argument in the message.
    least : int
        The smallest acceptable value.
    below : int, optional
        The smallest value that is too large.

    Returns
    -------
    int

    Raises
    ------
    InputError
    """
    bound = f"≥ {least}"
    if below is not None:
        power = below.bit_length() - 1
        bound += f" and < {below}" if below < 2**20 else f" and < 2^{power}"
    if (
        not _is_real(value)
        or value != value
        or value in (float("inf"), float("-inf"))
        or value != int(value)
        or value < least
        or (below is not None and value >= below)
    ):
        raise InputError(f"`{name}` must be a whole number {bound}, but is {_short(value)}")
    return int(value)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
