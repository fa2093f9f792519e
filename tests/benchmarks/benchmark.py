"""Fast and lean, side by side: one run that measures this library and its peers in turn.

    python -m pip install -e ".[bench]"
    python tests/benchmarks/benchmark.py            all rows, a quarter of an hour
    python tests/benchmarks/benchmark.py a e        these rows only

    a  the whole training job: 10,000 updates of 784-50-10 and 17 evaluations on 70,000 digits
    b  one update at hidden 50, 500, 2000 x batch 1, 10, 100, 1000, 10000
    c  one update at 2, 5, 10, 20 layers of 100 units, batch 100
    d  the gradient check of 784-50-10 on 3 images, for each evaluation of the loss
    e  load_mnist, beside gunzip alone
    f  peak memory of whole training processes
    m  the share of Allreduce in an update, by two processes (needs the extra [mpi])

A machine is never quiet for long, so times are only compared within one round: in a round each
peer works in turn, and what is printed is the median over the rounds of a peer's time, the range
of the middle half, and the median of its ratio to this library in the same round. Before a row
is timed, all peers must have come to the same losses. A peer that isn't installed is left out.
"""

import argparse
import gzip
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import peers

from ch05.two_layer_net import TwoLayerNet
from common.gradient import check_gradient
from dataset.mnist import FILES, load_mnist

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NEEDS = {"ScikitLearn": "sklearn", "Torch": "torch"}
TIMED = ("LayerByLayer", "LayerByLayer64", "ScikitLearn", "Torch", "Floor")  # in rows b and c


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", default=list("abcdefm"), choices=list("abcdefm"))
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each row (default: 7)")
    parser.add_argument("--plot", default="benchmark.png", help="the picture of rows b and c")
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
    curves = {}
    if "f" in args.rows:  # first: a process counts the size of the one that started it
        memory(found)
    if "a" in args.rows:
        whole_job(found, args.rounds)
    if "b" in args.rows:
        curves |= update_by_size([p for p in found if p.__name__ in TIMED], args.rounds)
    if "c" in args.rows:
        curves |= update_by_depth([p for p in found if p.__name__ in TIMED], args.rounds)
    if "d" in args.rows:
        gradient_check(args.rounds)
    if "e" in args.rows:
        loading(args.rounds)
    if "m" in args.rows:
        allreduce_share()
    if curves:
        draw(curves, args.plot)
        print(f"\npicture written to {args.plot}")


# The rows.


def whole_job(found, rounds):
    train_set, test_set = load_mnist()
    sizes = (784, 50, 10)
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, *train_set, batch=100)

    def job(peer_class):
        peer = peer_class(sizes, weights)
        sets = peer.data(*train_set), peer.data(*test_set)
        return lambda: peers.training_job(peer, *sets)

    # Each round starts anew, with a fresh peer: a job changes the weights it is given.
    table("a  the whole training job", in_turn({p.name: lambda p=p: job(p) for p in found}, rounds))


def update_by_size(found, rounds):
    curves = {}
    for hidden in (50, 500, 2000):
        for batch in (1, 10, 100, 1000, 10000):
            title = f"b  one update of 784-{hidden}-10, batch {batch}"
            times = one_update(found, (784, hidden, 10), batch, rounds, title)
            for name, seconds in times.items():
                curve = curves.setdefault(f"784-{hidden}-10: update by batch size", {})
                curve.setdefault(name, []).append((batch, np.median(seconds)))
    return curves


def update_by_depth(found, rounds):
    curves = {}
    for depth in (2, 5, 10, 20):
        sizes = (784, *[100] * (depth - 1), 10)
        title = f"c  one update of {depth} layers of 100 units, batch 100"
        times = one_update(found, sizes, 100, rounds, title)
        for name, seconds in times.items():
            curve = curves.setdefault("100 units a layer, batch 100: update by depth", {})
            curve.setdefault(name, []).append((depth, np.median(seconds)))
    return curves


def one_update(found, sizes, batch, rounds, title):
    (x_train, t_train), _ = load_mnist()
    x, t = x_train[:batch], t_train[:batch]
    weights = peers.start_weights(sizes)
    agree(found, sizes, weights, x, t, batch)

    def updates(peer_class):
        peer = peer_class(sizes, weights)
        data = peer.data(x, t)
        return lambda: peer.update(*data, 1e-4)

    makers = {p.name: lambda p=p: updates(p) for p in found}
    times = in_turn(makers, rounds, least=0.05, once=True)
    table(title, times)
    return times


def gradient_check(rounds):
    (x, t), _ = load_mnist()
    x, t = x[:3].astype(np.float64), t[:3]
    sizes = (784, 50, 10)
    weights = peers.start_weights(sizes)
    network = TwoLayerNet(*sizes, rng=0)
    network.params.update({"W1": weights[0][0], "W2": weights[1][0]})
    copy, one_hot = peers.Copied(sizes, weights), np.eye(10)[t]
    W1, W2 = (W for W, _ in weights)
    W1_out, W2_out = np.empty((3, 50)), np.empty((3, 10))

    def products():
        np.dot(np.dot(x, W1, out=W1_out), W2, out=W2_out)

    def usual_check():
        for param in (copy.W[0], copy.b[0], copy.W[1], copy.b[1]):
            for index in np.ndindex(param.shape):
                value = param[index]
                param[index] = value + 1e-4
                above = copy.loss(x, one_hot)
                param[index] = value - 1e-4
                (above - copy.loss(x, one_hot)) / 2e-4
                param[index] = value

    evaluations = 2 * sum(param.size for param in network.params.values())
    makers = {
        "layer-by-layer": lambda: lambda: check_gradient(network, x, t),
        "the usual copy": lambda: usual_check,
        "products alone": lambda: lambda: [products() for _ in range(evaluations)],
    }
    times = in_turn(makers, rounds)
    for name in times:
        times[name] = [seconds / evaluations for seconds in times[name]]
    table("d  the gradient check, for each evaluation of the loss", times)


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
    script = [ROOT / "ch05" / "train_neuralnet.py", "--no-plot"]
    commands = {"ch05/train_neuralnet.py": script}
    for peer in found:
        commands[peer.name] = [HERE / "peers.py", peer.__name__]
    for name, command in commands.items():
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([sys.executable, *map(str, command)], **quiet)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, name
        kilo = 1 if sys.platform == "darwin" else 1024  # ru_maxrss counts bytes, or kilobytes
        print(f"   {name:24}  {usage.ru_maxrss * kilo / 1e6:6.0f} MB")


def allreduce_share():
    """Two processes of this machine on one batch: how much of an update is Allreduce?"""
    print("\nm  the share of Allreduce in an update, two processes, batch 100")
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if mpiexec is None or importlib.util.find_spec("mpi4py") is None:
        print("   left out, since mpiexec or mpi4py is not installed")
        return
    # One thread each: two processes share two cores.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [mpiexec, "-n", "2", sys.executable, HERE / "allreduce.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for hidden, (update, allreduce) in json.loads(done.stdout).items():
        print(
            f"   784-{hidden}-10: update {units(update)}, of it Allreduce {units(allreduce)}, "
            f"{allreduce / update:.0%}"
        )


# Measuring.


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


def table(title, times):
    print(f"\n{title}")
    reference = np.array(next(iter(times.values())))
    for name, seconds in times.items():
        low, middle, high = np.percentile(seconds, [25, 50, 75])
        ratio = np.median(np.array(seconds) / reference)
        print(
            f"   {name:24}  {units(middle):>9}  ({units(low):>9} to {units(high):>9})"
            f"  {ratio:6.2f} times"
        )
    sys.stdout.flush()


def units(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


def draw(curves, path):
    """Time against size, a panel for each network of rows b and c, a line for each peer."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(10, 4 * ((len(curves) + 1) // 2)), layout="constrained")
    panels = figure.subplots((len(curves) + 1) // 2, 2, squeeze=False)
    for axes, (title, lines) in zip(panels.flat, curves.items()):
        for (name, points), (marker, line, color) in zip(lines.items(), STYLES):
            sizes, seconds = zip(*points)
            style = {"marker": marker, "linestyle": line, "color": color, "label": name}
            axes.loglog(sizes, np.array(seconds) * 1e3, **style)
        by = title.rpartition(" ")[2]
        axes.set(title=title, xlabel="layers" if by == "depth" else "samples in a batch")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
    for axes in panels[:, 0]:
        axes.set_ylabel("milliseconds for one update")
    for axes in panels.flat[len(curves) :]:
        axes.set_visible(False)
    panels[0, 0].legend()
    figure.savefig(path, dpi=100)


# Colours that colour-blind readers can tell apart; markers for those who print in grey.
STYLES = [
    ("o", "-", "#0072B2"),
    ("s", "-", "#56B4E9"),
    ("^", "--", "#E69F00"),
    ("D", "--", "#D55E00"),
    ("", ":", "black"),
]

if __name__ == "__main__":
    main()
