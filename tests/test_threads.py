"""Small products run on one thread and large ones on all, unless the user has set a number.

Each case is a process of its own, in which the variables are as it says.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

SHOW = """
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient
from common.threads import threads_for

def count(*_):
    print(*{info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"})

class Shown(TwoLayerNet):
    def loss(self, x, t):
        count()
        return super().loss(x, t)

def small():  # 784 x 50 x 100, 4 million multiplications
    return threads_for(TwoLayerNet(784, 50, 10).params, 100)

def large():  # 784 x 1000 x 1000, 784 million
    return threads_for(TwoLayerNet(784, 1000, 10).params, 1000)

x, t = np.random.default_rng(0).normal(size=(3, 4)), np.arange(3)
"""
BOTH = "\ncount()\nwith small(): count()\ncount()\nwith large(): count()\ncount()"


def shown(code, **variables):
    """What SHOW and the code print: numbers of threads, as a list."""
    environment = {k: value for k, value in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-c", SHOW + code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


@pytest.fixture(scope="module")
def cores():
    """How many threads NumPy takes by itself."""
    libraries = "[info['internal_api'] for info in threadpool_info()]"
    openblas, number = shown(f"print(int({libraries} == ['openblas']))\ncount()")
    if not openblas:
        pytest.skip("needs OpenBLAS, as NumPy brings it along")
    if number == 1:
        pytest.skip("needs two cores or more")
    return number


def test_small_products_run_on_one_thread_and_large_ones_on_all(cores):
    assert shown(BOTH) == [cores, 1, cores, cores, cores]


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GOTO_NUM_THREADS"])
def test_a_number_that_the_user_has_set_stays(cores, name):
    assert shown(BOTH, **{name: "2"}) == [2] * 5


def test_a_number_that_a_program_has_set_is_never_raised(cores):
    nested = BOTH.replace("\n", "\n    ")
    assert shown(f"with threadpool_limits(1):{nested}\ncount()") == [1] * 5 + [cores]
    of_ranks = "from common.threads import limit; limit(2); count()"  # which share their cores
    assert shown(f"with threadpool_limits(1): {of_ranks}") == [1]


def test_training_and_checks_of_small_networks_run_on_one_thread(cores):
    for call in ("train(net, (x, t), (x, t), iters_num=2)", "check_gradient(net, x, t)"):
        *during, after = shown(f"net = Shown(4, 5, 3)\n{call}\ncount()")
        assert len(during) > 2 and after == cores
        assert set(during[1:]) == {1}  # a first loss, to see whether there is one, may come before
