"""How fast and how lean, beside others: one run that measures this library and its peers in turn.

    python -m pip install -e ".[bench,mpi]"
    python tests/benchmarks/benchmark.py            all rows, some twenty minutes
    python tests/benchmarks/benchmark.py a d        these rows only

    a  the training job of the chapter, on one thread and on two
    b  one update at hidden 50, 500, 2000 x batch 1, 10, 100, 1000, 10000
    c  one update at 2, 5, 10, 20 layers of 100 units, batch 100
    d  the gradient check of 784-50-10 on 3 images
    e  load_mnist, beside gunzip alone
    f  peak memory of whole training processes
    g  the training beside two busy processes, with the threads that `train` chooses and with all
    m  two processes beside one (needs the extra [mpi])

A machine is never quiet for long. So times are only compared within a round: in a round each peer
works in turn, and what is printed is the median over the rounds of its time, and the median of its
ratio to this library in the same round. In a row all peers have the same number of threads. Before
a row is timed, all must have come to the same losses. A target is printed as met or missed. A peer
that isn't installed is left out.
"""

import argparse
import contextlib
import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import peers
from threadpoolctl import threadpool_limits

from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient
from common.threads import LARGE
from dataset.mnist import FILES, load_mnist

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NEEDS = {"ScikitLearn": "sklearn", "Torch": "torch"}
OURS = peers.LayerByLayer.name
TIMED = ("LayerByLayer", "LayerByLayer64", "ScikitLearn", "Torch", "Floor")  # in rows b and c


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="letters of rows (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each row (default: 7)")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", module="sklearn")  # it wants more epochs than one update

    found = []
    for peer in peers.PEERS:
        package = NEEDS.get(peer.__name__)
        if package and importlib.util.find_spec(package) is None:
            print(f"{peer.name}: left out, since {package} is not installed")
        else:
            found.append(peer)
    print(f"{os.cpu_count()} cores, numpy {np.__version__}, medians of {args.rounds} rounds")
    timed = [peer for peer in found if peer.__name__ in TIMED]
    rows = {
        "a": lambda: training_job(found, args.rounds),
        "b": lambda: update_by_size(timed, args.rounds),
        "c": lambda: update_by_depth(timed, args.rounds),
        "d": lambda: gradient_check(args.rounds),
        "e": lambda: loading(args.rounds),
        "f": lambda: memory(found),
        "g": lambda: busy_machine(args.rounds),
        "m": lambda: two_processes(args.rounds),
    }
    for row in args.rows or "fabcdegm":
        if row not in rows:
            parser.error(f"expected rows among {', '.join(rows)}, got {row}")
        rows[row]()


# The rows


def training_job(found, rounds):
    (x_train, t_train), test_set = load_mnist()
    sizes = (784, 50, 10)
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, x_train, t_train, batch=100)

    def job(peer_class):
        peer = peer_class(sizes, weights)
        sets = peer.data(x_train, t_train), peer.data(*test_set)
        return lambda: peers.training_job(peer, *sets, iters=2400)

    times = {}
    for threads in (1, 2):
        with all_threads(threads):
            title = f"a  the training job, 2,400 updates and 4 evaluations, {threads} thread(s)"
            times[threads] = in_turn({p.name: lambda p=p: job(p) for p in found}, rounds)
            table(title, times[threads])
            ours = ratio(times[threads], OURS, peers.Floor.name)
            target(f"{OURS} / products alone", ours, most=1.45)
            copied = ratio(times[threads], peers.Copied.name, OURS)
            target(f"{peers.Copied.name} / {OURS}", copied, least=2.8)
    if any(peer is peers.Torch for peer in found):
        best = [np.median(np.array(times[threads]["PyTorch"])) for threads in (1, 2)]
        better = 1 + int(np.argmin(best))
        against = np.array(times[better]["PyTorch"]) / np.array(times[1][OURS])
        words = f"PyTorch with {better} thread(s) / {OURS} with 1"
        target(words, float(np.median(against)), least=1.6)


def update_by_size(found, rounds):
    for hidden in (50, 500, 2000):
        for batch in (1, 10, 100, 1000, 10000):
            title = f"b  one update of 784-{hidden}-10, batch {batch}"
            times = one_update(found, (784, hidden, 10), batch, rounds, title)
            if "PyTorch" in times:
                target(f"{OURS} / PyTorch", ratio(times, OURS, "PyTorch"), most=1.05)


def update_by_depth(found, rounds):
    for depth in (2, 5, 10, 20):
        sizes = (784, *[100] * (depth - 1), 10)
        title = f"c  one update of {depth} layers of 100 units, batch 100"
        times = one_update(found, sizes, 100, rounds, title)
        print(f"   {OURS} / products alone: {ratio(times, OURS, peers.Floor.name):.2f}")


def one_update(found, sizes, batch, rounds, title):
    (x_train, t_train), _ = load_mnist()
    x, t = x_train[:batch], t_train[:batch]
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, x, t, batch)

    def updates(peer_class):
        peer = peer_class(sizes, weights)
        data = peer.data(x, t)
        return lambda: peer.update(*data, 1e-4)

    largest = max(W.size for W, _ in weights)
    threads = 1 if batch * largest < LARGE else os.cpu_count()  # as `train` chooses
    with all_threads(threads):
        makers = {p.name: lambda p=p: updates(p) for p in found}
        times = in_turn(makers, rounds, least=0.05, once=True)
    table(f"{title}, {threads} thread(s)", times)
    return times


def gradient_check(rounds):
    (x_train, t_train), _ = load_mnist()
    x, t, one_hot = x_train[:3], t_train[:3], np.eye(10)[t_train[:3]]
    weights = peers.start_weights((784, 50, 10))
    network, book = TwoLayerNet(784, 50, 10, rng=0), peers.Book(weights)
    for i, (W, b) in enumerate(weights, start=1):
        network.params.update({f"W{i}": W, f"b{i}": b})
    assert abs(network.loss(x, t) - book.loss(x, one_hot)) < 1e-5
    evaluations = 2 * sum(param.size for param in network.params.values())
    makers = {
        OURS: lambda: lambda: network.numerical_gradient(x, t),
        "its check_gradient": lambda: lambda: check_gradient(network, x, t),
        "the book's way": lambda: lambda: book.numerical_gradient(x, one_hot),
    }
    with all_threads(1):
        times = in_turn(makers, rounds)
    table("d  the numerical gradient of 784-50-10, 3 images, 1 thread", times)
    for name in (OURS, "its check_gradient"):
        target(f"{name} / the book's way", ratio(times, name, "the book's way"), most=1.1)
    print(f"   an evaluation of the loss: {units(np.median(times[OURS]) / evaluations)}")


def loading(rounds):
    paths = [ROOT / "dataset" / f"{name}.gz" for name in FILES.values()]
    makers = {
        "load_mnist": lambda: load_mnist,
        "gunzip alone": lambda: lambda: [gzip.decompress(path.read_bytes()) for path in paths],
    }
    table("e  load_mnist", in_turn(makers, rounds))


def memory(found):
    """Each job in a process of its own, which is asked for its peak when it has ended."""
    print("\nf  peak memory of the whole training process")
    commands = {OURS: [ROOT / "ch05" / "train_neuralnet.py", "--no-plot", "--iters", "1300"]}
    commands |= {p.name: [HERE / "peers.py", p.__name__] for p in found if p is not found[0]}
    for name, command in commands.items():
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([sys.executable, *map(str, command)], **quiet)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, name
        kilo = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes, or kilobytes
        print(f"   {name:24}  {usage.ru_maxrss * kilo / 1e6:6.0f} MB")


def busy_machine(rounds):
    """The updates of `train` beside two processes that never rest, and without them."""
    train_set, test_set = load_mnist()
    small = (test_set[0][:100], test_set[1][:100])  # hardly any evaluation

    def updates():
        network = TwoLayerNet(784, 50, 10, dtype=np.float32, rng=0)
        return lambda: train(network, train_set, small, iters_num=599, rng=0)

    def updates_on_all():
        network = TwoLayerNet(784, 50, 10, dtype=np.float32, rng=0)

        def run():
            os.environ["OPENBLAS_NUM_THREADS"] = "0"  # a number that a user has set: stays as it is
            try:
                train(network, train_set, small, iters_num=599, rng=0)
            finally:
                del os.environ["OPENBLAS_NUM_THREADS"]

        return run

    makers = {"threads as chosen": updates, "all threads": updates_on_all}
    quiet = in_turn(makers, rounds)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        beside = in_turn(makers, rounds)
    finally:
        for process in busy:
            process.kill()
    table("g  599 updates, nothing beside", quiet)
    table("g  599 updates, beside two busy processes", beside)
    pace = np.median(quiet["threads as chosen"]) / np.median(beside["threads as chosen"])
    target("pace beside them, of the pace without", float(pace), least=0.5)


def two_processes(rounds):
    """The whole script in one process and in two: the seconds that it says its updates took."""
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if mpiexec is None or importlib.util.find_spec("mpi4py") is None:
        print("\nm  left out, since mpiexec or mpi4py is not installed")
        return
    script = [sys.executable, str(ROOT / "ch05" / "train_neuralnet.py"), "--no-plot"]
    jobs = {
        "784-50-10, batch 100": ["--iters", "1500"],
        "784-1000-10, batch 100": ["--hidden", "1000", "--iters", "200"],
        "784-1000-10, batch 1000": ["--hidden", "1000", "--batch-size", "1000", "--iters", "60"],
    }
    for title, options in jobs.items():
        times = {"one process": [], "two processes": []}
        for _ in range(max(3, rounds // 2)):
            for name, launcher in zip(times, ([], [mpiexec, "-n", "2"])):
                done = subprocess.run(
                    [*launcher, *script, *options], capture_output=True, text=True, check=True
                )
                words = done.stderr.replace(",", "").split()
                times[name].append(float(words[words.index("in") + 1]))
        table(f"m  {title}", times)


# Measuring


@contextlib.contextmanager
def all_threads(number):
    """NumPy's products and PyTorch on that many threads."""
    with threadpool_limits(number):
        torch = sys.modules.get("torch")
        before = torch.get_num_threads() if torch else None
        if torch:
            torch.set_num_threads(number)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def agree(found, sizes, weights, x, t, batch, updates=5):
    """Refuse to time peers that don't compute the same: their losses after a few updates."""
    losses = {}
    for peer_class in found:
        if peer_class is peers.Floor:
            continue
        peer = peer_class(sizes, weights)
        data = peer.data(x[:batch], t[:batch])
        for _ in range(updates):
            peer.update(*data, 0.01)
        losses[peer.name] = float(peer.loss(*data))
    spread = max(losses.values()) - min(losses.values())
    assert spread < 1e-3 * max(losses.values()) + 1e-5, losses


def in_turn(makers, rounds, least=0.0, once=False):
    """{name: [seconds of one call, a number a round]}; each round calls everybody in turn.

    A maker returns what is to be timed: at each round anew, or only once. It is called as
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
