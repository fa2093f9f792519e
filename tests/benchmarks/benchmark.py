"""How fast and how lean, beside others: one run that measures this library and its peers in turn.

    python -m pip install -e ".[bench]"
    python tests/benchmarks/benchmark.py            all rows, some fifteen minutes
    python tests/benchmarks/benchmark.py a d        these rows only

    f  peak memory of a whole training process
    h  beside the same mathematics written out by hand in NumPy, on one thread
    a  the training job of the chapter, on one thread and on two
    b  a step at six sizes, from 784-50-10 with a batch of 1 to 20 layers
    d  the gradient check of 784-50-10 on 3 images

A step is once round the loop of the training: a batch is drawn, then an update, then the loss. No
machine is quiet for long. So in a round each peer works in turn, and what is printed is the median
over the rounds of its time, and of its ratio to this library in the same round. Before a row is
timed, all must have come to the same losses. A peer that isn't installed is left out.
"""

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import peers
from threadpoolctl import threadpool_info, threadpool_limits

from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient
from dataset.mnist import load_mnist

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OF_100 = {depth: (784, *[100] * (depth - 1), 10) for depth in (5, 20)}
NEEDS = {"ScikitLearn": "sklearn", "Torch": "torch"}
OURS, HAND, TORCH = peers.LayerByLayer.name, peers.ByHand.name, peers.Torch.name


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="letters of rows (default: all)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each row (default: 9)")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="sklearn")  # it wants more epochs than one update

    is_installed = importlib.util.find_spec
    found = [peer for peer in peers.PEERS if is_installed(NEEDS.get(peer.__name__, "numpy"))]
    rows = {
        "f": memory,
        "h": lambda: beside_by_hand(args.rounds),
        "a": lambda: training_job(found, args.rounds),
        "b": lambda: single_steps(found, args.rounds),
        "d": lambda: gradient_check(args.rounds),
    }
    if not rows.keys() >= {*args.rows}:
        parser.error(f"expected rows among {', '.join(rows)}, got {' '.join(args.rows)}")
    run_own_kernel()
    kernels = {i.get("architecture", "?") for i in threadpool_info() if i["user_api"] == "blas"}
    print(f"{os.cpu_count()} cores, numpy {np.__version__}, kernel {' '.join(kernels)}", end=", ")
    print(f"medians of {args.rounds} rounds", flush=True)
    for row in args.rows or rows:
        rows[row]()


def run_own_kernel():
    """Start again without the variables that choose OpenBLAS's kernel or threads, if any is set.

    With an older kernel the products take longer, and all that is around them looks cheap.
    """
    chosen = [name for name in os.environ if name.startswith("OPENBLAS_")]
    if chosen:
        print(f"starting again without {', '.join(chosen)}", flush=True)
        env = {name: value for name, value in os.environ.items() if name not in chosen}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], env)


# The rows


def memory():
    """The peak of the script. A small process starts it, whose peak would count as its own."""
    print("\nf  peak memory of the whole training process")
    start = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    script = [str(ROOT / "ch05" / "train_neuralnet.py"), "--no-plot", "--iters", "700"]
    command = [sys.executable, "-c", start, sys.executable, *script]
    peak = int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    megabytes = peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes, or KiB
    target("MB", megabytes, most=300)


def beside_by_hand(rounds):
    print(f"\nh  {OURS} / {HAND}, a step on 1 thread")
    pair = [peers.LayerByLayer, peers.ByHand]
    for words, sizes, batch, most in (
        ("784-50-10, batch 100", (784, 50, 10), 100, 1.2),
        ("20 layers of 100, batch 100", OF_100[20], 100, 1.15),
        ("784-50-10, batch 1", (784, 50, 10), 1, 1.9),
    ):
        times = steps(pair, sizes, batch, rounds, threads=1)
        ours, hand = (units(np.median(times[name])) for name in (OURS, HAND))
        target(f"{words}: {ours} / {hand}", ratio(times, OURS, HAND), most=most)


def training_job(found, rounds):
    train_set, test_set = load_mnist()
    sizes = (784, 50, 10)
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, *train_set, batch=100)

    def job(peer_class, threads):
        peer = peer_class(sizes, weights)
        sets = peer.data(*train_set), peer.data(*test_set)

        def run():
            with all_threads(threads):
                peers.training_job(peer, *sets, iters=2400)

        return run

    pairs = [(p, threads) for threads in (1, 2) for p in found]
    times = in_turn({(p.name, n): lambda p=p, n=n: job(p, n) for p, n in pairs}, rounds)
    for threads in (1, 2):
        title = f"a  the training job, 2,400 updates and 4 evaluations, {threads} thread(s)"
        table(title, {p.name: times[p.name, threads] for p in found})
    if peers.Torch in found:
        better = min((1, 2), key=lambda threads: np.median(times[TORCH, threads]))
        figure = ratio(times, (TORCH, better), (OURS, 1))
        target(f"{TORCH} with {better} thread(s) / {OURS} with 1", figure, least=1.3)


def single_steps(found, rounds):
    for words, sizes, batch, threads in (  # as many as `train` chooses
        ("784-50-10", (784, 50, 10), 1, 1),
        ("784-50-10", (784, 50, 10), 1000, 2),
        ("784-500-10", (784, 500, 10), 1, 1),
        ("784-500-10", (784, 500, 10), 1000, 2),
        ("5 layers of 100", OF_100[5], 100, 1),
        ("20 layers of 100", OF_100[20], 100, 1),
    ):
        title = f"b  a step of {words}, batch {batch}, {threads} thread(s)"
        table(title, steps(found, sizes, batch, rounds, threads))


def steps(found, sizes, batch, rounds, threads):
    """The times of a step: {name: [seconds, ...]}."""
    train_set, _ = load_mnist()
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, *train_set, batch)

    def maker(peer_class):
        peer = peer_class(sizes, weights)
        data = peer.data(*train_set)
        return lambda: peers.step(peer, *data, batch, 1e-4)

    with all_threads(threads):
        return in_turn({p.name: lambda p=p: maker(p) for p in found}, rounds, least=0.1, once=True)


def gradient_check(rounds):
    (x_train, t_train), _ = load_mnist()
    x, t = x_train[:3], t_train[:3]
    weights = peers.start_weights((784, 50, 10))
    network, book = TwoLayerNet(784, 50, 10, rng=0), peers.InFloat64((784, 50, 10), weights)
    for i, (W, b) in enumerate(weights, start=1):
        network.params[f"W{i}"][...], network.params[f"b{i}"][...] = W, b
    assert abs(network.loss(x, t) - book.loss(x, t)) < 1e-5
    makers = {
        OURS: lambda: lambda: network.numerical_gradient(x, t),
        "its check_gradient": lambda: lambda: check_gradient(network, x, t),
        "the book's way": lambda: lambda: book.numerical_gradient(x, t),
    }
    with all_threads(1):
        times = in_turn(makers, rounds)
    table("d  the numerical gradient of 784-50-10, 3 images, 1 thread", times)
    for name in (OURS, "its check_gradient"):
        target(f"{name} / the book's way", ratio(times, name, "the book's way"), most=1.2)


# Measuring


@contextlib.contextmanager
def all_threads(number):
    """NumPy's products and PyTorch on that many threads."""
    with threadpool_limits(number):
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(number)
        yield


def agree(found, sizes, weights, x, t, batch, updates=5):
    """Refuse to time peers that don't compute the same: their losses after a few updates."""
    losses = {}
    for peer_class in found:
        peer = peer_class(sizes, weights)
        data = peer.data(x[:batch], t[:batch])
        for _ in range(updates):
            peer.update(*data, 0.01)
        losses[peer.name] = float(peer.loss(*data))
    values = np.array([*losses.values()])
    assert np.ptp(values) < 1e-4 * values.max() + 1e-5, losses  # never true of nan


def in_turn(makers, rounds, least=0.0, once=False):
    """{name: [seconds of one call, a number a round]}; each round calls everybody in turn.

    A maker returns what is to be timed: for each round, or only once. It is called as
    often as it takes to fill `least` seconds.
    """
    times = {name: [] for name in makers}
    calls = {name: make() for name, make in makers.items()} if once else None
    for _ in range(rounds):
        for name, make in makers.items():
            call = calls[name] if calls else make()
            if calls:
                call()  # not counted: whoever worked before has taken the caches
            count, start = 0, time.perf_counter()
            while count == 0 or time.perf_counter() - start < least:
                call()
                count += 1
            times[name].append((time.perf_counter() - start) / count)
    return times


def ratio(times, name, other):
    """The median over the rounds of one peer's time divided by the other's."""
    return float(np.median(np.array(times[name]) / np.array(times[other])))


def table(title, times):
    print(f"\n{title}")
    first = next(iter(times))
    for name, seconds in times.items():
        low, middle, high = np.percentile(seconds, [25, 50, 75])
        print(
            f"   {name:24}  {units(middle):>9}  ({units(low):>9} to {units(high):>9})"
            f"  {ratio(times, name, first):6.2f} times"
        )
    sys.stdout.flush()


def target(words, figure, least=None, most=None):
    met = figure >= least if most is None else figure <= most
    wanted = f"at least {least}" if most is None else f"at most {most}"
    print(f"   {words}: {figure:.2f}, {wanted}: {'met' if met else 'MISSED'}", flush=True)


def units(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


if __name__ == "__main__":
    main()
