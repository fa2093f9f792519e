"""Beyond one machine: data parallelism is averaging gradients.

    mpiexec -n 4 python ch05/parallel/train_parallel.py --hidden 2000 --batch-size 1000

Every rank (process) of an MPI job holds the same network and draws the same batch, but computes
the gradient of its own slice of it only. One Allreduce adds up the gradients of all ranks, each
weighted with its share of the batch. The sum is the gradient of the whole batch: a mean over N
samples is the mean over the slices, weighted with their lengths. So every rank makes the same
update, and the networks stay equal without ever being sent.

Does a second machine pay? The sum on paper, for n weights, batches of N, two machines:

    time of the work      T_work = 6 n N / R        R operations a second; 2 n N for the forward,
                                                    as many for dW and for the forward after it,
                                                    and for dx, where it is needed
    time of Allreduce     T_reduce = 4 n / B + l    4 bytes a weight (float32) out of and into each
                                                    machine, B bytes a second, latency l
    it pays if            T_work / 2 + T_reduce < T_work

n cancels, but for the latency: what decides is the batch. With R = 100 Gflop/s, which two cores
may reach, it pays from N = 4 R / 3 B on: some 107 samples at 10 Gbit/s (B = 1.25 GB/s), 11 at
100 Gbit/s. In numbers, for N = 100 and l = 20 us:

    network               784-50-10    784-2000-10    784, ten hidden layers of 4096, 10
    weights n             39.7 k       1.59 M         154 M
    bytes 4 n             159 kB       6.35 MB        617 MB
    T_work                0.24 ms      9.5 ms         1.23 s   (8 n N / R)
    T_reduce, 10 Gbit/s   0.15 ms      5.1 ms         0.49 s
    T_reduce, 100 Gbit/s  0.03 ms      0.53 ms        0.05 s
    times as fast on two machines, T_work / (T_work / 2 + T_reduce):
        at 10 Gbit/s      0.9          0.97           1.1
        at 100 Gbit/s     1.6          1.8            1.85
"""

import numpy as np

__all__ = ["DataParallel"]


class DataParallel:
    """A network whose batches are shared out among the ranks of an MPI communicator.

    It has the methods that training needs, and train uses it as it would use the network. All
    ranks must call them together, with the same x and t; each gets the same results. They start
    with the parameters of rank 0.

    The loss must be a mean over the samples, as SoftmaxWithLoss has it. One that is a sum over
    them comes out divided by the number of ranks, and so does its gradient.
    """

    def __init__(self, network, comm):
        self.network = network
        self.comm = comm
        for array in network.params.values():
            start = np.array(array).ravel()  # Bcast needs entries that lie side by side
            comm.Bcast(start, root=0)
            array[...] = start.reshape(array.shape)

    @property
    def params(self):
        return self.network.params

    @property
    def layers(self):
        return self.network.layers

    @property
    def lastLayer(self):
        return self.network.lastLayer

    def predict(self, x):
        return self.network.predict(x)

    def gradient(self, x, t):
        """The gradient of the whole batch: the sum of everybody's, weighted with their shares."""
        mine = self._slice(len(x))
        share = len(x[mine]) / len(x)
        params = self.network.params
        ends = np.cumsum([param.size for param in params.values()])
        flat = np.zeros(ends[-1], self.network.dtype)
        if share:  # a batch smaller than the number of ranks leaves some with nothing to do
            grad = self.network.gradient(x[mine], t[mine])
            np.concatenate([np.ravel(grad[key]) for key in params], out=flat)
            flat *= share
        self._allreduce(flat)
        pieces = np.split(flat, ends[:-1])
        return {key: piece.reshape(params[key].shape) for key, piece in zip(params, pieces)}

    def loss(self, x, t):
        return self._mean_of(self.network.loss, x, t)

    def accuracy(self, x, t):
        return self._mean_of(self.network.accuracy, x, t)

    def _mean_of(self, function, x, t):
        mine = self._slice(len(x))
        count = len(x[mine])
        total = np.array([function(x[mine], t[mine]) * count if count else 0.0])
        self._allreduce(total)
        return float(total[0] / len(x))

    def _slice(self, n):
        """This rank's part of n samples; the parts differ by one at most."""
        rank, size = self.comm.rank, self.comm.size
        return slice(rank * n // size, (rank + 1) * n // size)

    def _allreduce(self, array):
        from mpi4py import MPI

        self.comm.Allreduce(MPI.IN_PLACE, array, op=MPI.SUM)
