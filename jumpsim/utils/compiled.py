"""numba's `njit` with a cache on disk that cannot stop a run."""

import contextlib
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache


class _Cache(FunctionCache):
    """Cache of the machine code of a function; without a usable file the function is compiled."""

    def load_overload(self, *arguments: Any) -> Any:
        """Machine code of a signature; None when it is not there or its file is damaged."""
        try:
            return super().load_overload(*arguments)
        except Exception:  # unpickling damaged bytes can raise any of them
            with contextlib.suppress(OSError):
                self.flush()  # so that the function is kept again
            return None

    def save_overload(self, *arguments: Any) -> None:
        """Keep machine code, unless the disk is full or the folder can no longer be written to."""
        with contextlib.suppress(OSError):
            super().save_overload(*arguments)


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator like `numba.njit`, which compiles in memory where no file can be kept.

    numba itself raises an error when a function with ``cache=True`` is declared and no folder can
    be written to (package and home without write permission), and when a cached file is damaged.

    Parameters
    ----------
    cache : bool
        Whether machine code is kept on disk for the next process.
    **options
        As for `numba.njit`.

    Returns
    -------
    callable
        Decorator of the function.

    Examples
    --------
    >>> @njit(cache=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache:
            with contextlib.suppress(RuntimeError, OSError):  # no folder can be written to
                dispatcher._cache = _Cache(function)
        return dispatcher

    return compiled
