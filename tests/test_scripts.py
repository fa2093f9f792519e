"""The two scripts, as a reader starts them: from any folder, in a pipe, in a terminal, with Ctrl-C.

Most runs train on `data`, 20 images of noise. With a batch of 20 an epoch is one update, so that
every update is printed and saved.
"""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
from collections import OrderedDict
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from readers import WINDOW, Mine, memory_for

from ch05 import gradient_check, train_neuralnet
from ch05.tools import options
from ch05.train_neuralnet import History, train
from ch05.two_layer_net import TwoLayerNet
from common.check import check_gradient
from common.layers import Relu, SoftmaxWithLoss
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
TRAIN, CHECK = ROOT / "ch05" / "train_neuralnet.py", ROOT / "ch05" / "gradient_check.py"
NUMBERS = re.compile(r"([01]\.\d{4} [01]\.\d{4}\n)*")  # what standard output holds, and no more
KEYS = "W1", "b1", "W2", "b2"
FEW = "--iters", "3", "--no-plot", "--data"


def start(*command, cwd, typed="", **environment):
    """A process of Python, with what somebody types into it."""
    few = "PYTHONPATH", "PYTHONUNBUFFERED"  # few readers set these
    ours = {name: value for name, value in os.environ.items() if name not in few}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, *map(str, command)]
    process = subprocess.Popen(command, cwd=cwd, env=ours | environment, text=True, **pipes)
    process.stdin.write(typed)
    process.stdin.close()
    return process


def finish(process):
    """Its exit status, and what is left to read. A process that hangs is ended after a minute."""
    watch = threading.Timer(60, process.kill)
    watch.start()
    with process:  # communicate() would miss what readline() has put into its buffer
        out, err = process.stdout and process.stdout.read(), process.stderr.read()
    watch.cancel()
    assert "Traceback" not in err and "Exception ignored" not in err, err
    return process.returncode, out, err


def run(*command, cwd=ROOT, **how):
    return finish(start(*command, cwd=cwd, **how))


def each_update(data, iters=1_000_000):
    """The options of a run that prints and saves after each update."""
    return f"--data {data} --batch-size 20 --iters {iters} --dtype float64 --save w.npz".split()


# The textbook's training, with its forward and backward written out


def forward(x, W1, b1, W2, b2):
    h = np.maximum(x @ W1 + b1, 0)
    y = np.exp(h @ W2 + b2)
    return h, y / y.sum(axis=1, keepdims=True)


def textbook(params, x_train, t_train, draws, iters_num, batch_size, learning_rate):
    """The four arrays after the training, and the loss after each update."""
    W1, b1, W2, b2 = (np.array(params[key]) for key in KEYS)
    train_loss_list = []
    for _ in range(iters_num):
        batch_mask = draws.choice(len(x_train), batch_size)
        x, t = x_train[batch_mask].astype(np.float64), np.eye(len(b2))[t_train[batch_mask]]
        h, y = forward(x, W1, b1, W2, b2)
        dscores = (y - t) / batch_size
        dh = dscores @ W2.T * (h > 0)
        W1, b1 = W1 - learning_rate * x.T @ dh, b1 - learning_rate * dh.sum(axis=0)
        W2, b2 = W2 - learning_rate * h.T @ dscores, b2 - learning_rate * dscores.sum(axis=0)
        _, y = forward(x, W1, b1, W2, b2)
        train_loss_list.append(-(t * np.log(y)).sum() / batch_size)
    return (W1, b1, W2, b2), train_loss_list


def assert_saved(path, data, *updates, batch_size=20, learning_rate=0.1):
    """The file holds what the textbook's loop has learnt by then, from the script's seed, 0.

    Of two numbers of updates: one or the other, array by array.
    """
    net = TwoLayerNet(784, 50, 10)
    net.load(path)
    digits, learnt = load_mnist(data_dir=data)[0], []
    for count in updates:
        rng = np.random.default_rng(0)
        first = TwoLayerNet(784, 50, 10, rng=rng).params  # drawn before the batches
        learnt.append(textbook(first, *digits, rng, count, batch_size, learning_rate)[0])
    for key, *arrays in zip(KEYS, *learnt):
        assert any(np.allclose(net.params[key], each, rtol=0, atol=1e-9) for each in arrays), key


def small(N=100, seed=0):
    x = np.random.default_rng(seed).normal(size=(N, 4))
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


@pytest.mark.parametrize("rng", [None, 5, np.random.default_rng])
def test_train_is_the_textbooks_loop(rng):
    def draws():  # what comes after np.random.seed(5), and of a Generator from the seed 5
        return np.random.RandomState(5) if rng is None else np.random.default_rng(5)

    np.random.seed(5)
    network, (x, t) = TwoLayerNet(4, 6, 3, weight_init_std=1, rng=0), small()
    start, sets = network.params.copy(), [(x, t), (x[:10], t[:10])]
    rates = {"iters_num": 300, "batch_size": 7, "learning_rate": 0.1}
    history = train(network, *sets, **rates, rng=rng(5) if callable(rng) else rng)
    params, losses = textbook(start, x, t, draws(), **rates)
    for key, array in zip(KEYS, params):
        np.testing.assert_allclose(network.params[key], array, rtol=0, atol=1e-9)
    np.testing.assert_allclose(history.train_loss_list, losses, rtol=0, atol=1e-9)
    # 100 // 7 is 14 updates an epoch: accuracies after updates 0, 14, 28, ..., counted from 0.
    assert history.iter_per_epoch == 14
    for (x_set, t_set), acc_list in zip(sets, (history.train_acc_list, history.test_acc_list)):
        for i, accuracy in zip(range(0, 300, 14), acc_list, strict=True):
            params, _ = textbook(start, x, t, draws(), **{**rates, "iters_num": i + 1})
            _, y = forward(x_set, *params)
            assert accuracy == pytest.approx((y.argmax(axis=1) == t_set).mean())


@pytest.mark.parametrize("batch_size, epoch", [(50, 2), (64, 1), (1000, 1)])
def test_an_epoch_is_a_whole_number_of_updates(batch_size, epoch):
    seen, how = [], {"iters_num": 2 * epoch + 1, "batch_size": batch_size}
    how["on_epoch"] = lambda h: seen.append((len(h.train_loss_list), len(h.test_acc_list)))
    assert not train(TwoLayerNet(4, 5, 3), small(), small(), **how).interrupted
    assert seen == [(1, 1), (epoch + 1, 2), (2 * epoch + 1, 3)]


def test_a_history_shows_itself_in_one_line():
    history = train(TwoLayerNet(4, 5, 3, rng=0), small(), small(50, seed=1), iters_num=1000)
    loss, accuracies = history.train_loss_list[-1], history.end_accuracies
    words = "loss {:.4f}, accuracy: training {:.4f}, test {:.4f}".format(loss, *accuracies)
    assert repr(history) == f"History(1,000 updates, {words})"
    assert repr(History(600)) == "History(0 updates)"


def test_the_end_is_measured_too():
    network, sets = TwoLayerNet(4, 5, 3, 1, rng=0), [small(), small(50, seed=1)]
    for updates in (1, 5, 4):  # an epoch is 4: the last row is that of the first, the fifth update
        how = {"iters_num": updates, "batch_size": 25, "learning_rate": 1, "rng": 0}
        history = train(network, *sets, **how)
        rows = history.train_acc_list[-1], history.test_acc_list[-1]
        assert history.end_accuracies == tuple(network.accuracy(*each) for each in sets)
        assert (history.end_accuracies == rows) == (updates != 4)


def test_without_any_streams_it_trains_and_saves(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("stdout", "stderr"):  # as under pythonw, or where a shell closes both
        monkeypatch.setattr(sys, name, None)
    assert train_neuralnet.main([*each_update(data, iters=3)]) == 0
    assert_saved("w.npz", data, 3)
    assert sorted(os.listdir(tmp_path)) == ["train_neuralnet.png", "w.npz"]


def test_samples_of_ordinary_size_are_neither_warned_of_nor_copied():
    x, t = small(10_000)  # of mean 0 and standard deviation 1; a warning would be an error
    for each in (x * 0, x * 0.3, np.repeat(x, 100, axis=1)):
        network = TwoLayerNet(each.shape[1], 5, 3)
        most = memory_for(train, network, (each, t), (each, t), iters_num=3)
        assert most < max(each.nbytes / 2, 3e6)


def test_a_network_that_diverges_names_the_update():
    network = TwoLayerNet(4, 5, 3)
    spoil = lambda history: [network.params[key].fill(1e300) for key in ("W1", "W2")]  # noqa: E731
    with pytest.raises(FloatingPointError, match=r"update 1\b"):
        train(network, small(), small(), batch_size=50, on_epoch=spoil)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the code that nobody has installed; it says so when it is used."""
    folder = tmp_path_factory.mktemp("copy") / "project"
    large = shutil.ignore_patterns("*.gz", "*.ipynb")
    for part in ("common", "dataset", "ch05"):
        shutil.copytree(ROOT / part, folder / part, ignore=large)
    (folder / "common" / "__init__.py").write_text("import sys; print('copy', file=sys.stderr)")
    return folder


@pytest.mark.parametrize("command, where", [
    (["train_neuralnet.py"], "ch05"),
    (["{copy}/ch05/train_neuralnet.py"], "/"),
    (["-m", "ch05.train_neuralnet"], "."),
    (["-c", "from two_layer_net import TwoLayerNet"], "ch05"),
    (["-c", "from multi_layer_net import MultiLayerNet"], "ch05"),
    (["-c", "from ch05.two_layer_net import TwoLayerNet"], "."),
    (["-c", "import runpy; runpy.run_path('gradient_check.py')"], "ch05"),
])  # fmt: skip
def test_scripts_and_imports_find_the_code_beside_them(copy, data, command, where):
    command = [part.format(copy=copy) for part in command]
    lines = 0 if command[0] == "-c" else 3
    status, out, err = run(*command, *FEW, data, cwd=copy / where)
    assert status == 0 and err.startswith("copy\n")
    assert NUMBERS.fullmatch(out) and out.count("\n") == lines


def test_without_a_package_one_line_names_the_command_to_run(tmp_path, data):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['matplotlib'] = None")
    without, few = {"PYTHONPATH": str(tmp_path)}, [TRAIN, "--data", data, "--iters", "1"]
    for said, *command in (
        ("numpy.*pip install", "-S", "-E", CHECK),  # -S: no packages but Python's own
        ("numpy.*pip install", "-S", "-E", "-m", "ch05.train_neuralnet"),
        ("matplotlib", *few),
    ):
        status, out, err = run(*command, **without)
        assert (status, out, err.count("\n")) == (1, "", 1) and re.search(said, err)
    assert run(*few, "--no-plot", **without)[0] == 0  # only what draws needs that one


@pytest.mark.parametrize("name", ["common/__init__.py", "dataset.py"])
def test_a_folder_or_a_file_of_our_name_in_the_way_is_named(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    name = name.removesuffix("/__init__.py")
    words = f"expected {ROOT / name.removesuffix('.py')}, got {tmp_path / name}, "
    path = {"PYTHONPATH": str(ROOT), "cwd": tmp_path}
    status, out, err = run("-m", "ch05.train_neuralnet", **path)
    assert (status, out, err.count("\n")) == (1, "", 1) and words in err
    code = "try: import ch05.two_layer_net\nexcept ImportError as error: print(error)"
    status, out, err = run("-c", code, **path)
    assert (status, err, out.count("\n")) == (0, "", 1) and words in out
    assert run(TRAIN, "--help", **path)[0] == 0  # a script looks beside itself first


SCRIPTS = ["train_neuralnet.py", "gradient_check.py", "playground.py", "parallel/train_parallel.py"]
SCRIPTS += ["classroom/grade.py", "two_layer_net.py", "multi_layer_net.py", "pictures.py"]
BEFORE = ["__init__.py", "project_path.py", "tools/__init__.py", "tools/start.py"]


def test_an_older_python_is_answered_in_one_sentence(tmp_path):
    for name in SCRIPTS + BEFORE:  # what it must read to get there
        ast.parse((ROOT / "ch05" / name).read_text("utf-8"), feature_version=(3, 7))
    old = "import sys; del sys.orig_argv; sys.version_info = (3, 9, 18, 'final', 0)"
    (tmp_path / "sitecustomize.py").write_text(old)
    words = "expected Python 3.10 or later, got 3.9\n"
    for name in SCRIPTS[:5]:
        assert run(ROOT / "ch05" / name, PYTHONPATH=str(tmp_path)) == (1, "", words)


def test_training_learns_digits(tmp_path):
    status, out, err = run(TRAIN, "--iters", "601", "--seed", "3", "--no-plot", cwd=tmp_path)
    assert status == 0 and NUMBERS.fullmatch(out)
    lines = out.splitlines()
    assert len(lines) == 2  # after updates 0 and 600; the book prints some 0.90 after an epoch
    assert all(0.88 < float(accuracy) < 0.93 for accuracy in lines[-1].split())
    # A header, and a summary with the accuracies of now: no update came after the last line.
    assert "601" in err and all(accuracy in err for accuracy in lines[-1].split())
    assert os.listdir(tmp_path) == []


def test_the_options_reach_the_training(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ours = f"--data {data} --dtype float64 --batch_size 7 --epochs 3 --lr 0.5 --save w.npz"
    assert train_neuralnet.main([*ours.split(), "--plot", "p.svg"]) == 0
    # 20 // 7 is 2 updates an epoch.
    assert_saved("w.npz", data, 6, batch_size=7, learning_rate=0.5)
    out, err = capsys.readouterr()
    assert out.count("\n") == 3 and sorted(os.listdir(tmp_path)) == ["p.svg", "w.npz"]
    assert "<svg" in Path("p.svg").read_text() and "p.svg" in err and "w.npz" in err
    again = f"--data {data} --load w.npz --batch-size 7 --learning-rate 1e-9 --iters 1 --no-plot"
    assert train_neuralnet.main(again.split()) == 0
    net, digits = TwoLayerNet(784, 50, 10), load_mnist(data_dir=data)
    net.load("w.npz")
    trained = [f"{net.accuracy(*each):.4f}" for each in digits]
    assert capsys.readouterr().out.split() == trained


@pytest.mark.parametrize("parse", [options.parse_training, options.parse_check])
def test_hidden_layers_are_given_in_either_form(parse):
    for hidden, sizes in (([], [50]), (["50,40"], [50, 40]), (["60,", "50", "40"], [60, 50, 40])):
        params = parse(["--hidden", *hidden] if hidden else []).network.params
        assert [param.size for key, param in params.items() if key[0] == "b"] == [*sizes, 10]


@pytest.mark.parametrize("backend", ["agg", "module://window"])
def test_show_opens_a_window_or_says_that_there_is_no_screen(tmp_path, data, backend):
    (tmp_path / "window.py").write_text(WINDOW)
    (tmp_path / "matplotlibrc").write_text(f"backend: {backend}")
    # A notebook's cell passes its own backend on to what it starts by "!".
    screen = {"MPLBACKEND": "module://nowhere", "PYTHONPATH": str(tmp_path)}
    arguments = ["--data", data, "--iters", "3", "--show", "--plot", "p.png"]
    status, out, err = run(TRAIN, *arguments, cwd=tmp_path, **screen)
    assert status == 0 and [*tmp_path.glob("*.png")] == [tmp_path / "p.png"]
    rows, rest = out.splitlines()[:3], out.splitlines()[3:]
    assert len(rows) == 3 and rest == ["windows: 2"] * (backend == "module://window")
    assert ("screen" in err) != bool(rest)


def test_a_name_may_be_long_and_what_is_replaced_is_said(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("w.npz", "w" * 200 + ".npz"):
        few = f"--data {data} --iters 1 --plot p.png --save".split()
        assert train_neuralnet.main([*few, name]) == 0
        _, err = capsys.readouterr()
        assert ("replaced" in err) == (name != "w.npz")  # p.png was there
        assert (tmp_path / name).stat().st_size > 100_000
    full = Mock(side_effect=[0, OSError(28, "No space left on device")])  # the first is a try
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"p\.png: .*No space"):
        train_neuralnet.main(few[:-1])
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_diverges_stops_in_one_line_and_writes_nothing(tmp_path, data):
    options = "--lr 1e30 --iters 50 --save w.npz --data".split()
    status, out, err = run(TRAIN, *options, data, cwd=tmp_path)
    assert (status, out, err.count("\n"), os.listdir(tmp_path)) == (1, "", 1, [])
    assert "update 0" in err


def test_a_run_that_learns_nothing_says_so(data):
    status, _, err = run(TRAIN, *"--no-plot --lr 1e-9 --iters 100 --data".split(), data)
    assert status == 0 and re.search("^train_neuralnet.py: warning: .*learning rate", err, re.M)


def test_of_having_learnt_nothing_is_warned_not_too_early_nor_after_learning_a_little():
    few = {"iters_num": 99, "learning_rate": 1e-9, "rng": 0}  # a warning would be an error
    train(TwoLayerNet(4, 5, 3, rng=0), small(), small(), **few)
    network = TwoLayerNet(4, 5, 3, 1, rng=0)
    assert train(network, small(), small(), iters_num=300, rng=0).end_accuracies[0] > 0.6
    train(network, small(), small(), iters_num=3000, learning_rate=1, rng=0)
    network.loss = lambda x, t: 1000.0  # as where a few samples are far off
    history = train(network, small(), small(), iters_num=100, learning_rate=1e-12, rng=0)
    assert history.end_accuracies[0] > 0.9


def test_layers_train_whatever_their_flag_was_and_what_is_measured_leaves_no_trace():
    # It counts its forwards in training, as BatchNormalization counts its means.
    layer = Mine(lambda self, x: vars(self).update(n=self.n + self.train_flg) or x, n=0)
    network, type(layer).train_flg = TwoLayerNet(4, 5, 3, rng=0), True
    network.layers["Relu1"] = layer
    train(network, small(), small(), iters_num=120, rng=0)
    assert layer.n == 240  # two forwards an update, and none beside them
    assert "train_flg" not in vars(layer)  # that of the class still counts
    layer.train_flg = False
    train(network, small(), small(), iters_num=3)
    assert layer.n == 246 and layer.train_flg is False


def test_numbers_for_a_layer_of_ones_own_are_not_warned_of_and_labels_for_a_loss_may_be_others():
    class Ignoring(SoftmaxWithLoss):  # what is labelled -1
        def forward(self, x, t):
            return super().forward(x, np.maximum(t, 0))

    network, x, t = TwoLayerNet(3, 5, 3), 255.0 * np.eye(3), np.array([0, 1, -1])
    network.layers = OrderedDict(Scale=Mine(lambda self, x: x / 255), **network.layers)
    network.lastLayer = Ignoring()
    with pytest.warns(UserWarning, match="no accuracy"):  # another warning would be an error
        history = train(network, (x, t), (x, t), iters_num=3)
    assert len(history.train_loss_list) == 3 and history.train_acc_list == []


@pytest.mark.unix
@pytest.mark.filterwarnings("ignore:.*multi-threaded")
@pytest.mark.parametrize("way", ["", "| sort", "2>&1 | cat", "> out", "2> err"])
def test_in_a_terminal_rows_fit_their_heading(tmp_path, data, monkeypatch, way):
    import pty  # not at the top: Windows has none

    def keep(terminal):
        return chunks.append(os.read(terminal, 4096)) or chunks[-1]

    monkeypatch.chdir(tmp_path)
    sized, chunks = ["sh", "-c", f'stty rows 24 cols 100; "$@" {way}', "sh", sys.executable], []
    command = [TRAIN, *"--batch-size 10 --epochs 40 --no-plot --data".split(), data]
    assert pty.spawn([*sized, *map(str, command)], keep) == 0
    shown = b"".join(chunks).decode().replace("\r\n", "\n")
    assert bool(re.search(r"\d/80\b.*loss", shown)) == ("\r" in shown) == (way in ("", "> out"))
    shown += "".join(path.read_text() for path in tmp_path.iterdir())
    lines = [line.split("\r")[-1] for line in shown.split("\n")]
    rows = [line for line in lines if re.search(r"[01]\.\d{4} [01]\.\d{4}", line)]
    firsts = [""] * 41 if way else [f"{k:>5}  " for k in (*range(40), "end")]
    assert ("train  test" if way else "epoch  train  test") in lines
    for first, row in zip(firsts, rows, strict=True):
        assert NUMBERS.fullmatch(row.removeprefix(first).removesuffix(" at the end") + "\n")


# Ctrl-C

PRESS = """
import os, pkgutil, runpy, signal, sys

sys.path.insert(0, {root!r})
owner, name, times = pkgutil.resolve_name({owner!r}), {name!r}, {times}
right = getattr(owner, name)

def press(*args, **named):  # Ctrl-C as this function is called for the n-th time
    global times
    times -= 1
    if times == 0:
        signal.raise_signal(signal.SIGINT)
    return right(*args, **named)

setattr(owner, name, press)
del sys.argv[0]
sys.path.insert(0, os.path.dirname(sys.argv[0]))  # as Python does with a script
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("owner, name, times, status, printed, learnt, said", [
    ("ch05.tools.options", "load_mnist", 1, 130, 0, 0, False),
    ("common.network:Network", "gradient", 1, 130, 0, 0, True),
    ("common.network:Network", "loss", 4, 130, 1, 2, True),  # after the second gradient
    ("common.network:Network", "accuracy", 4, 130, 1, 2, True),  # on the test digits
    ("common.network:Network", "accuracy", 12, 130, 5, 5, True),  # at the end
    ("os", "replace", 2, 130, 2, 2, True),  # in saving, after which the line is printed too
    ("ch05.tools.train_output", "finish", 1, 130, 5, 5, False),
    ("os", "replace", 6, 130, 5, 5, True),  # in the last saving, before the picture
])  # fmt: skip
def test_ctrl_c_at_any_moment(tmp_path, data, owner, name, times, status, printed, learnt, said):
    TwoLayerNet(784, 50, 10, rng=1).save(tmp_path / "w.npz")
    old = (tmp_path / "w.npz").read_bytes()
    (tmp_path / "train_neuralnet.png").write_text("old")
    code = PRESS.format(root=str(ROOT), owner=owner, name=name, times=times)
    came, out, err = run("-c", code, TRAIN, *each_update(data, iters=5), cwd=tmp_path)
    assert came == status and NUMBERS.fullmatch(out) and out.count("\n") == printed
    if learnt:
        assert_saved(tmp_path / "w.npz", data, learnt)
    else:
        assert (tmp_path / "w.npz").read_bytes() == old
    # A header stands above the first numbers; after that comes the summary, if there is one.
    assert bool(re.search("updates? in", err)) == said and "warning" not in err
    drawn = said and status == 130 and learnt > 0 and times != 6
    stopped = ["train_neuralnet-stopped.png"] * drawn
    assert sorted(os.listdir(tmp_path)) == [*stopped, "train_neuralnet.png", "w.npz"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in stopped)
    assert ((tmp_path / "train_neuralnet.png").read_text("latin1") == "old") == (status == 130)


MOMENTS = [pytest.param(seed, marks=[pytest.mark.campaign] * (seed > 0)) for seed in range(40)]


@pytest.mark.unix
@pytest.mark.parametrize("seed", MOMENTS)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_what_was_learnt_is_kept_whatever_ends_a_run(tmp_path, data, seed, name):
    process = start(TRAIN, *each_update(data), "--no-plot", cwd=tmp_path)
    assert process.stdout.readline()
    time.sleep(np.random.default_rng(seed).uniform(0, 0.3))
    process.send_signal(getattr(signal, name))
    status, out, err = finish(process)
    updates = printed = 1 + out.count("\n")
    if name == "SIGINT":
        # It counts the updates whose loss is known. One more may have been made, in part.
        updates = int(re.search(r"([\d,]+) update", err)[1].replace(",", ""))
    assert status == (130 if name == "SIGINT" else -getattr(signal, name))
    assert NUMBERS.fullmatch(out) and printed <= updates <= printed + 1
    assert_saved(tmp_path / "w.npz", data, updates, updates + 1)
    # After kill a file w.npz.PID.tmp may stay behind, which nobody takes for weights.
    assert [name for name in sorted(os.listdir(tmp_path)) if not name.endswith(".tmp")] == ["w.npz"]


def test_ctrl_c_between_two_accuracies_keeps_neither():
    network = TwoLayerNet(4, 5, 3)
    network.accuracy = Mock(side_effect=[0.1, 0.2, 0.3, KeyboardInterrupt, 0.4, 0.5])
    history = train(network, small(), small(), batch_size=100)  # each update is an epoch
    assert (history.train_acc_list, history.test_acc_list) == ([0.1], [0.2])
    assert len(history.train_loss_list) == 2 and history.interrupted


@pytest.mark.parametrize("end", [KeyboardInterrupt, StopIteration, np.True_])
def test_on_epoch_may_end_a_training(end):
    on_epoch = Mock(side_effect=[1, 2, end])  # a number that it returns ends nothing
    history = train(TwoLayerNet(4, 5, 3), small(), small(), batch_size=50, on_epoch=on_epoch)
    assert len(history.train_loss_list) == 5 and history.interrupted
    assert history.end_accuracies == (history.train_acc_list[-1], history.test_acc_list[-1])
    network = TwoLayerNet(4, 5, 3)
    network.loss = lambda x, t: next(iter(()))
    with pytest.raises(StopIteration):  # one from elsewhere is an error
        train(network, small(), small())


SHOW = "import signal; print('as before:', "
SHOW += "signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
IPYTHON = f"""
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("run", " ".join(sys.argv[1:]))
shell.run_cell({SHOW!r})
"""


@pytest.mark.parametrize("session", [["-i"], ["-c", IPYTHON]])
def test_a_session_is_as_before(tmp_path, data, session):
    command = [*session, TRAIN, *FEW, data]
    how = {"cwd": tmp_path, "typed": f"{SHOW}\n", "IPYTHONDIR": str(tmp_path)}
    status, out, err = run(*command, **how)
    assert status == 0 and "as before: True" in out and "Traceback" not in out


@pytest.mark.unix
@pytest.mark.parametrize("script, lines", [(TRAIN, 1), (CHECK, 0)])
def test_a_pipe_that_closes_early_ends_a_run_quietly(tmp_path, data, script, lines):
    long = ["--data", data, "--iters", "5000", "--batch-size", "20", "--no-plot"]
    process = start(script, *(long if script == TRAIN else ["--samples", "2"]), cwd=tmp_path)
    assert "" not in [process.stdout.readline() for _ in range(lines)]
    process.stdout.close()  # as `| head` does
    process.stdout = None
    status, _, err = finish(process)
    assert status == 1 and err.count("\n") <= 2  # the header
    assert os.listdir(tmp_path) == []


def test_gradient_check_prints_the_books_lines_and_a_verdict(monkeypatch, capsys):
    # The figures come of all entries. For the verdict a few will do here.
    few = lambda *args, **how: check_gradient(*args, **how | {"samples": 2})  # noqa: E731
    monkeypatch.setattr(gradient_check, "check_gradient", few)
    readme = (ROOT / "README.md").read_text("utf-8")
    ranges = re.findall(r"\| ([\d.]+e-\d+) to ([\d.]+e-\d+) \|", readme)
    assert gradient_check.main([]) == 0
    figures, verdict = capsys.readouterr().out.split("\n\n", 1)
    names, values = zip(*(line.split(":") for line in figures.splitlines()))
    assert names == KEYS and verdict.strip()
    # The book prints 2.2e-13, 9.7e-13, 8.4e-13 and 1.19e-10.
    # The README says within which range the figures of any seed lie: so do the default ones.
    lows, highs = (1e-13, 5e-13, 4e-13, 1e-10), (4e-13, 2e-12, 2e-12, 1.5e-10)
    for value, low, high, (least, most) in zip(values, lows, highs, ranges, strict=True):
        assert low < float(least) <= float(value) <= float(most) < high


@pytest.mark.parametrize("samples, least", [(["--samples", "2"], 12), ([], 430)])
def test_gradient_check_of_a_large_network_takes_a_sample(samples, least, monkeypatch, capsys):
    calls, loss = [], TwoLayerNet.loss
    monkeypatch.setattr("common.network.Network.loss", lambda *a: calls.append(a) or loss(*a))
    assert gradient_check.main(["--hidden", "60", "60", "--images", "2", *samples]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:7]] == [*KEYS, "W3", "b3", ""]
    # Of six parameters 2 entries each, or of three W 100 each and of b all 60, 60 and 10; two
    # losses an entry, and some more. All of the 51,370 entries would be 102,740.
    assert 2 * least <= len(calls) < 2 * least + 400
    assert all(len(x) == 2 for _, x, _ in calls)


@pytest.mark.parametrize("tolerance, status", [([], 1), (["--tolerance", "0.01"], 0)])
def test_gradient_check_allows_the_error_that_is_asked_for(monkeypatch, capsys, tolerance, status):
    right = Relu.backward
    monkeypatch.setattr(Relu, "backward", lambda *args: right(*args) * 1.001)
    assert gradient_check.main(["--samples", "10", *tolerance]) == status
    verdict = capsys.readouterr().out.split("\n\n", 1)[1]
    assert ("Relu1" in verdict and "W1" in verdict) == status and "W2" not in verdict


KERNEL = types.SimpleNamespace(kernel="what a notebook runs in")


@pytest.mark.parametrize("shell, shown", [(None, False), (object(), False), (KERNEL, True)])
def test_a_bar_is_shown_where_a_kernel_runs_only(monkeypatch, capsys, shell, shown):
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))  # says nothing
    train(TwoLayerNet(4, 5, 3), small(), small(), iters_num=3, batch_size=100)
    assert ("3/3" in capsys.readouterr().out) == shown
