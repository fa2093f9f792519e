"""The README and the guides do what they say: all their Python runs, and their files, links and
options exist. The README's first block shows a wrong layer, and its other one, FIRST, reads digits.
Each block of a guide runs alone, after FIRST."""

import code
import contextlib
import copy
import functools
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import common
from common.check import check_layer

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    str(path.relative_to(ROOT).as_posix())
    for folder in (".", "ch05", "ch05/classroom", "tests", "tests/benchmarks", "dataset")
    for path in (ROOT / folder).glob("*.md")
)


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text_of(page), flags=re.DOTALL | re.M)


# Python

WRONG_LAYER, FIRST = blocks("README.md", "python")
GUIDES = ["ch05/README.md", "ch05/README.zh.md", "ch05/README.ja.md"]


def sessions():
    """{name: what is pasted one after the other}: a whole page, or a single block of a guide.

    What stands in several languages, where only words differ, is taken once.
    """
    parts = {page: blocks(page, "python") for page in PAGES if page not in ["README.md", *GUIDES]}
    for page in GUIDES:
        parts |= {f"{page}, block {k}": [b] for k, b in enumerate(blocks(page, "python"), start=1)}
    found, known = {}, {bare(WRONG_LAYER), bare(FIRST), ""}
    for name, part in parts.items():
        if bare("".join(part)) not in known:
            found[name] = part
        known.add(bare("".join(part)))
    return found


def bare(block):
    """Without the words that differ from language to language."""
    return re.sub(r' *#.*|""".*"""', "", block)


class Python(code.InteractiveConsole):
    """Python's prompt, line by line; an error comes out of it."""

    def showtraceback(self, *_, **__):
        raise  # noqa: PLE0704 (that which is being handled)

    showsyntaxerror = showtraceback


def paste(blocks, names):
    """Paste blocks in turn into one session, which has these names already; it adds others."""
    np.random.seed(0)
    python = Python(names)
    for block in blocks:
        if "import torch" not in block or importlib.util.find_spec("torch"):
            for line in [*block.splitlines(), ""]:
                more = python.push(line)
            assert not more, block
    return names


@pytest.fixture(scope="module")
def after_the_first_block():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        names = paste([FIRST], {"__name__": "__main__"})
    assert "DISAGREES" not in out.getvalue()
    assert names["network"].accuracy(names["x_test"][:1000], names["t_test"][:1000]) > 0.8
    return names


BOOKS_DROPOUT = """
import numpy as np
class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
    def forward(self, x, train_flg=True):
        kept = np.random.rand(*x.shape) > self.dropout_ratio
        return x * kept if train_flg else x * (1 - self.dropout_ratio)
"""


@pytest.fixture
def a_readers_folder(tmp_path, monkeypatch, after_the_first_block):
    """With a layer that has the arguments of the book's, and with a photo, as it were.

    It is a test digit, 5 times as large, dark on white paper.
    """
    (tmp_path / "book_layers.py").write_text(BOOKS_DROPOUT)
    digit = after_the_first_block["x_test"][0].reshape(28, 28)
    paper = 1 - np.kron(np.pad(digit, 6), np.ones((5, 5)))
    plt.imsave(tmp_path / "digit.jpg", paper, cmap="gray", vmin=0, vmax=1)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    plt.close("all")


@pytest.mark.parametrize("blocks", sessions().values(), ids=sessions())
def test_all_python_runs(blocks, capsys, a_readers_folder, after_the_first_block):
    there, whole = {*a_readers_folder.iterdir()}, "\n".join(blocks)
    names = after_the_first_block | {"network": copy.deepcopy(after_the_first_block["network"])}
    names = {"__name__": "__main__"} if "load_mnist()" in whole else names
    paste([re.sub(r"iters_num=(600|1200)\b", "iters_num=400", block) for block in blocks], names)
    out = capsys.readouterr().out
    assert "DISAGREES" not in out
    for done, said in [
        ("print(check_", "Backprop agrees with the numerical gradient"),
        ("class LeakyRelu", "a2"),  # the slope is learnt
        ("this is a", "this is a 7"),  # as the label of that digit says
    ]:
        assert said in out or done not in whole
    if "torch" in names:
        assert float(out.splitlines()[-1]) < 1e-6  # the same scores
    if "history" in names:
        assert names["history"].end_accuracies[1] > 0.8
        assert names["history"].interrupted == ("enough" in names)  # long before update 3000
    if "report" in names:
        assert names["report"].unseen == [] and names["report"].ok
    for name in {"Dropout", "MyDropout"} & names.keys():  # by numbers on paper
        layer = names[name](0.25)
        assert {*layer.forward(np.full((1, 99), 4.0)).flat} == {0, 4}  # a quarter is 0
        layer.train_flg = False
        assert layer.forward(np.full((1, 2), 4.0)).tolist() == [[3, 3]]  # 4 * (1 - 0.25)
        if name == "Dropout":
            assert layer.backward(np.full((1, 2), 8.0)).tolist() == [[6, 6]]  # 8 * (1 - 0.25)
    if "MeanSquaredError" in names:
        loss = names["MeanSquaredError"]()
        assert loss.forward(np.array([[1.0], [2.0]]), np.array([[3.0], [2.0]])) == 2  # (4 + 0) / 2
        assert loss.backward().tolist() == [[-2], [0]]  # 2 * (-2) / 2
        with pytest.raises(ValueError):
            loss.forward(np.ones((2, 1)), np.ones(2))
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    for file in {*a_readers_folder.iterdir()} - there - {a_readers_folder / "__pycache__"}:
        # What a page writes doesn't show in git.
        assert any(fnmatch(f"/{file.name}", pattern) for pattern in patterns), file


def test_a_dropout_can_be_checked_as_the_pages_say():
    drawn, again = "np.random.rand(*x.shape)", "np.random.default_rng(0).random(x.shape)"
    for page in GUIDES:
        [block] = [block for block in blocks(page, "python") if "class Dropout" in block]
        assert drawn in block and f"`{again}`" in text_of(page)
        names = paste([block.replace(drawn, again)], {"np": np})
        assert check_layer(names["Dropout"](), np.ones((3, 4)))


def test_the_first_block_prints_what_the_page_shows(capsys):
    """In names and sentences: the last digits of a number differ from machine to machine."""
    page = text_of("README.md")
    [shown] = re.findall(rf"{re.escape(WRONG_LAYER)}```\n\n```\n(.*?)```", page, flags=re.DOTALL)
    paste([WRONG_LAYER], {"__name__": "__main__"})
    words = [re.sub(r"-?\d+\.\d+", "a number", text) for text in (shown, capsys.readouterr().out)]
    assert words[0] == words[1] and "Relu1" in shown


# Commands


COMMANDS = {
    "the main job": ["-m venv", "pip install -e .", "train_neuralnet.py"],
    "the tests": ['pip install -e ".[test]"', "pytest -n auto"],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("system, language", [("", "sh"), ("Windows: ", "powershell")])
def test_commands_stand_in_a_block_of_their_own_on_each_page(system, language, name):
    """Under a comment by which .ci/run finds them; and they fit a terminal."""
    _, below = text_of("README.md").split(f"<!-- {system}{name} -->\n")
    block = re.match(r"```\w+\n(.*?)```", below, re.DOTALL)[1]
    for line, word in zip(block.splitlines(), COMMANDS[name], strict=True):
        assert word in line and len(line) <= 80
    for page in GUIDES[1:]:  # the English guide leaves them to the README
        assert block in blocks(page, language)


def commands(page):
    """The lines of shell on a page, in blocks and in `...`, as lists of words."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.M)
    lines = re.findall(r"`((?:python|mpiexec)[^`\n]* [^`]*)`", text)
    for block in blocks(page, "(?:sh|powershell)"):
        lines += block.replace("\\\n", " ").replace("&&", "").splitlines()
    return [shlex.split(line.replace("\\", "/"), comments=True) for line in lines if line.strip()]


@functools.cache
def help_of(script):
    command = [sys.executable, str(ROOT / script), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_names_files_and_options_that_exist(page):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for words in commands(page):
        for extra in re.findall(r"\.\[([\w,]+)\]", " ".join(words)):
            assert all(re.search(rf"^{each} = \[", project, re.M) for each in extra.split(","))
        scripts = [word for word in words if word.startswith(("ch05/", "tests/", "dataset/"))]
        assert all((ROOT / script).exists() for script in scripts), scripts
        if scripts and re.fullmatch(r"ch05/.*\.py", scripts[0]):
            # Several processes take the same options, and need the extra [mpi] to say so.
            script = scripts[0].replace("parallel/train_parallel", "train_neuralnet")
            for option in words[words.index(scripts[0]) :]:
                if option.startswith("--") and option != "--help":
                    assert option in help_of(script), (script, option)


# Text


def test_pages_are_short():
    first_page = text_of("README.md").split("## 中文")[0]
    assert len(re.sub(r"```.*?```", "", first_page, flags=re.DOTALL).split()) <= 1000
    assert len(text_of("ch05/README.md").split()) <= 3500


def headings(page):
    """Their addresses, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    return [
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_heading_that_a_page_names_exists(page):
    text, folder = text_of(page), (ROOT / page).parent
    names = re.findall(r'\]\(([^):]+)\)|(?:src|srcset|href)="([^":]+)"', text)
    for link in map("".join, names):
        name, _, heading = link.partition("#")
        place = (folder / name).resolve() if name else ROOT / page
        assert place.exists(), link
        if heading:
            assert heading in headings(place.relative_to(ROOT)), link
    for name in re.findall(r"`((?:common|ch05|dataset|tests)/[\w/.]+\.\w+)`", text):
        made = re.search(rf"--output {Path(name).name}\b", text)  # by a command on this page
        assert (ROOT / name).exists() or made, name


def test_the_version_stands_in_one_place_and_in_the_citation():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {common.__version__}\n" in citation
