"""How many threads NumPy's matrix products run on."""

import contextlib
import os

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

# Multiplications in the largest product from which on two threads are worth it. Below, one thread
# takes less than a third longer where nothing else runs, and much less where something does.
LARGE = 15_000_000
SET_BY_USER = [f"{name}_NUM_THREADS" for name in ("OPENBLAS", "GOTO", "MKL", "BLIS", "OMP")]


def threads_for(params, batch_size):
    """In a with statement: one thread for products of small matrices, all for large ones.

    Threads that share a small product wait for each other longer than they work, above all beside
    other programs. A number that the user has set stays.
    """
    largest = max(map(np.size, params.values()), default=0)
    small = batch_size * largest < LARGE and not any(map(os.environ.get, SET_BY_USER))
    return limit(1) if small else contextlib.nullcontext()


def limit(threads):
    """At most so many threads, until the end of a with statement if there is one."""
    numbers = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    return threadpool_limits(min([threads, *numbers]), user_api="blas")
