"""Several processes train as one: the same numbers, one voice, and one end.

They need the extra [mpi]; without it only the slices and their sum are tested.
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

from ch05.data_parallel import DataParallel, world
from ch05.train_neuralnet import train
from ch05.two_layer_net import TwoLayerNet
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "ch05" / "train_neuralnet.py"
SCRIPTS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
MPIEXEC = shutil.which("mpiexec", path=SCRIPTS)
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason='needs mpiexec and mpi4py: pip install -e ".[mpi]"',
)


def start(ranks, *command, cwd):
    # One thread each: ranks that wait for each other's threads take minutes on few cores.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(ranks, *command, cwd):
    process = start(ranks, *command, cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """What one process learns in 300 updates with batches that 3 and 4 don't divide."""
    digits = load_mnist()
    network = TwoLayerNet(784, 50, 10, rng=(rng := np.random.default_rng(0)))
    test_set = tuple(part[:100] for part in digits[1])
    train(network, digits[0], test_set, iters=300, batch_size=50, rng=rng)
    return network


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_any_number_of_processes_learns_the_same(ranks, single, tmp_path):
    options = "--iters 300 --batch-size 50 --dtype float64 --save w.npz --no-plot".split()
    status, out, err = run(ranks, TRAIN, *options, cwd=tmp_path)
    assert status == 0, err
    assert re.fullmatch(r"0\.\d{4} 0\.\d{4}\n", out), "one rank prints, the others don't"
    assert err.count("updates in") == 1
    network = TwoLayerNet(784, 50, 10)
    network.load(tmp_path / "w.npz")
    for key, param in single.params.items():
        np.testing.assert_allclose(network.params[key], param, rtol=0, atol=1e-10)


@needs_mpi
def test_a_batch_smaller_than_the_ranks_is_whole_all_the_same(tmp_path):
    options = "--iters 20 --batch-size 2 --dtype float64 --no-plot".split()
    for ranks in (1, 4):
        status, _, err = run(ranks, TRAIN, *options, "--save", f"{ranks}.npz", cwd=tmp_path)
        assert status == 0, err
    one, four = (np.load(tmp_path / f"{ranks}.npz") for ranks in (1, 4))
    for key in one:
        np.testing.assert_allclose(four[key], one[key], rtol=0, atol=1e-10)


@needs_mpi
def test_a_rank_that_fails_ends_them_all_and_says_who(tmp_path):
    (tmp_path / "fails.py").write_text(
        "import sys\n"
        "from mpi4py import MPI\n"
        "from ch05 import train_neuralnet\n"
        "from ch05.data_parallel import DataParallel\n"
        "right, calls = DataParallel.gradient, 0\n"
        "def gradient(self, x, t):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    if calls == 5 and self.comm.rank == 1:\n"
        "        raise OSError('the disk of rank 1 is on fire')\n"
        "    return right(self, x, t)\n"
        "DataParallel.gradient = gradient\n"
        "sys.exit(train_neuralnet.main(['--save', 'w.npz', '--iters', '1000000']))\n"
    )
    status, out, err = run(3, "fails.py", cwd=tmp_path)
    assert status != 0
    assert "train_neuralnet.py, rank 1: the disk of rank 1 is on fire" in err
    assert "Traceback" not in err
    # Either the weights of the first evaluation, whole, or none yet; nothing else is left.
    left = {path.name for path in tmp_path.iterdir()} - {"fails.py"}
    assert left <= {"w.npz"}
    if left:
        TwoLayerNet(784, 50, 10).load(tmp_path / "w.npz")


@needs_mpi
def test_ctrl_c_ends_them_all(tmp_path):
    process = start(2, TRAIN, "--iters", 1000000, "--save", "w.npz", cwd=tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in err
    TwoLayerNet(784, 50, 10).load(tmp_path / "w.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@needs_mpi
def test_the_line_in_the_readme_runs(tmp_path):
    (line,) = re.findall(r"^mpiexec .*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    _, _, ranks, python, script, *options = line.split()
    assert (python, script) == ("python", "ch05/train_neuralnet.py")
    status, out, err = run(ranks, TRAIN, *options, "--iters", 2, "--no-plot", cwd=tmp_path)
    assert status == 0 and out.count("\n") == 1, err


@needs_mpi
def test_bad_options_are_refused_once(tmp_path):
    status, out, err = run(3, TRAIN, "--batch-size", "0", cwd=tmp_path)
    assert status == 2 and out == ""
    assert err.count("expected a whole number from 1 up, got '0'") == 1


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("N", [1, 2, 3, 10])
def test_the_slices_are_the_batch_and_differ_by_one_at_most(ranks, N):
    class Comm:
        size = ranks

    parts = []
    for rank in range(ranks):
        comm = Comm()
        comm.rank = rank
        parts.append(list(range(N))[DataParallel(None, comm)._slice(N)])
    assert sum(parts, []) == list(range(N))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_without_mpiexec_mpi_is_not_even_imported(tmp_path):
    code = (
        "import sys; sys.modules['mpi4py'] = None\n"
        "from ch05 import train_neuralnet\n"
        "sys.exit(train_neuralnet.main(['--iters', '1', '--no-plot']))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    assert done.returncode == 0


def test_mpiexec_without_mpi4py_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"expected mpi4py.*\[mpi\]"):
        world()
