"""How the command line comes by workers elsewhere: a Dask cluster, or the ranks of an MPI job."""

import contextlib
import json
import logging
import signal
import threading
import warnings
from pathlib import Path

from ..errors import InputError

_CONNECT_SECONDS = 10  # also to come back after the connection was lost


@contextlib.contextmanager
def dask_executor(address):
    """Executor on a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as "tcp://10.0.0.1:8786"; or the name of the JSON file that
        `dask scheduler --scheduler-file` writes.

    Raises
    ------
    InputError
        When no scheduler answers there, or when the package is missing.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "`--scheduler` needs the package 'distributed': pip install 'jumpsim[dask]'"
        ) from None
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":  # what matters is told in one line
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
        with contextlib.suppress(OSError, RuntimeError):  # of a scheduler that is gone
            client.close(timeout=1)


def _in_time(connect):
    """What `connect` gives, or why it could not: Dask waits for ever where nothing is said."""
    found = ["something there accepts connections, but says nothing"]

    def act():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions: each worker's are compared with ours
                found.append(connect())
        except Exception as error:
            found.append((str(error).splitlines() or [type(error).__name__])[0])

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(1.5 * _CONNECT_SECONDS)
    return found[-1]


def _scheduler_address(address):
    """Address that a scheduler file gives, or the address itself."""
    if not address.endswith(".json"):
        return address
    try:
        return str(json.loads(Path(address).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "not one that a Dask scheduler wrote"
        raise InputError(f"`--scheduler`: {address}: cannot be read ({reason})") from None


@contextlib.contextmanager
def mpi_executor():
    """Executor on the ranks of the MPI job that this process is part of.

    Yields
    ------
    mpi4py.futures.MPIPoolExecutor or None
        On rank 0. Other ranks work in here until that has ended, and are given None after it.

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
                "`--mpi` needs at least two ranks, of which one hands out the work: start it as "
                "mpiexec -n 4 jumpsim run ... --mpi"
            )
        if world.rank:
            for number in (signal.SIGINT, signal.SIGTERM):  # rank 0 says when it is over
                signal.signal(number, signal.SIG_IGN)
        with MPICommExecutor(world, root=0) as executor:
            yield executor
    finally:
        MPI.Finalize()  # the command may end without Python's own tidying up
