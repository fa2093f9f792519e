"""Started by benchmark.py in two processes: how long an update takes, and Allreduce in it.

Prints {hidden: [seconds of an update, seconds of Allreduce in it]}, medians, as JSON.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ch05.data_parallel import DataParallel  # noqa: E402
from ch05.two_layer_net import TwoLayerNet  # noqa: E402
from dataset.mnist import load_mnist  # noqa: E402

UPDATES, UNCOUNTED = 60, 10


class Timed(DataParallel):
    spent = 0.0

    def _allreduce(self, array):
        start = time.perf_counter()
        super()._allreduce(array)
        self.spent += time.perf_counter() - start


comm = MPI.COMM_WORLD
(x, t), _ = load_mnist()
shares = {}
for hidden in (50, 500, 2000):
    network = Timed(TwoLayerNet(784, hidden, 10, dtype=np.float32, rng=0), comm)
    updates, allreduces = [], []
    for i in range(UPDATES):
        network.spent, start = 0.0, time.perf_counter()
        grad = network.gradient(x[i * 100 : (i + 1) * 100], t[i * 100 : (i + 1) * 100])
        for key, param in network.params.items():
            param -= 0.1 * grad[key]
        updates.append(time.perf_counter() - start)
        allreduces.append(network.spent)
    shares[hidden] = median(updates[UNCOUNTED:]), median(allreduces[UNCOUNTED:])
if comm.rank == 0:
    print(json.dumps(shares))
