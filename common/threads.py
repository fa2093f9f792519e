"""How many threads NumPy's matrix products run on."""

import contextlib
import os
import threading

from threadpoolctl import threadpool_info, threadpool_limits

__all__ = ["LARGE", "limit", "threads_for"]

# Multiplications in the largest product from which on two threads are worth it. Below, one thread
# takes less than a third longer where nothing else runs, and much less where something does.
LARGE = 15_000_000

SET_BY_USER = {  # the variables that each library reads
    "openblas": ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GOTO_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "blis": ("BLIS_NUM_THREADS", "OMP_NUM_THREADS"),
}


def threads_for(params, batch_size):
    """In a with statement: one thread for products of small matrices, all for large ones.

    Threads that share a small product wait for each other longer than they work, above all beside
    other programs. A number that the user has set stays.
    """
    largest = max((array.size for array in params.values()), default=0)
    return limit(1) if batch_size * largest < LARGE else contextlib.nullcontext()


def limit(threads):
    """At most so many threads for NumPy's products, from now to the end of a with statement.

    The number only becomes smaller, and stays as it is if an environment variable sets it. Where
    limits overlap, in several threads, the lowest one counts; the last one that ends brings the
    first number back.
    """
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    names = {name for info in libraries for name in SET_BY_USER.get(info["internal_api"], ())}
    if any(os.environ.get(name) for name in names):
        return contextlib.nullcontext()
    return _Limit(threads)


class _Limit:
    lock, active = threading.Lock(), []  # active: those that haven't ended yet
    first = before = None  # what brings the first numbers back, and the lowest of them

    def __init__(self, threads):
        self.threads = threads
        with self.lock:
            if not self.active:
                _Limit.first = threadpool_limits(None, user_api="blas")
                infos = [info for info in threadpool_info() if info["user_api"] == "blas"]
                _Limit.before = min([info["num_threads"] for info in infos], default=threads)
            self.active.append(self)
            self.apply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.lock:
            self.active.remove(self)
            if self.active:
                self.apply()
            else:
                self.first.restore_original_limits()
                self.let_others_set()

    def apply(self):
        threads = min(each.threads for each in self.active)
        threadpool_limits(min(threads, self.before), user_api="blas")
        self.let_others_set()

    def let_others_set(self):
        # From threadpoolctl 3.8 on, a thread that sets a number keeps others from setting another
        # one until a with statement ends. This one changes nothing else.
        with threadpool_limits(None, user_api="blas"):
            pass
