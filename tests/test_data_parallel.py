"""Several processes train as one: the same numbers, one voice, and one end.

They need the extra [mpi].
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ch05.parallel import train_parallel
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "ch05" / "parallel" / "train_parallel.py"
SCRIPTS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
MPIEXEC = shutil.which("mpiexec", path=SCRIPTS)
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason='as expected without the extra: python -m pip install -e ".[mpi]"',
)


def start(ranks, *command, cwd, **variables):
    # One thread each, as in the process of the tests, to round as it does.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | variables
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = list(map(str, [MPIEXEC, "-n", ranks, sys.executable, *command]))
    return subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True, **pipes)


def finish(process):
    """Exit status, output, errors. Ranks that wait for each other for ever fail the test."""
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.terminate()  # mpiexec then ends its ranks
        raise
    return process.returncode, out, err


def run(*command, **how):
    return finish(start(*command, **how))


def options(data, words):
    return f"--data {data} --no-plot {words}".split()


@needs_mpi
@pytest.mark.parametrize("ranks, batch_size", [(2, 15), (3, 2)])
def test_any_number_of_processes_learns_the_same(ranks, batch_size, tmp_path, data):
    """Batches that the ranks don't divide, or that leave one of them without any."""
    rng = np.random.default_rng(0)
    single = TwoLayerNet(784, 50, 10, rng=rng)
    digits = load_mnist(data_dir=data)
    history = train(single, *digits, iters_num=41, batch_size=batch_size, rng=rng)
    same = options(data, f"--iters 41 --batch-size {batch_size} --dtype float64 --save w.npz")
    status, out, err = run(ranks, TRAIN, *same, cwd=tmp_path)
    assert status == 0, err
    network = TwoLayerNet(784, 50, 10)
    network.load(tmp_path / "w.npz")
    for key, param in single.params.items():
        np.testing.assert_allclose(network.params[key], param, rtol=0, atol=1e-10)
    # One rank prints, the others don't.
    lines = zip(history.train_acc_list, history.test_acc_list)
    assert out.splitlines() == [f"{train_acc:.4f} {test_acc:.4f}" for train_acc, test_acc in lines]
    assert err.count("41 updates") == 1


PATCHED = """
import os, runpy, signal, sys
from mpi4py import MPI
from ch05.parallel import data_parallel
from ch05.tools import options
first, right = MPI.COMM_WORLD.rank == 0, options.parse_training
DataParallel, calls = data_parallel.DataParallel, 0
{code}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


LONG = "--batch-size 20 --iters 1000000 --save w.npz"


def run_patched(ranks, code, *options, **how):
    """The script, after the code has changed something in it."""
    return run(ranks, "-c", PATCHED.format(code=code), TRAIN, *options, **how)


@needs_mpi
@pytest.mark.parametrize(
    "refuses, says", [("True", "no room"), ("not first", "no room"), ("False", "a hint")]
)
def test_all_ranks_or_one_may_refuse_in_one_voice_and_a_hint_is_no_refusal(
    refuses, says, tmp_path, data
):
    code = f"""
def parse(argv, prog):
    if {refuses}:
        sys.exit(print("no room", file=sys.stderr) or 2)
    print("a hint", file=sys.stderr)
    return right(argv, prog)
options.parse_training = parse"""
    status, out, err = run_patched(3, code, *options(data, "--iters 3"), cwd=tmp_path)
    assert err.count(says) == 1, err
    assert (status, out.count("\n")) == ((0, 3) if refuses == "False" else (2, 0))


@needs_mpi
@pytest.mark.parametrize("who, failure", [
    ("first", "raise OSError('the disk is full')"),
    ("not first", "raise ZeroDivisionError('there is a bug')"),
    pytest.param("not first", "os.kill(os.getpid(), signal.SIGKILL)", marks=pytest.mark.unix),
])  # fmt: skip
def test_a_rank_that_fails_ends_them_all(who, failure, tmp_path, data):
    code = f"""
gradient = DataParallel.gradient
def fail(self, x, t):
    global calls
    calls += 1
    if calls == 5 and {who}:
        {failure}
    return gradient(self, x, t)
DataParallel.gradient = fail"""
    status, out, err = run_patched(2, code, *options(data, LONG), cwd=tmp_path)
    assert status != 0
    # After kill, mpiexec may lose a line, and prints some of its own.
    assert "KILL" in failure or re.fullmatch(r"([\d. ]+\n){4}", out)
    said = re.search("'(.*)'", failure)
    assert said is None or said[1] in err
    assert ("Traceback" in err) == ("bug" in failure)
    TwoLayerNet(784, 50, 10).load(tmp_path / "w.npz")


@needs_mpi
@pytest.mark.unix
def test_ctrl_c_ends_them_all(tmp_path, data):
    process = start(2, TRAIN, *options(data, LONG), cwd=tmp_path)
    assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to the ranks too
    status, _, err = finish(process)
    assert status != 0 and "Traceback" not in err
    TwoLayerNet(784, 50, 10).load(tmp_path / "w.npz")


@needs_mpi
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores or more")
@pytest.mark.parametrize("cores, set_by_user, threads", [
    ("{0, 1}", "", 1),  # two ranks may use the same two cores
    ("{0, 1} if first else {2, 3}", "", 2),  # each has two for itself
    ("{0, 1}", "2", 2),
])  # fmt: skip
def test_ranks_on_one_machine_share_its_cores(cores, set_by_user, threads, tmp_path, data):
    code = f"""
from threadpoolctl import threadpool_info
os.sched_getaffinity = lambda pid: {cores}
gradient = DataParallel.gradient
def show(self, x, t):
    numbers = {{info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}}
    sys.stderr.write(f"threads {{numbers}}\\n")
    return gradient(self, x, t)
DataParallel.gradient = show"""
    # A large network, for which all threads of a rank are used: 784 x 300 x 100 is 24 million.
    large, variables = "--hidden 300 --iters 1", {"OPENBLAS_NUM_THREADS": set_by_user}
    status, _, err = run_patched(2, code, *options(data, large), cwd=tmp_path, **variables)
    assert status == 0, err
    assert err.count(f"threads {{{threads}}}") == 2


def test_mpi4py_is_asked_for_only_here_and_a_missing_one_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mpi4py", None)  # importing it fails
    with pytest.raises(ImportError, match=re.escape("[mpi]")):
        train_parallel.main(["--no-plot"])
    with pytest.raises(SystemExit):
        train_parallel.main(["--help"])
    assert "--batch-size" in capsys.readouterr().out


OF_ONES_OWN = """
import sys
import numpy as np
from mpi4py import MPI
from ch05.parallel.data_parallel import DataParallel
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from tests.readers import LeakyRelu

comm = MPI.COMM_WORLD
network = TwoLayerNet(4, 5, 3)  # without a seed: each rank draws other weights
network.layers["Relu1"] = LeakyRelu(0.1 + comm.rank)  # its gradient is a float
first = {key: comm.bcast(array.copy()) for key, array in network.params.items()}
parallel = DataParallel(network, comm)
assert all((array == first[key]).all() for key, array in network.params.items())
x = np.random.default_rng(0).normal(size=(20, 4))
history = train(parallel, (x, x[:, 0] > 0), (x, x[:, 0] > 0), iters_num=20, batch_size=7)
assert 0 < min(history.train_loss_list) and len({*comm.allgather(history.train_loss_list[-1])}) == 1
for key, array in network.params.items():
    for other in comm.allgather(array.copy()):
        np.testing.assert_array_equal(array, other)
    assert not np.array_equal(array, first[key])
"""


@needs_mpi
def test_without_a_seed_all_start_and_stay_equal(tmp_path):
    status, _, err = run(2, "-c", OF_ONES_OWN, cwd=tmp_path)
    assert status == 0, err


@needs_mpi
def test_a_single_process_trains_too(tmp_path, data):
    command = [sys.executable, TRAIN, *options(data, "--iters 3")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.count("\n")) == (0, 3), done.stderr
