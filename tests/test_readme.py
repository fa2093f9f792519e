"""The README and the guides do what they say: their Python runs, and their files exist."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from common.check import check_layer
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "ch05/README.md", "ch05/README.zh.md", "tests/README.md", "dataset/README.md"]


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run(codes, names=None):
    """Run blocks of Python in turn, in one namespace, as a reader pastes them."""
    np.random.seed(0)
    names = {} if names is None else names
    for code in codes:
        exec(compile(code, "README.md", "exec"), names)
    return names


@pytest.mark.parametrize("page", ["README.md", "ch05/README.zh.md"])
def test_every_python_block_of_a_first_page_runs(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_a_digit(tmp_path / "digit.png")
    names = run(blocks(page, "python"))
    assert capsys.readouterr().out.count("Backprop agrees with the differences") == 2
    assert "a2" in names["network"].params


def test_every_python_block_of_the_guide_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_a_digit(tmp_path / "digit.png")
    names = run(blocks("README.md", "python")[:1])
    run([code for code in blocks("ch05/README.md", "python") if "import torch" not in code], names)
    layer = names["Dropout"]()
    layer.train_flg = False
    assert check_layer(layer, np.random.default_rng(0).standard_normal((3, 4)))
    loss = names["MeanSquaredError"]()
    assert loss.forward(np.array([[1.0], [2.0]]), np.array([[3.0], [2.0]])) == 2  # (4 + 0) / 2
    assert loss.backward().tolist() == [[-2], [0]]  # 2 * (-2) / 2
    with pytest.raises(ValueError):
        loss.forward(np.ones((2, 1)), np.ones(2))


def draw_a_digit(path):
    """A photo, as it were: a test digit in dark ink on white paper, 5 times as large."""
    import matplotlib.pyplot as plt

    _, (x_test, _) = load_mnist(flatten=False)
    paper = 1 - np.kron(x_test[0, 0], np.ones((5, 5)))
    plt.imsave(path, paper, cmap="gray", vmin=0, vmax=1)


def test_the_block_with_pytorch_runs_too(capsys):
    pytest.importorskip("torch")
    names = run(blocks("README.md", "python")[:1])
    run([code for code in blocks("ch05/README.md", "python") if "import torch" in code], names)
    assert float(capsys.readouterr().out.splitlines()[-1]) < 1e-6


@pytest.mark.parametrize(
    "name, words",
    [
        ("the main job", ["-m venv", "pip install -e .", "ch05/train_neuralnet.py"]),
        ("the tests", ["-m venv", 'pip install -e ".[test]"', "pytest -n auto"]),
        ("Windows", ["-m venv", 'pip install -e ".[test]"', "train_neuralnet.py", "pytest"]),
    ],
)
def test_each_command_stands_in_a_block_of_its_own_and_fits_a_terminal(name, words):
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "readme"), name], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(words) and all(word in line for word, line in zip(words, lines))
    assert max(map(len, lines)) <= 80


def test_the_chinese_guide_has_the_same_commands():
    commands = [code for code in blocks("README.md", "sh") if "venv" in code]
    chinese = blocks("ch05/README.zh.md", "sh")
    assert len(commands) == 2 and all(code in chinese for code in commands)
    assert blocks("ch05/README.zh.md", "powershell") == blocks("README.md", "powershell")


def test_the_first_page_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## 中文")[0]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert len(prose.split()) <= 900


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    paths = re.findall(r"`((?:common|ch05|dataset|tests)/[\w/.]+\.\w+)`", text)
    for place in [(ROOT / page).parent / link for link in links] + [ROOT / path for path in paths]:
        assert place.exists(), place
