"""The notebooks run in a real kernel, wherever a reader starts them, and show what is stored.

python tests/test_notebook.py runs the English one, and stores what it shows in both.
"""

import asyncio
import base64
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_output
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
ENGLISH, CHINESE = "two_layer_net.ipynb", "two_layer_net.zh.ipynb"
FLOAT = r"-?\d+\.\d*(?:e[-+]\d+)?"

WHERE = """
import ch05, common, dataset
print(ch05.__file__, common.__file__, dataset.__file__, sep="\\n")
"""
TRY = "try:\n    print({}.ok)\nexcept Exception as error:\n    print(type(error).__name__)"
A_LAYER = "check_layer(layer, x_small)"
A_NETWORK = "check_gradient(net, x_train[:3], {}[:3], samples=50)"
# Exercises that begin with a wrong or empty layer: what a reader tries first, what comes of it, and
# how many checks agree once it is solved.
ATTEMPTS = {
    1: (A_LAYER, "False", 1),
    2: (A_LAYER, "False", 1),
    3: (A_NETWORK.format("t_train"), "False", 1),
    5: (A_LAYER, "ValueError", 2),
    6: (A_LAYER, "TypeError", 1),
    7: (A_NETWORK.format("t_train_rows"), "TypeError", 1),
    9: (A_LAYER, "TypeError", 1),
}
CHECK = "check_gradient(network, x_batch, t_batch)"
MINE = 'class Mine(Relu):\n    def backward({}): return {}\nnetwork.layers["Relu1"] = Mine()\n{}'
MISTAKES = [
    "network.gradient(x_batch, t_batch + 1)",
    "network.gradient(x_batch[0], t_batch[0])",
    "network.accuracy(x_batch[0], t_batch[0])",
    "check_gradient(network, x_batch, t_batch + 1)",
    "train(network, (x_train, t_train + 1), (x_test, t_test))",
    MINE.format("self", "1", "network.gradient(x_batch, t_batch)"),
    MINE.format("self, dout", "np.dot(dout, self.out)", CHECK),
    MINE.format("self, dout", "dout * (self.x > 0)", CHECK),
    'network.layers["Relu1"] = Relu()\n'
    f'network.layers["Affine3"] = Affine.random(50, 50, "he")\n{CHECK}',
    f'network = TwoLayerNet(784, 50, 10)\nnetwork.layers["relu1"] = Relu()\n{CHECK}',
]
DIGIT = "draw_digits([0.0] * 64)"
PICTURES = [  # what a reader writes, and how many pictures appear below the cell
    (DIGIT, 1),
    (f"import io\nimport matplotlib.pyplot as plt\nfigure = {DIGIT}\nfigure", 1),
    (f"figure = {DIGIT}\nplt.show()", 1),
    ("figure.show()", 1),
    ("figure", 1),
    (f"for _ in range(2):\n    {DIGIT}", 2),
    (f"for _ in range(2):\n    {DIGIT}\n    plt.show()", 2),
    (f"for _ in range(2):\n    display({DIGIT})", 2),
    (f"{DIGIT}\nplt.savefig(io.BytesIO())", 1),
]
# An exercise needs no other, only what a reader has who restarts and runs the cells above them.
ABOVE = "above = {*globals(), 'above'}"
FORGET = "for each in {*globals()} - above:\n    del globals()[each]"


def read(name, folder=ROOT):
    return nbformat.read(folder / "ch05" / name, as_version=4)


def run(notebook, folder, project, tmp_path):
    """{cell: its outputs}, from a kernel of this interpreter that starts in that folder."""
    notebook.cells.append(new_code_cell(WHERE, id="where"))
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}  # nobody's own settings
    for name in ("PYTHONPATH", "MPLBACKEND"):
        environment.pop(name, None)
    # With no folder to look for kernels in, python3 is the kernel of this interpreter.
    kernels = KernelSpecManager(kernel_dirs=[])
    file = str(tmp_path / "connection.json")
    manager = AsyncKernelManager(kernel_spec_manager=kernels, connection_file=file)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=300, resources=where, km=manager)
    # It raises what a cell raises, and ends the kernel, though nbclient has not made its manager.
    asyncio.run(client.async_execute(env=environment, cleanup_kc=True))
    outputs = outputs_of(notebook)
    for file in text(outputs.pop("where")).splitlines():  # not of some project that is installed
        assert (folder / file).resolve().is_relative_to(project.resolve()), file
    for cell, each in outputs.items():
        for output in each:
            if output.get("name") == "stderr":  # matplotlib's first start on a machine may say so
                expected = "UserWarning" if cell == "solved-4" else "font cache"
                assert expected in output.text, f"{cell}: {output.text}"
    return outputs


def outputs_of(notebook):
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def text(outputs):
    """What a cell printed and showed; <Figure ...> for a picture, nothing for progress bars."""
    # What is printed may come in pieces, cut wherever the kernel sent them.
    parts = [output.get("text") or output.get("data", {}).get("text/plain") for output in outputs]
    lines = "".join(part for part in parts if part).split("\n")
    return "\n".join(line for line in lines if line.strip() and "\r" not in line)


def numbers(outputs):
    return np.array(re.findall(FLOAT, text(outputs)), dtype=float)


def assert_same(got, want):
    """The same words and whole numbers; other numbers as near as rounding lets them be."""
    for cell in got.keys() & want.keys():
        words = [re.sub(FLOAT, " # ", text(outputs[cell])).split() for outputs in (got, want)]
        assert words[0] == words[1], cell
        far = 0.1 if cell == "slope" else 0.02
        np.testing.assert_allclose(numbers(got[cell]), numbers(want[cell]), far, far, err_msg=cell)


def copy_project(folder):
    """A copy of the project that nobody has installed."""
    for each in ("ch05", "common", "dataset"):
        shutil.copytree(ROOT / each, folder / each)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("a copy"))


def cells_of(notebook, kind):
    """{k: the cell "kind-k"}, such as exercise-1 to exercise-9."""
    cells = [cell for cell in notebook.cells if re.fullmatch(rf"{kind}-\d+", cell.id)]
    return {int(cell.id.split("-")[1]): cell for cell in cells}


def solution(notebook, k):
    """The code of the solution of exercise k: in the cell itself, where it says `change this`."""
    exercise, hint, answer = (cells_of(notebook, f)[k] for f in ("exercise", "hint", "solution"))
    assert "```python" not in hint.source and answer.metadata.tags == ["solution"]
    [code] = re.findall("```python\n(.*?)\n```", answer.source, re.DOTALL)
    if "# change this" in exercise.source:
        _, rest = exercise.source.split("\n\n\n", 1)
        code = f"{code}\n\n\n{rest}"
    return code.replace("iters_num=1200", "iters_num=400")  # to see that it learns, it's enough


def test_it_runs_in_its_folder_and_shows_what_it_has_stored(project, tmp_path):
    stored, notebook = read(ENGLISH), read(ENGLISH)
    [compare] = [cell for cell in notebook.cells if cell.id == "compare"]
    compare.source = compare.source.replace("seed in (0, 1, 2)", "seed in [0]")  # of six trainings
    exercises = cells_of(notebook, "exercise")
    exercises[1].source = f"{ABOVE}\n{exercises[1].source}"
    for k in exercises:
        cells = {f"solved-{k}": solution(stored, k)}
        if k in ATTEMPTS:
            cells = {f"attempt-{k}": TRY.format(ATTEMPTS[k][0]), **cells}
        cells[f"forget-{k}"] = FORGET
        at = [cell.id for cell in notebook.cells].index(f"exercise-{k}") + 1
        notebook.cells[at:at] = [new_code_cell(code, id=each) for each, code in cells.items()]
    earlier = stored.cells[: [cell.id for cell in stored.cells].index("check-broken")]
    for cell in reversed(earlier):  # each can be run again, after all others
        if cell.cell_type == "code":
            notebook.cells.append(new_code_cell(cell.source, id=f"{cell.id}-again"))
    got, want = run(notebook, project / "ch05", project, tmp_path), outputs_of(stored)
    assert_same({cell.id: got.get(f"{cell.id}-again", []) for cell in earlier}, want)
    two = numbers(want.pop("compare")).reshape(2, 3)[:, 0]
    np.testing.assert_allclose(numbers(got["compare"]), two, atol=0.02)
    assert_same(got, want)
    said = {cell: text(outputs) for cell, outputs in got.items()}
    for k, (_, reaction, checks) in ATTEMPTS.items():
        assert said[f"attempt-{k}"] == reaction, k
        assert said[f"solved-{k}"].count("Backprop agrees") == checks, k
    assert "accuracy 0.1135" in said["solved-4"]  # of the test digits, 1,135 are ones
    # A slope for each of the 50 units of the network.
    assert re.search(r"^a2 +50 .* ok$", said["solved-5"], re.MULTILINE)
    assert 0.85 < numbers(got["solved-6"])[-1] < 0.95  # 9 in 10, as with Relu
    first_loss, accuracy = numbers(got["solved-7"])[-2:]
    assert first_loss == 0.5 and 0.85 < accuracy < 0.95
    # v = -0.1, then 0.9 * -0.1 - 0.1 * 0.9 = -0.18, then 0.9 * -0.18 - 0.1 * 0.72 = -0.234
    assert numbers(got["solved-8"])[:3].tolist() == [0.9, 0.72, 0.486]
    # Without momentum w is multiplied by 0.9.
    assert numbers(got["exercise-8"])[:3].tolist() == [0.9, 0.81, 0.729]
    assert numbers(got["solved-8"])[-1] > numbers(got["exercise-8"])[-1] + 0.02
    keys = " ".join(f"W{n} b{n}" for n in range(1, 7))
    assert keys in said["solved-9"] and numbers(got["solved-9"])[-1] > 0.85


def test_it_starts_at_the_root_too(project, tmp_path):
    """There a mistake is answered in sight, and each picture is shown once."""
    notebook, mistakes = read(ENGLISH), {f"mistake-{k}": code for k, code in enumerate(MISTAKES)}
    del notebook.cells[[cell.id for cell in notebook.cells].index("picture") + 1 :]
    pictures = {f"picture-{k}": each for k, each in enumerate(PICTURES)}
    notebook.cells += [new_code_cell(code, id=k) for k, (code, _) in pictures.items()]
    fails = {"tags": ["raises-exception"]}
    notebook.cells += [new_code_cell(code, id=k, metadata=fails) for k, code in mistakes.items()]
    got = run(notebook, project, project, tmp_path)
    assert_same(got, outputs_of(read(ENGLISH)))
    for name, (code, count) in pictures.items():
        assert sum("image/png" in output.get("data", {}) for output in got[name]) == count, code
    # The reader's lines, one of ours, and the sentence: not pages of our own functions.
    for name, code in mistakes.items():
        [error] = got[name]
        lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
        assert len(lines) <= 24 and error.evalue in lines[-1], code
        assert sum(bool(re.match(r"File .*\.py", line)) for line in lines) <= 1, code


def test_the_chinese_one_differs_in_its_text_only():
    english, chinese = read(ENGLISH), read(CHINESE)
    assert [cell.id for cell in chinese.cells] == [cell.id for cell in english.cells]
    for ours, theirs in zip(english.cells, chinese.cells):
        assert theirs.cell_type == ours.cell_type and theirs.metadata == ours.metadata, ours.id
        if ours.cell_type == "code":
            assert theirs == ours  # what is stored below it, too
            continue
        code_and_formulas = r"```python\n.*?\n```|^    \S[^\n]*|\$\$.*?\$\$"
        found = [re.findall(code_and_formulas, cell.source, re.S | re.M) for cell in (ours, theirs)]
        assert found[0] == found[1], ours.id
        for line in re.sub(code_and_formulas, "", theirs.source, flags=re.S | re.M).splitlines():
            if re.search("[a-z]+ [a-z]+ [a-z]+", line):
                assert re.search("[\u4e00-\u9fff]", line), f"{ours.id}: not translated: {line}"


@pytest.mark.parametrize("name", [ENGLISH, CHINESE])
def test_questions_come_before_code_and_answers_after_it_and_both_are_folded(name):
    asks = re.compile(r"\*\*(?:(?:Before you run it|Guess first):\*\*|(?:运行之前|先猜一猜)\*\*：)")
    kinds = ""
    for cell in read(name).cells:
        answers = "answer" in cell.metadata.get("tags", ())
        folded = re.fullmatch(r"<details><summary>.*</summary>\n\n.*</details>", cell.source, re.S)
        assert bool(folded) == (answers or cell.id.startswith(("hint-", "solution-"))), cell.id
        if cell.cell_type == "code":
            hidden = cell.metadata.get("jupyter", {}).get("outputs_hidden", False)
            asked = kinds.rstrip("c").endswith("Q")  # and there is no answer yet
            assert hidden == cell.metadata.get("collapsed", False) == asked, cell.id
            kinds += "c"
        else:
            kinds += "A" if answers else "Q" * len(asks.findall(cell.source))
    assert re.fullmatch("c*(Qc+Ac*)*", kinds), kinds
    assert kinds.count("Q") >= 14


def test_a_teacher_makes_one_without_solutions(project):
    """By the command in the page for the classroom, of the notebook in its language, in ch05."""
    pages = [ROOT / "ch05" / "classroom" / page for page in ("README.md", "README.zh.md")]
    [ours], [theirs] = (re.findall("python -m (nbconvert .*)", p.read_text("utf-8")) for p in pages)
    assert theirs.split() == [*ours.split()[:-1], CHINESE] and ours.split()[-1] == ENGLISH
    subprocess.run([sys.executable, "-m", *ours.split()], cwd=project / "ch05", check=True)
    made, whole = read("student.ipynb", project), read(ENGLISH)
    want = [cell for cell in whole.cells if "solution" not in cell.metadata.get("tags", ())]
    assert [cell.source for cell in made.cells] == [cell.source for cell in want]
    assert len(want) == len(whole.cells) - len(cells_of(whole, "exercise"))
    assert not any(cell.get("outputs") for cell in made.cells)


def test_what_it_has_stored_tells_the_reader_what_the_text_does():
    outputs = outputs_of(read(ENGLISH))
    *_, by_hand, by_layer, ln10 = numbers(outputs["loss"])
    assert by_hand == by_layer == pytest.approx(ln10, abs=0.01)
    numerical, backprop = numbers(outputs["difference"])
    assert numerical == pytest.approx(backprop, rel=1e-6) and backprop != 0
    failed = re.findall(r"^(\w+) .* FAILED$", text(outputs["check-broken"]), re.MULTILINE)
    assert failed == ["W1", "b1"] and "Relu1 turns" in text(outputs["check-broken"])
    for cell in ("check-layer", "check-network", "own"):
        assert "Backprop agrees" in text(outputs[cell])
    assert "False" not in "".join(map(text, outputs.values()))
    assert 0.85 < numbers(outputs["loop"])[-1] < 0.95  # 9 in 10
    two_layers, five_layers = numbers(outputs["compare"]).reshape(2, 3)
    assert (five_layers > two_layers).all()
    assert numbers(outputs["slope"])[-2] < 0 < numbers(outputs["wrong"])[-1] - 0.9


def test_what_it_has_stored_is_whole_and_of_no_machine_in_particular():
    stored = read(ENGLISH)
    nbformat.validate(stored)
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert stored.metadata == {"kernelspec": kernel, "language_info": {"name": "python"}}
    assert stored.metadata == read(CHINESE).metadata
    assert {k for cell in stored.cells for k in cell.metadata} == {"tags", "collapsed", "jupyter"}
    for cell, outputs in outputs_of(stored).items():
        for output in outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell
            assert "\r" not in output.get("text", ""), cell
            data = output.get("data", {})
            assert ("image/png" in data) == data.get("text/plain", "").startswith("<Figure"), cell
        path = re.search(r"(/|\\)\w+(/|\\)|[A-Z]:\\|site-packages| object at 0x", text(outputs))
        assert path is None, f"{cell}: {path[0]}"
    for name in (ENGLISH, CHINESE):
        content = (ROOT / "ch05" / name).read_text(encoding="utf-8")
        assert 5 <= content.count('"image/png"') and len(content) < 500_000


def store():
    """Run the English notebook as a reader does, and keep what it shows in both."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_project(Path(folder) / "copy")
        outputs = run(read(ENGLISH), copy / "ch05", copy, Path(folder))
    for name in (ENGLISH, CHINESE):
        stored = read(name)
        code = [cell for cell in stored.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, start=1):
            cell.execution_count = count
            cell.outputs = [*kept(outputs[cell.id], count)]
        nbformat.write(stored, ROOT / "ch05" / name)


def kept(outputs, count):
    """A cell's outputs as they are stored: what was printed in one piece, without progress bars."""
    if printed := text([output for output in outputs if "text" in output]):
        yield new_output("stream", name="stdout", text=f"{printed}\n")
    for output in outputs:
        if "data" in output:
            data = {"text/plain": output.data["text/plain"]}
            if "image/png" in output.data:
                data["image/png"] = in_256_colours(output.data["image/png"])
            value = output.output_type == "execute_result"  # or what pyplot drew
            how = {"execution_count": count} if value else {}
            yield new_output(output.output_type, data=data, **how)


def in_256_colours(png):
    """A picture, encoded as notebooks have it, in half of the space."""
    picture, smaller = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.convert("RGB").quantize(256).save(smaller, "PNG", optimize=True)
    return base64.b64encode(smaller.getvalue()).decode() + "\n"


if __name__ == "__main__":
    store()
