"""Whatever stops a run, kill -9 or Ctrl-C or a full disk: the saved weights are old or new, whole.

After kill -9 a file NAME.PID.tmp may stay behind, which nobody takes for weights.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ch05 import train_neuralnet
from ch05.two_layer_net import TwoLayerNet
from common.network import Network

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "ch05" / "train_neuralnet.py"
IMAGES = 20  # as many as there are in `data`: an epoch is one update, so that each one is saved


def options(data, iters=100_000, save="w.npz"):
    batches = ["--batch-size", str(IMAGES), "--iters", str(iters), "--no-plot"]
    return ["--data", str(data), *batches, "--save", save]


def start(*command, cwd, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    environment.pop("PYTHONUNBUFFERED", None)  # which few readers set
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_after(code, *command, cwd):
    """A script in a process that has gone through the code before."""
    become = "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    return start("-c", f"import os, resource, sys; {code}; {become}", *command, cwd=cwd)


def finish(process):
    """Its exit status, and what is left to read. A process that hangs is ended after a minute."""
    watch = threading.Timer(60, process.kill)
    watch.start()
    with process:
        out, err = process.stdout.read(), process.stderr.read()
    watch.cancel()
    return process.returncode, out, err


def network(seed):
    return TwoLayerNet(784, 50, 10, weight_init_std=1, dtype=np.float32, rng=seed)


def bits(net):
    return b"".join(param.tobytes() for param in net.params.values())


def saved(folder):
    """The bits of the weights in the folder, where nothing else may be but unfinished files."""
    net = network(seed=9)
    net.load(folder / "w.npz")
    assert all(path.name.endswith(".tmp") for path in folder.iterdir() if path.name != "w.npz")
    return bits(net)


def moments(ordinary, campaign):
    """Seeds of random moments, few in the ordinary run and many in the campaign."""
    return pytest.mark.parametrize(
        "seed",
        [
            pytest.param(seed, marks=[pytest.mark.campaign] * (seed >= ordinary))
            for seed in range(campaign)
        ],
    )


# kill -9

SAVE_FOR_EVER = """
import sys
import numpy as np
from ch05.two_layer_net import TwoLayerNet

start = {"weight_init_std": 1, "dtype": np.float32}
nets = [TwoLayerNet(784, 50, 10, **start, rng=seed) for seed in (0, 1)]
print("begin", flush=True)
while True:
    for net in nets:
        net.save("w.npz")
"""


@moments(ordinary=3, campaign=50)
def test_kill_9_while_saving_leaves_one_of_the_two(tmp_path, seed):
    network(seed=2).save(tmp_path / "w.npz")
    process = start("-c", SAVE_FOR_EVER, cwd=tmp_path)
    assert process.stdout.readline() == "begin\n"
    time.sleep(np.random.default_rng(seed).uniform(0, 0.05))
    process.kill()
    assert finish(process) == (-signal.SIGKILL, "", "")
    assert saved(tmp_path) in [bits(network(seed)) for seed in (0, 1, 2)]
    network(seed=3).save(tmp_path / "w.npz")  # and what was left behind is in nobody's way
    assert saved(tmp_path) == bits(network(seed=3))


# The same at every line: a child dies before the first line of saving runs, another one before
# the second, and so on, until one lives to its end.
DIE_AT_EVERY_LINE = """
import os, signal, sys
import numpy as np
from ch05.two_layer_net import TwoLayerNet

def network(seed):
    return TwoLayerNet(784, 50, 10, weight_init_std=1, dtype=np.float32, rng=seed)

def bits(net):
    return b"".join(param.tobytes() for param in net.params.values())

def die_at(line):
    def trace(frame, event, arg):
        nonlocal line
        if not frame.f_code.co_filename.endswith("network.py"):
            return None
        if event == "line":
            line -= 1
        if line < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)

old, new, other = (network(seed) for seed in (0, 1, 2))
for line in range(1000):
    old.save("w.npz")
    child = os.fork()
    if child == 0:
        die_at(line)
        new.save("w.npz")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    other.load("w.npz")
    print(line, {bits(old): "old", bits(new): "new"}.get(bits(other), "neither"))
    if status == 0:
        break
"""


def test_kill_9_before_any_line_of_saving_leaves_old_or_new(tmp_path):
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as fork asks for
    process = start("-W", "ignore", "-c", DIE_AT_EVERY_LINE, cwd=tmp_path, **one_thread)
    status, out, err = finish(process)
    assert (status, err) == (0, "")
    found = [line.split()[1] for line in out.splitlines()]
    before, after = found.count("old"), found.count("new")
    assert found == ["old"] * before + ["new"] * after
    assert before > 10 and after >= 1


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The weights as the script saves them, update by update: trained(n) after update n."""
    weights, wanted = [], 0

    def up_to(n):
        nonlocal wanted
        if n >= wanted:
            wanted = 2 * n + 100
            weights.clear()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Network, "save", lambda net, path: weights.append(bits(net)))
                patch.chdir(tmp_path_factory.mktemp("trained"))
                assert train_neuralnet.main(options(data, iters=wanted)) == 0
        return weights[n]

    return up_to


@moments(ordinary=3, campaign=50)
def test_kill_9_while_training_leaves_what_was_printed_or_one_update_more(
    tmp_path, data, trained, seed
):
    network(seed=2).save(tmp_path / "w.npz")
    process = start(TRAIN, *options(data), cwd=tmp_path)
    if seed % 5:  # else even before the first update
        assert process.stdout.readline()
    time.sleep(np.random.default_rng(seed).uniform(0, 0.3))
    process.kill()
    status, out, err = finish(process)
    assert (status, err) == (-signal.SIGKILL, "")
    lines = out.count("\n") + (seed % 5 > 0)
    last = trained(lines - 1) if lines else bits(network(seed=2))
    assert saved(tmp_path) in (last, trained(lines))


# Ctrl-C, twice


def test_a_second_ctrl_c_stops_training_at_once():
    x, t = np.zeros((10, 4)), np.arange(10) % 3
    seen = []

    def press_twice(history):
        signal.raise_signal(signal.SIGINT)
        seen.append(history.interrupted)
        signal.raise_signal(signal.SIGINT)
        seen.append("still here")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_neuralnet.train(TwoLayerNet(4, 5, 3), (x, t), (x, t), on_epoch=press_twice)
    assert seen == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_while_saving_leaves_the_old_weights(tmp_path, data, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network(seed=2).save("w.npz")

    def press_twice(descriptor):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", press_twice)
    try:
        status = train_neuralnet.main(options(data))
    except KeyboardInterrupt:  # which would end pytest itself
        status = "a traceback"
    assert status == 130
    assert capsys.readouterr() == ("", "")
    assert saved(tmp_path) == bits(network(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


CTRL_C_AT_EXIT = """
import atexit, runpy, signal, sys

atexit.register(signal.raise_signal, signal.SIGINT)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_ctrl_c_after_the_last_line_is_no_traceback(tmp_path, data, trained):
    process = start("-c", CTRL_C_AT_EXIT, TRAIN, *options(data, iters=3), cwd=tmp_path)
    _, out, err = finish(process)
    assert out.count("\n") == 3
    assert err.startswith("3 updates") and err.count("\n") == 1
    assert saved(tmp_path) == trained(2)


@moments(ordinary=2, campaign=20)
def test_two_ctrl_c_in_a_row_leave_whole_weights_and_no_traceback(tmp_path, data, seed):
    process = start(TRAIN, *options(data), cwd=tmp_path)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(np.random.default_rng(seed).uniform(0, 0.01))
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    # The second may come when training has ended by the first: then the summary is printed.
    assert status in (130, -signal.SIGINT) and "Traceback" not in err and err.count("\n") <= 1
    assert saved(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


# Nowhere to write to


# A file that grows beyond 50 kB is then answered by an error, as on a full disk.
ONLY_SMALL_FILES = "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"


def test_a_full_disk_is_one_line_and_the_old_weights_stay(tmp_path, data):
    network(seed=2).save(tmp_path / "w.npz")
    process = start_after(ONLY_SMALL_FILES, TRAIN, *options(data), cwd=tmp_path)
    status, out, err = finish(process)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1 and "w.npz: expected to write this file, got: File too" in err
    assert saved(tmp_path) == bits(network(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("name", ["file/w.npz", "/proc/w.npz", "/dev/null/w.npz", "none/w.npz"])
def test_a_place_where_no_file_can_be_is_one_line(tmp_path, data, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("hello")
    for option in ("--save", "--plot"):
        with pytest.raises(SystemExit) as stop:
            train_neuralnet.main(["--data", str(data), option, name])
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
        assert option in err and name in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "hello"


def test_a_read_only_folder_is_one_line_and_the_old_weights_stay(tmp_path, data):
    folder = tmp_path / "folder"
    folder.mkdir()
    network(seed=2).save(folder / "w.npz")
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write anywhere, as root may")
    try:
        status, out, err = finish(start(TRAIN, *options(data), cwd=folder))
        with pytest.raises(OSError, match="w.npz: expected to write this file, got: Permission"):
            network(seed=1).save(folder / "w.npz")
    finally:
        folder.chmod(0o700)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "w.npz: Permission denied" in err
    assert saved(folder) == bits(network(seed=2))


@pytest.mark.parametrize(
    "name, words",
    [
        ("file/w.npz", "Not a directory"),
        ("none/w.npz", "No such file or directory"),
        ("w" * 300, "File name too long"),
    ],
)
def test_an_error_of_saving_names_the_file_itself(tmp_path, name, words):
    (tmp_path / "file").write_text("hello")
    with pytest.raises(OSError, match=f"{name}: expected to write this file, got: {words}"):
        network(seed=0).save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_vanishes_in_training_is_one_line(tmp_path, data):
    (tmp_path / "folder").mkdir()
    process = start(TRAIN, *options(data, save="folder/w.npz"), cwd=tmp_path)
    assert process.stdout.readline()
    (tmp_path / "folder").rename(tmp_path / "gone")
    status, _, err = finish(process)
    assert (status, err.count("\n")) == (1, 1)
    assert "w.npz: expected to write this file, got: No such file or directory" in err
    assert saved(tmp_path / "gone")


# Nobody to print to

FEW_BATCHES = ["--iters", "5000", "--batch-size", "20", "--no-plot"]


@pytest.mark.parametrize(
    "lines, script, arguments",
    [
        (0, "train_neuralnet.py", FEW_BATCHES),
        (1, "train_neuralnet.py", FEW_BATCHES),
        (0, "train_neuralnet.py", ["--help"]),
        (0, "gradient_check.py", ["--samples", "2"]),
    ],
)
def test_a_pipe_that_closes_early_is_no_traceback(tmp_path, data, lines, script, arguments):
    more = ["--data", data] if arguments == FEW_BATCHES else []
    process = start(ROOT / "ch05" / script, *arguments, *more, cwd=tmp_path)
    assert "" not in [process.stdout.readline() for _ in range(lines)]
    err = finish_unread(process)
    assert "Traceback" not in err and "Exception ignored" not in err
    assert err.count("\n") <= 1
    assert list(tmp_path.iterdir()) == []


def finish_unread(process):
    """What a process says on standard error after its output is closed, as `| head` does."""
    process.stdout.close()
    with process:
        return process.stderr.read()


def test_weights_are_saved_before_a_pipe_is_found_closed(tmp_path, data, trained):
    process = start(TRAIN, *options(data), cwd=tmp_path)
    assert process.stdout.readline()
    finish_unread(process)
    assert process.returncode != 0
    # The second line, or a later one, is the one that can't be printed any more.
    assert saved(tmp_path) in [trained(n) for n in range(1, 100)]


def test_without_any_output_training_goes_on_and_saves(tmp_path, data, trained):
    # As `>&-` closes it in a shell.
    process = start_after("os.close(1)", TRAIN, *options(data, iters=3), cwd=tmp_path)
    status, _, err = finish(process)
    assert "Traceback" not in err and err.count("\n") == 1
    assert saved(tmp_path) == trained(2)


def test_a_write_protected_file_stays_and_a_private_one_stays_private(tmp_path, monkeypatch):
    path, network = tmp_path / "w.npz", TwoLayerNet(3, 2, 2)
    network.save(path)
    path.chmod(0o600)
    network.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    old = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)  # which root never hears
    with pytest.raises(OSError, match="expected to write this file, got a write-protected one"):
        network.save(path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
