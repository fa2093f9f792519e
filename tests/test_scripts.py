"""The two scripts, as a reader starts them: from any folder, in a pipe, in a terminal."""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ch05 import gradient_check, train_neuralnet
from ch05.train_neuralnet import History
from ch05.two_layer_net import TwoLayerNet
from common.layers import Relu
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
TRAIN, CHECK = ROOT / "ch05" / "train_neuralnet.py", ROOT / "ch05" / "gradient_check.py"


def run(*command, cwd=ROOT):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project that nobody has installed, without the test files."""
    folder = tmp_path_factory.mktemp("copy") / "project"
    for part in ("common", "dataset", "ch05"):
        shutil.copytree(ROOT / part, folder / part)
    return folder


@pytest.mark.parametrize(
    "start, where",
    [
        (["ch05/train_neuralnet.py"], "."),
        (["train_neuralnet.py"], "ch05"),
        (["{copy}/ch05/train_neuralnet.py"], "/"),
        (["-m", "ch05.train_neuralnet"], "."),
    ],
)
def test_training_runs_from_anywhere(copy, start, where):
    start = [part.format(copy=copy) for part in start]
    done = run(*start, "--iters", "1", "--no-plot", cwd=copy / where)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(r"0\.\d{4} 0\.\d{4}", line)


@pytest.mark.parametrize(
    "code, where",
    [
        ("from two_layer_net import TwoLayerNet", "ch05"),
        ("from multi_layer_net import MultiLayerNet as TwoLayerNet", "ch05"),
        ("from ch05.two_layer_net import TwoLayerNet", "."),
    ],
)
def test_imports_find_the_code_beside_them(copy, code, where):
    code += "; import common; print(common.__path__[0], TwoLayerNet.__name__)"
    done = run("-c", code, cwd=copy / where)
    assert done.stdout.startswith(str(copy / "common")), done.stderr


def test_training_learns_and_repeats_itself(tmp_path):
    options = ("--iters", "601", "--seed", "3", "--no-plot")
    first, second = (run(TRAIN, *options, cwd=tmp_path) for _ in range(2))
    lines = [line.split() for line in first.stdout.splitlines()]
    assert len(lines) == 2  # after updates 0 and 600
    train_acc, test_acc = map(float, lines[-1])
    assert 0.88 < train_acc < 0.93 and 0.88 < test_acc < 0.93
    assert first.stdout == second.stdout
    assert list(tmp_path.iterdir()) == []


def test_training_is_the_chapters_loop():
    """300 updates in float64, written out by hand, and the losses after each of them."""
    (x_train, t_train), test_set = load_mnist()
    network = TwoLayerNet(784, 50, 10, rng=0)
    W1, b1, W2, b2 = (param.copy() for param in network.params.values())
    sets = (x_train, t_train), (test_set[0][:100], test_set[1][:100])
    history = train_neuralnet.train(network, *sets, iters=300, rng=1)

    rng, losses = np.random.default_rng(1), []
    for _ in range(300):
        batch_mask = rng.integers(60000, size=100)
        x, t = x_train[batch_mask].astype(np.float64), np.eye(10)[t_train[batch_mask]]

        h, y = forward_by_hand(x, W1, b1, W2, b2)
        dscores = (y - t) / 100
        dh = dscores @ W2.T * (h > 0)
        W1, b1 = W1 - 0.1 * x.T @ dh, b1 - 0.1 * dh.sum(axis=0)
        W2, b2 = W2 - 0.1 * h.T @ dscores, b2 - 0.1 * dscores.sum(axis=0)
        _, y = forward_by_hand(x, W1, b1, W2, b2)
        losses.append(-(t * np.log(y)).sum() / 100)

    for key, by_hand in zip(("W1", "b1", "W2", "b2"), (W1, b1, W2, b2)):
        np.testing.assert_allclose(network.params[key], by_hand, rtol=0, atol=1e-9)
    np.testing.assert_allclose(history.train_loss_list, losses, rtol=0, atol=1e-9)


def forward_by_hand(x, W1, b1, W2, b2):
    h = np.maximum(x @ W1 + b1, 0)
    y = np.exp(h @ W2 + b2)
    return h, y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batch_size, epoch", [(7, 14), (64, 1), (100, 1), (1000, 1)])
def test_an_epoch_is_a_whole_number_of_updates(batch_size, epoch):
    x, t = np.random.default_rng(0).random((100, 4)), np.arange(100) % 3
    network = TwoLayerNet(4, 5, 3, rng=0)
    sets = (x, t), (x, t)
    history = train_neuralnet.train(network, *sets, iters=2 * epoch + 1, batch_size=batch_size)
    assert history.iter_per_epoch == epoch
    assert len(history.train_acc_list) == len(history.test_acc_list) == 3


def test_deeper_networks_train_by_the_same_script(tmp_path):
    done = run(TRAIN, "--hidden", 30, 30, 30, "--iters", 601, "--no-plot", cwd=tmp_path)
    assert float(done.stdout.split()[-1]) > 0.85, done.stderr


def drawn(history):
    axes = Figure().subplots(1, 2)
    return train_neuralnet.plot_history(history, axes)


def test_the_picture_shows_what_training_went_through():
    losses = list(range(1, 201))
    history = History(100, losses, train_acc_list=[0.25, 0.75], test_acc_list=[0.125, 0.5])
    loss, accuracy = drawn(history)
    each, smooth = loss.lines
    np.testing.assert_array_equal(each.get_ydata(), losses)
    # The mean of 1 to 100 is 50.5; that of the last hundred, 101 to 200, is 150.5.
    # They are drawn in the middle of theirs: updates 0 to 99, and 100 to 199.
    np.testing.assert_allclose(smooth.get_xdata()[[0, -1]], [49.5, 149.5])
    np.testing.assert_allclose(smooth.get_ydata()[[0, -1]], [50.5, 150.5])
    training, test = accuracy.lines
    np.testing.assert_array_equal(training.get_xydata(), [[0, 0.25], [1, 0.75]])
    np.testing.assert_array_equal(test.get_xydata(), [[0, 0.125], [1, 0.5]])
    for ax in (loss, accuracy):
        assert ax.get_xlabel() and ax.get_ylabel() and ax.get_legend()


def test_where_the_curves_lie_close_together_the_picture_looks_closer():
    close = [0.1, *[0.9 + k / 100 for k in range(7)]]
    _, accuracy = drawn(History(1, [1.0], train_acc_list=close, test_acc_list=close))
    (inset,) = accuracy.child_axes
    for line in inset.lines:
        np.testing.assert_array_equal(line.get_xydata(), list(enumerate(close))[1:])
    for apart in ([*close[:7], 0.5], [0.9, *close[1:]], close[:7]):  # slow, resumed, short
        _, accuracy = drawn(History(1, [1.0], train_acc_list=apart, test_acc_list=apart))
        assert not accuracy.child_axes


def test_what_is_saved_is_loaded_and_trained_on(tmp_path, data):
    options = ("--data", data, "--iters")
    first = run(TRAIN, *options, 100, "--save", "w.npz", "--plot", "p.png", cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "w.npz"]
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "100 updates" in first.stderr and "w.npz" in first.stderr and "p.png" in first.stderr
    reached = float(re.search(r"([\d.]+) on the test digits", first.stderr)[1])
    assert reached > 0.5, "20 images are soon known by heart"
    network = TwoLayerNet(784, 50, 10)
    network.load(tmp_path / "w.npz")
    assert network.accuracy(*load_mnist(data_dir=data)[1]) == pytest.approx(reached, abs=5e-4)
    second = run(TRAIN, *options, 1, "--load", "w.npz", "--no-plot", cwd=tmp_path)
    assert float(second.stdout.split()[1]) > reached - 0.05


@pytest.mark.parametrize(
    "options, words",
    [
        ("--batch-size 0", "--batch-size: expected a whole number from 1 up, got '0'"),
        ("--iters 1.5", "--iters: expected a whole number from 1 up, got '1.5'"),
        ("--learning-rate nan", "--learning-rate: expected a number above 0, got 'nan'"),
        ("--learning-rate -1", "--learning-rate: expected a number above 0, got '-1'"),
        ("--hidden -5", "--hidden: expected a whole number from 1 up, got '-5'"),
        ("--seed -1", "--seed: expected a whole number from 0 up, got '-1'"),
        ("--plot nowhere/p.png", "--plot: expected a file in a folder that can be written"),
        ("--plot p.xyz", "--plot: expected a name ending in .png, got p.xyz"),
        ("--save .", "--save: expected a file, got the folder ."),
        ("--save nowhere/w.npz", "--save: expected a file in a folder that can be written"),
        ("--load w.npz", "w.npz: expected a file of weights, got none"),
        ("--load text", "text: expected a .npz file"),
        ("--data .", "train-images-idx3-ubyte.gz: expected this file"),
        ("--data nowhere", "nowhere: expected a folder"),
        ("--bogus", "unrecognized arguments: --bogus"),
    ],
)
def test_bad_options_are_refused_at_once(tmp_path, monkeypatch, capsys, options, words):
    (tmp_path / "text").write_text("hello")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        train_neuralnet.main(options.split())
    out, err = capsys.readouterr()
    assert stop.value.code == 2
    assert out == "" and words in err and err.count("\n") == 1


def test_a_run_that_diverges_stops_and_says_where(tmp_path, data):
    done = run(TRAIN, "--learning-rate", "1e30", "--iters", 50, "--data", data, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert re.search(r"update \d+: .*smaller learning rate", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_learns_nothing_says_so(tmp_path):
    done = run(TRAIN, "--learning-rate", "1000", "--iters", 200, "--no-plot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "learnt next to nothing: try a smaller --learning-rate" in done.stderr


def test_ctrl_c_ends_training_and_keeps_what_was_learnt(tmp_path, data):
    process = subprocess.Popen(
        [sys.executable, TRAIN, "--iters", "1000000", "--save", "w.npz", "--data", data],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.search(r"stopped by Ctrl-C before update [\d,]+; [\d,]+ updates? in", err)
    assert (tmp_path / "train_neuralnet.png").exists()
    TwoLayerNet(784, 50, 10).load(tmp_path / "w.npz")


def in_terminal(*command):
    """What a command shows in a real terminal."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # 24 x 100
    with subprocess.Popen([sys.executable, *command], stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(reader, 4096):
                shown += chunk
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(reader)
    assert process.returncode == 0
    return shown.decode()


def test_progress_shows_in_a_terminal_only(data):
    options = ("--iters", "300", "--no-plot", "--data", data)
    shown = in_terminal(TRAIN, *options)
    assert "300/300" in shown and "loss" in shown and "accuracy" in shown
    piped = run(TRAIN, *options)
    assert "/300" not in piped.stderr and piped.stderr.count("\n") == 1


def test_gradient_check_prints_the_books_lines_and_a_verdict():
    done = run(CHECK, "--seed", "1")
    assert done.returncode == 0, done.stderr
    figures, verdict = done.stdout.split("\n\n", 1)
    names, values = zip(*(line.split(":") for line in figures.splitlines()))
    assert names == ("W1", "b1", "W2", "b2")
    # The book prints 2.2e-13, 9.7e-13, 8.4e-13 and 1.19e-10.
    for value, low, high in zip(
        map(float, values), (1e-14, 1e-13, 1e-13, 5e-11), (1e-12, 5e-12, 5e-12, 2.5e-10)
    ):
        assert low < value < high
    assert "39,200" in verdict and "Backprop agrees" in verdict
    assert done.stderr == ""


def test_gradient_check_of_a_deep_network_takes_a_sample(capsys):
    assert gradient_check.main(["--hidden", *["60"] * 6, "--samples", "5", "--images", "2"]) == 0
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines()[:14]] == [
        f"{name}{number}" for number in range(1, 8) for name in ("W", "b")
    ]


def test_gradient_check_fails_where_backprop_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(Relu, "backward", lambda self, dout: dout)
    assert gradient_check.main(["--samples", "10"]) == 1
    out = capsys.readouterr().out
    assert "DISAGREES" in out and "W1" in out and "Relu1" in out


@pytest.mark.parametrize("options", ["--images 0", "--samples x", "--tolerance 2", "--hidden"])
def test_gradient_check_refuses_bad_options(capsys, options):
    with pytest.raises(SystemExit) as stop:
        gradient_check.main(options.split())
    assert stop.value.code == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--save", "--plot"])
def test_a_write_protected_file_is_refused_before_training(option, tmp_path, monkeypatch, capsys):
    path = tmp_path / "old.png"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # which root never hears
    with pytest.raises(SystemExit) as stop:
        train_neuralnet.parse([option, str(path), *["--no-plot"] * (option == "--save")])
    assert stop.value.code == 2
    words = f"argument {option}: expected to write {path}, got a write-protected file"
    assert words in capsys.readouterr().err and path.read_text() == "old"
