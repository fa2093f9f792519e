"""Small products run on one thread and large ones on all, unless the user has set a number.

Each case is a process of its own, in which the variables are as it says.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy  # noqa: F401 (brings its library along)
import pytest
from threadpoolctl import threadpool_info

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = [name for name in os.environ if name.endswith("_NUM_THREADS")]

SHOW = """
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient
from common.threads import limit, threads_for
from ch05.train_neuralnet import train

def count(*_):
    print(*{info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"})

class Shown(TwoLayerNet):
    def loss(self, x, t):
        count()
        return super().loss(x, t)

x, t = np.random.default_rng(0).normal(size=(3, 4)), np.arange(3)
"""


def shown(code, **variables):
    """What SHOW and the code print: numbers of threads, as a list."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", SHOW + code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


@pytest.fixture(scope="module")
def cores():
    """How many threads NumPy takes by itself."""
    if [info["internal_api"] for info in threadpool_info()] != ["openblas"]:
        pytest.skip("needs OpenBLAS, as NumPy brings it along")
    (number,) = shown("count()")
    if number == 1:
        pytest.skip("needs two cores or more")
    return number


def within(hidden, batch_size):
    params = f"TwoLayerNet(784, {hidden}, 10).params"
    return f"\ncount()\nwith threads_for({params}, {batch_size}): count()\ncount()"


# In multiplications: 784 x 50 x 100 is 4 million, and 784 x 1000 x 1000 is 784 million.
@pytest.mark.parametrize("hidden, batch_size, small", [(50, 100, True), (1000, 1000, False)])
def test_small_products_run_on_one_thread_and_large_ones_on_all(cores, hidden, batch_size, small):
    assert shown(within(hidden, batch_size)) == [cores, 1 if small else cores, cores]


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GOTO_NUM_THREADS"])
def test_a_number_that_the_user_has_set_stays(cores, name):
    assert shown(within(50, 100), **{name: "2"}) == [2, 2, 2]
    assert shown(within(1000, 1000), **{name: "1"}) == [1, 1, 1]


def test_a_variable_of_another_library_changes_nothing(cores):
    assert shown(within(50, 100), MKL_NUM_THREADS="2") == [cores, 1, cores]


@pytest.mark.parametrize(
    "code",
    [
        "train(Shown(4, 5, 3), (x, t), (x, t), iters_num=2)",
        "check_gradient(Shown(4, 5, 3), x, t, samples=1)",
    ],
)
def test_training_and_checks_of_small_networks_run_on_one_thread(cores, code):
    *during, after = shown(f"\n{code}\ncount()")
    assert len(during) > 2 and after == cores
    assert set(during[1:]) == {1}  # a first loss, to see whether there is one, may come before


def test_a_limit_is_never_raised(cores):
    assert shown("limit(1000); count()") == [cores]
    assert shown("with threadpool_limits(1): limit(2); count()") == [1]


OVERLAP = """
first, second = limit(1), limit(2)  # as two trainings in threads begin
count()
first.__exit__(None, None, None)
count()
second.__exit__(None, None, None)
count()
"""


def test_where_limits_overlap_the_last_one_that_ends_brings_the_number_back(cores):
    assert shown(OVERLAP) == [1, min(2, cores), cores]
    in_threads = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    how = {"iters_num": 50, "learning_rate": 1e-9}
    for k in range(12):
        pool.submit(train, TwoLayerNet(4, 5, 3), (x, t), (x, t), **how | {"iters_num": 10 + 5 * k})
count()
"""
    assert shown(in_threads) == [cores]
