"""The notebook runs in a real kernel, wherever a reader starts it, and says what it has stored."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "ch05" / "two_layer_net.ipynb"

SAME = "load network shapes loss last-dx douts grads step check-mended deep leaky".split()
CHECKS = "check-layer check-network check-broken check-brick".split()
PICTURES = "digits train units wrong slope".split()
NUMBERS = {"accuracy": 0.02, "compare": 0.02, "leaky-accuracy": 0.1}  # cell: how far off is fine

WHERE = """
import sys
import ch05.train_neuralnet, common.layers, dataset.mnist
print(sys.executable, ch05.__file__, common.__file__, dataset.__file__, sep="\\n")
"""


def run(folder, project, tmp_path, until=None):
    """{cell: its outputs}, from a kernel of this interpreter that starts in that folder."""
    notebook = nbformat.read(project / "ch05" / NOTEBOOK.name, as_version=4)
    ids = [cell.id for cell in notebook.cells]
    del notebook.cells[len(ids) if until is None else ids.index(until) + 1 :]
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE, id="where"))

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

    executable, *files = text(outputs_of(notebook)["where"]).splitlines()
    assert Path(executable) == Path(sys.executable)
    for file in files:  # not of some project that is installed
        assert (folder / file).resolve().is_relative_to(project.resolve()), file
    return outputs_of(notebook)


def outputs_of(notebook):
    return {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def text(outputs):
    """What a cell printed and showed, pictures aside."""
    # What is printed may come in pieces, cut wherever the kernel sent them.
    parts = [output.get("text") or output.get("data", {}).get("text/plain") for output in outputs]
    return "".join(part for part in parts if part and "<Figure" not in part)


def pictures(outputs):
    return [output for output in outputs if "image/png" in output.get("data", {})]


def verdict(report):
    """The last word of each row of a check's table, and the sentences without a figure."""
    table, sentences = report.strip().split("\n\n")
    rows = [line.split() for line in table.splitlines()[1:]]
    words = [(row[0], row[-1]) for row in rows]
    return words + [line for line in sentences.splitlines() if not re.search(r"\d\.\d", line)]


def numbers(outputs):
    return np.array(re.findall(r"-?\d+\.\d+", text(outputs)), dtype=float)


def assert_clean(outputs_by_cell):
    for cell, outputs in outputs_by_cell.items():
        for output in outputs:
            assert output.output_type != "error", f"{cell}: {output}"
            if output.get("name") == "stderr":  # matplotlib's first start on a machine may say so
                assert "font cache" in output.text, f"{cell}: {output.text}"


def assert_same(got, want):
    """What may not depend on the machine is equal, for the cells that have been run."""
    for cell in got.keys() & {*SAME}:
        assert text(got[cell]) == text(want[cell]), cell
    for cell in got.keys() & {*CHECKS}:
        assert verdict(text(got[cell])) == verdict(text(want[cell])), cell


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project that nobody has installed."""
    copy = tmp_path_factory.mktemp("a copy")
    for folder in ("ch05", "common", "dataset"):
        shutil.copytree(ROOT / folder, copy / folder)
    return copy


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_runs_in_its_folder_and_says_what_it_has_stored(project, stored, tmp_path):
    got, want = run(project / "ch05", project, tmp_path), outputs_of(stored)
    assert got.keys() == {*want, "where"}
    assert_clean(got)
    assert_same(got, want)
    for cell, tolerance in NUMBERS.items():
        np.testing.assert_allclose(numbers(got[cell]), numbers(want[cell]), atol=tolerance)
    for cell in PICTURES:
        assert len(pictures(got[cell])) == 1, cell


def test_it_starts_at_the_root_too(project, stored, tmp_path):
    got = run(project, project, tmp_path, until="load")
    assert_clean(got)
    assert_same(got, outputs_of(stored))


def test_what_it_has_stored_is_whole(stored):
    nbformat.validate(stored)
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    outputs = outputs_of(stored)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert {*SAME, *CHECKS, *PICTURES, *NUMBERS} <= outputs.keys()
    for cell in PICTURES:
        assert len(pictures(outputs[cell])) == 1, cell
    for cell in SAME + CHECKS + [*NUMBERS]:
        assert text(outputs[cell]), cell


def test_what_it_has_stored_tells_the_reader_what_the_text_does(stored):
    outputs = outputs_of(stored)
    loss, ln10 = numbers(outputs["loss"])[-2:]
    assert abs(loss - ln10) < 0.01
    before, after = numbers(outputs["step"])
    assert after < before
    for cell in CHECKS:
        assert ("DISAGREES" in text(outputs[cell])) == (cell == "check-broken")
    assert "Checked alone, Relu1 fails: wrong dx." in text(outputs["check-broken"])
    assert (numbers(outputs["accuracy"]) > 0.94).all()
    narrow, wide, five_layers = numbers(outputs["compare"]).reshape(3, 2)
    assert five_layers[1] > wide[1] > narrow[1]
    assert numbers(outputs["leaky-accuracy"])[0] < 0


def test_what_it_has_stored_is_of_no_machine_in_particular(stored):
    assert stored.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in stored.cells)
    for cell, outputs in outputs_of(stored).items():
        for output in outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell
        path = re.search(r"(/|\\)\w+(/|\\)|[A-Z]:\\|site-packages| object at 0x", text(outputs))
        assert path is None, f"{cell}: {path[0]}"
    assert NOTEBOOK.stat().st_size < 600_000
