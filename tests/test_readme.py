"""The README does what it says: its Python runs, its files exist, its commands are two."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def run_python_blocks(condition):
    """Run those blocks of Python in turn, in one namespace, as a reader pastes them."""
    np.random.seed(0)
    names = {}
    for language, code in BLOCKS:
        if language == "python" and condition(code):
            exec(compile(code, "README.md", "exec"), names)
    return names


def test_every_python_block_runs(capsys):
    names = run_python_blocks(lambda code: "import torch" not in code)
    out = capsys.readouterr().out
    assert out.count("Backprop agrees with the differences") == 2
    assert names["network"].accuracy(names["x_test"], names["t_test"]) > 0.8
    assert names["network"].params["a2"] != 0.1, "the reader's own slope has been learnt"


def test_the_block_with_pytorch_runs_too(capsys):
    pytest.importorskip("torch")
    run_python_blocks(lambda code: "check_layer" not in code)
    assert float(capsys.readouterr().out.splitlines()[-1]) < 1e-6


def test_the_mistake_that_it_suggests_is_answered():
    from ch05.two_layer_net import TwoLayerNet

    with pytest.raises(ValueError, match="for a single sample pass x"):
        TwoLayerNet(784, 50, 10).predict(np.zeros(784))


def test_the_first_block_is_two_commands_and_the_chinese_start_is_the_same():
    (language, first), *_ = BLOCKS
    assert language == "sh"
    assert len(first.strip().splitlines()) == 2
    assert [code for kind, code in BLOCKS if kind == "sh"].count(first) == 2


def test_every_file_that_it_names_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    paths = re.findall(r"`((?:common|ch05|dataset|tests)/[\w/]+\.\w+)`", README)
    assert len(links) >= 4 and len(paths) >= 14
    for name in links + paths:
        assert (ROOT / name).exists(), name
