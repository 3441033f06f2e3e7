"""numba's `njit` with a cache on disk that cannot stop a run, and loading without compiling."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numba
from numba import config
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock


class _Cache(FunctionCache):
    """Cache of the machine code of a function; without a usable file the function is compiled."""

    def load_overload(self, *arguments: Any) -> Any:
        """Machine code of a signature; None when it is not there or its file is damaged."""
        _import_array_functions()
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


@functools.cache
def _import_array_functions() -> None:
    """Import what numba needs for arrays, but not scipy.linalg, which takes 0.3 s.

    numba imports scipy.linalg only to see whether it is there (jumpsim requires it), and again
    where a function calls it.
    """
    with contextlib.suppress(ImportError, AttributeError):  # another version of numba
        from numba.np import linalg

        real, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            from numba.np import arraymath
        finally:
            linalg.ensure_blas = real
        arraymath.ensure_blas = real


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


def load(function: Any, signature: tuple[Any, ...]) -> bool:
    """Load the machine code of a function from its cache; nothing is compiled.

    numba's own index of the cache decides whether the code is that of this source text, of this
    version of numba and Python and of this processor.

    Parameters
    ----------
    function : numba dispatcher
        A function that is declared by `njit`.
    signature : tuple of numba types
        Types of its arguments.

    Returns
    -------
    bool
        Whether the function can now be called with such arguments without being compiled.

    Examples
    --------
    >>> import numba
    >>> @njit()  # without a cache
    ... def triple(x):
    ...     return 3 * x
    >>> load(triple, (numba.int64,))
    False
    """
    if config.DISABLE_JIT:  # for debugging: functions stay those of Python
        return False
    with global_compiler_lock:
        if signature in function.overloads:
            return True
        found = function._cache.load_overload(signature, function.targetctx)
        if found is None:
            return False
        # As in numba's `Dispatcher.compile`, which compiles when nothing is found.
        function.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        function.add_overload(found)
        return True
