"""The notebook runs in a real kernel, wherever a reader starts it, and shows what it has stored."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "ch05" / "two_layer_net.ipynb"
FLOAT = r"-?\d+\.\d*(?:e[-+]\d+)?"

WHERE = """
import ch05, common, dataset
print(ch05.__file__, common.__file__, dataset.__file__, sep="\\n")
"""
ATTEMPTS = {  # what a reader does first, in each exercise whose layer is given
    1: "check_layer(layer, x_small)",
    2: "check_layer(layer, x_small)",
    3: "check_gradient(net, x_train[:3], t_train[:3], samples=50)",
    5: "try:\n    check_layer(layer, x_small)\nexcept ValueError:\n    print('ValueError')",
}


def run(notebook, folder, project, tmp_path):
    """{cell: its outputs}, from a kernel of this interpreter that starts in that folder."""
    notebook.cells.append(new_code_cell(WHERE, id="where"))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["IPYTHONDIR"] = str(tmp_path / "ipython")  # nobody's own settings
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(folder)}},
        # With no folder to look for kernels in, python3 is the kernel of this interpreter.
        km=AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(tmp_path / "connection.json"),
        ),
    )
    # It raises what a cell raises, and ends the kernel, though nbclient has not made its manager.
    asyncio.run(client.async_execute(env=environment, cleanup_kc=True))
    outputs = outputs_of(notebook)
    for file in text(outputs.pop("where")).splitlines():  # not of some project that is installed
        assert (folder / file).resolve().is_relative_to(project.resolve()), file
    for cell, each in outputs.items():
        for output in each:
            if output.get("name") == "stderr":  # matplotlib's first start on a machine may say so
                assert "font cache" in output.text, f"{cell}: {output.text}"
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


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project that nobody has installed."""
    copy = tmp_path_factory.mktemp("a copy")
    for folder in ("ch05", "common", "dataset"):
        shutil.copytree(ROOT / folder, copy / folder)
    return copy


@pytest.fixture
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


def solution(notebook, k):
    """The code of the solution of exercise k."""
    [cell] = [cell for cell in notebook.cells if cell.id == f"solution-{k}"]
    assert re.findall("<summary>(.*?)</summary>", cell.source) == ["Hint", "Solution"]
    hint, answer = re.findall("<details>(.*?)</details>", cell.source, re.DOTALL)
    assert "```python" not in hint
    [code] = re.findall("```python\n(.*?)\n```", answer, re.DOTALL)
    return code


def test_it_runs_in_its_folder_and_shows_what_it_has_stored(project, stored, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for k in range(1, 6):
        at = [cell.id for cell in notebook.cells].index(f"exercise-{k}") + 1
        cells = [
            new_code_cell(ATTEMPTS.get(k, ""), id=f"attempt-{k}"),
            new_code_cell(solution(stored, k), id=f"solved-{k}"),
        ]
        notebook.cells[at:at] = cells
    got = run(notebook, project / "ch05", project, tmp_path)
    assert_same(got, outputs_of(stored))
    for k in (1, 2, 3):
        assert "DISAGREES" in text(got[f"attempt-{k}"])
    assert text(got["attempt-5"]) == "ValueError"
    for k, checks in {1: 1, 2: 1, 3: 1, 5: 2}.items():
        assert text(got[f"solved-{k}"]).count("Backprop agrees") == checks
    a = re.search(r"^a2 +50 .* ok$", text(got["solved-5"]), re.MULTILINE)
    assert a, "a slope for each of the 50 units of the network"
    assert "accuracy 0.1135" in text(got["solved-4"])  # of the test digits, 1,135 are ones


def test_it_starts_at_the_root_too(project, stored, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    del notebook.cells[[cell.id for cell in notebook.cells].index("chain") + 1 :]
    assert_same(run(notebook, project, project, tmp_path), outputs_of(stored))


def test_below_each_question_stands_code_and_then_the_answer(stored):
    kinds = []
    for cell in stored.cells:
        marks = re.findall(r"\*\*(Before you run it:|Guess first:|Answer)", cell.source)
        kinds += ["code"] if cell.cell_type == "code" else [mark.split()[0] for mark in marks]
    asked = re.findall("(?:Before|Guess) (?:code )+Answer", " ".join(kinds))
    questions = kinds.count("Before") + kinds.count("Guess")
    assert len(asked) == questions == kinds.count("Answer") >= 10


def test_what_it_has_stored_tells_the_reader_what_the_text_does(stored):
    outputs = outputs_of(stored)
    *_, by_hand, by_layer, ln10 = numbers(outputs["loss"])
    assert by_hand == by_layer == pytest.approx(ln10, abs=0.01)
    numerical, backprop = numbers(outputs["difference"])
    assert numerical == pytest.approx(backprop, rel=1e-6) and backprop != 0
    failed = re.findall(r"^(\w+) .* FAILED$", text(outputs["check-broken"]), re.MULTILINE)
    assert failed == ["W1", "b1"] and "Relu1 fails" in text(outputs["check-broken"])
    for cell in ("check-layer", "check-network", "own"):
        assert "Backprop agrees" in text(outputs[cell])
    assert "False" not in "".join(map(text, outputs.values()))
    assert 0.85 < numbers(outputs["loop"])[-1] < 0.95  # 9 in 10
    two_layers, five_layers = numbers(outputs["compare"]).reshape(2, 3)
    assert (five_layers > two_layers).all()
    assert numbers(outputs["slope"])[-2] < 0 < numbers(outputs["wrong"])[-1] - 0.9


def test_what_it_has_stored_is_whole_and_of_no_machine_in_particular(stored):
    nbformat.validate(stored)
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert stored.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in stored.cells)
    for cell, outputs in outputs_of(stored).items():
        for output in outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell
            assert "\r" not in output.get("text", ""), cell
            data = output.get("data", {})
            assert ("image/png" in data) == data.get("text/plain", "").startswith("<Figure"), cell
        path = re.search(r"(/|\\)\w+(/|\\)|[A-Z]:\\|site-packages| object at 0x", text(outputs))
        assert path is None, f"{cell}: {path[0]}"
    assert 5 <= NOTEBOOK.read_text(encoding="utf-8").count('"image/png"')
    assert NOTEBOOK.stat().st_size < 400_000
