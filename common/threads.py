"""How many threads NumPy's matrix products run on."""

import contextlib
import os
import threading

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
    largest = max((array.size for array in params.values()), default=0)
    small = batch_size * largest < LARGE and not any(map(os.environ.get, SET_BY_USER))
    return one_thread() if small else contextlib.nullcontext()


def limit(threads):
    """At most so many threads. Returns what brings the number before back."""
    numbers = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
    limits = threadpool_limits(min([threads, *numbers]), user_api="blas")
    let_others_set()
    return limits


def let_others_set():
    """From threadpoolctl 3.8 on, whoever sets a number is the only one, until a with ends."""
    with threadpool_limits(None, user_api="blas"):
        pass


# Trainings may overlap, in several threads. The last one that ends brings the number back.
lock, inside, before = threading.Lock(), set(), None


@contextlib.contextmanager
def one_thread():
    me = object()
    try:
        set_number(inside.add, me)
        yield
    finally:
        set_number(inside.discard, me)


def set_number(change, who):
    global before
    with lock:
        change(who)
        if inside and not before:
            before = limit(1)
        elif before and not inside:
            before.restore_original_limits()
            let_others_set()
            before = None
