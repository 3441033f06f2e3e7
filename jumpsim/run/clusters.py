"""Executors of the command line on other machines: a Dask cluster, or the ranks of an MPI job."""

import contextlib
import json
import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from ..errors import InputError

_CONNECT_SECONDS: float = 10  # also to reconnect after the connection was lost


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Executor on a Dask cluster.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as "tcp://10.0.0.1:8786"; or the name of the JSON file that
        `dask scheduler --scheduler-file` writes.

    Yields
    ------
    concurrent.futures.Executor

    Raises
    ------
    InputError
        When no scheduler answers at this address, or when the package is missing.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "`--scheduler` needs the package 'distributed': pip install 'jumpsim[dask]'"
        ) from None
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # jumpsim prints its own messages
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    address = _scheduler_address(address)
    client = _in_time(lambda: Client(address, timeout=_CONNECT_SECONDS, set_as_default=False))
    if not isinstance(client, Client):
        raise InputError(
            f"`--scheduler`: no Dask scheduler answers at {address!r} ({client}); "
            "give its address such as tcp://10.0.0.1:8786, or its scheduler file"
        )
    try:
        yield client.get_executor()
    finally:
        with contextlib.suppress(OSError, RuntimeError):  # of a scheduler that has ended
            client.close(timeout=1)


def _in_time(connect: Callable[[], Any]) -> Any:
    """Result of `connect`, or the reason of its failure as a string.

    A time limit is needed because Dask waits for an unlimited time if a server at the address
    accepts the connection but sends nothing.
    """
    found: list[Any] = ["a server accepts connections there, but does not answer"]

    def act() -> None:
        try:
            with warnings.catch_warnings():
                # Versions are compared by each worker, see `worker_process`.
                warnings.simplefilter("ignore")
                found.append(connect())
        except Exception as error:
            found.append((str(error).splitlines() or [type(error).__name__])[0])

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(1.5 * _CONNECT_SECONDS)
    return found[-1]


def _scheduler_address(address: str) -> str:
    """Address in a scheduler file, or the address itself."""
    if not address.endswith(".json"):
        return address
    try:
        return str(json.loads(Path(address).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "not the file of a Dask scheduler"
        raise InputError(f"`--scheduler`: {address}: cannot be read ({reason})") from None


@contextlib.contextmanager
def mpi_executor() -> Iterator[Executor | None]:
    """Executor on the ranks of the MPI job of this process.

    Yields
    ------
    mpi4py.futures.MPIPoolExecutor or None
        The executor on rank 0. The other ranks run tasks until rank 0 ends, and then get None.

    Raises
    ------
    InputError
        When the package is missing, or when this is the only rank.
    """
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPICommExecutor
    except ImportError as error:
        raise InputError(
            f"`--mpi` needs the package 'mpi4py' and an MPI library ({error}): "
            "pip install 'jumpsim[mpi]'"
        ) from None
    world = MPI.COMM_WORLD
    try:
        if world.size == 1:
            raise InputError(
                "`--mpi` needs at least two ranks, because one of them only distributes the "
                "blocks: start it as mpiexec -n 4 jumpsim run ... --mpi"
            )
        if world.rank:
            for number in (signal.SIGINT, signal.SIGTERM):  # rank 0 handles them for all ranks
                signal.signal(number, signal.SIG_IGN)
        with MPICommExecutor(world, root=0) as executor:
            yield executor
    finally:
        MPI.Finalize()  # the command can end without the exit handlers of Python
