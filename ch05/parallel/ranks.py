"""How the processes (ranks) of an MPI job start and end together."""

import io
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout

from common.threads import SET_BY_USER, limit


def world():
    """The communicator of all ranks. ImportError, with the way to install it, without mpi4py."""
    try:
        from mpi4py import MPI
    except ImportError:
        raise ImportError(
            'expected mpi4py, got none; install it by: python -m pip install -e ".[mpi]"'
        ) from None
    if MPI.COMM_WORLD.size > 1:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends all ranks at once
    return MPI.COMM_WORLD


def together(parse, argv, comm):
    """parse(argv) on every rank; if one refuses its options, rank 0 says why, and all end.

    Then the ranks on one machine share its cores among their threads.
    """
    from mpi4py import MPI

    args, status, said, printed = None, None, io.StringIO(), io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(printed):
            args = parse(argv)
    except SystemExit as stop:  # a refusal, or --help
        status = stop.code
    answers = comm.allgather((said.getvalue(), status))
    if comm.rank == 0:
        sys.stderr.write("".join(dict.fromkeys(text for text, _ in answers)))
        sys.stdout.write(printed.getvalue())
    stops = [status for _, status in answers if status is not None]
    if stops:
        sys.exit(max(stops))
    ranks_here = comm.Split_type(MPI.COMM_TYPE_SHARED)
    if comm.size > 1 and not any(map(os.environ.get, SET_BY_USER)):
        limit(max(1, _cores(ranks_here) // ranks_here.size))
    return args


def _cores(comm):
    """How many cores these ranks may use together."""
    if not hasattr(os, "sched_getaffinity"):  # only Linux tells which
        return os.cpu_count()
    return len(set().union(*comm.allgather(os.sched_getaffinity(0))))


def end(status):
    """Where this is a rank of several and it failed, let its exit end the others too."""
    if "mpi4py.MPI" in sys.modules and status and world().size > 1:
        from mpi4py.run import set_abort_status

        set_abort_status(status)
