"""Runs what was handed in, each file in a process of its own. That is no sandbox.

Such code may hang, exit, print without end, or start other processes. So grade_file starts a
process for it, in an empty folder that is removed afterwards, without input, its output thrown
away. The process runs the file, judges one part after the other, and writes each verdict to a file
as a line of JSON. If no line comes for too long, or the process ends before the last part, then the
part that was its turn is wrong, and another process goes on with the next part.
"""

import __future__

import _thread
import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import numpy as np

from ch05.classroom.judges import MODULE, PARTS, Verdict, judge, raised

__all__ = ["grade_file", "run_file"]

ROOT = Path(__file__).resolve().parent.parent.parent
START = 60  # seconds for Python and NumPy to start, on a slow disk
MEMORY = 4 * 2**30  # bytes; only where the system can limit it


# The process that started it all


def grade_file(path, seconds=10):
    """({part: Verdict}, notes) for one file. notes say what went wrong while the file was run."""
    verdicts, notes = {}, []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results, empty = Path(folder, "results"), Path(folder, "empty")
        empty.mkdir()
        while left := [part for part in PARTS if part not in verdicts]:
            results.write_bytes(b"")
            why = run_process(
                [Path(path).resolve(), results, seconds, *left], empty, results, seconds
            )
            lines = results.read_text(encoding="utf-8").split("\n")[:-1]  # only whole lines
            if not lines:
                raise RuntimeError(f"expected Python to start for {path}, got: {why}")
            for line in lines[1:2]:
                notes = json.loads(line)
            for line in lines[2:]:
                part, *verdict = json.loads(line)
                verdicts[part] = Verdict(*verdict)
            if len(lines) < 2:  # it didn't come as far as the first part
                verdicts |= {part: Verdict("wrong", [why]) for part in left}
            elif len(lines) < 2 + len(left):
                verdicts[left[len(lines) - 2]] = Verdict("wrong", [why])
    return verdicts, notes


def run_process(args, folder, results, seconds):
    """Run child(*args) in a process of its own, to its end or until it has to be killed.

    Returns a sentence that says how it ended.
    """
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "agg",  # no windows
    }
    new_group = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "ch05.classroom.handed_in", *map(str, args)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **new_group,
    )
    try:
        size, since = 0, time.monotonic()
        while process.poll() is None:
            if size != results.stat().st_size:
                size, since = results.stat().st_size, time.monotonic()
            if time.monotonic() - since > (seconds + 3 if size else START):
                return f"still running after {seconds:g} seconds"
            time.sleep(0.01)
        return f"it ended the program (exit status {process.returncode})"
    finally:
        end_group(process)


def end_group(process):
    """End the process, and those that it has started."""
    if os.name == "nt":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# The process of its own


def child(path, results, seconds, *parts):
    """Run the file, judge these parts of it, and write a line for each to results."""
    pid, seconds = os.getpid(), float(seconds)
    del sys.argv[1:]  # they are none of the file's business
    signal.signal(signal.SIGINT, signal.default_int_handler)  # limited() needs it
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with open(results, "a", encoding="utf-8") as file:

        def write(line):
            if os.getpid() != pid:
                os._exit(0)  # a copy of this process, which the file has made
            file.write(json.dumps(line) + "\n")
            file.flush()

        write("started")
        try:
            names, notes = run_file(path, seconds)
        except Unreadable as error:
            write([])
            for part in parts:
                write([part, "wrong", [str(error)]])
        else:
            write(notes)
            for part in parts:
                try:
                    with limited(seconds):
                        verdict = judge(part, names)
                except TimeoutError as late:
                    verdict = Verdict("wrong", [str(late)])
                write([part, *verdict])
    os._exit(0)  # without waiting for threads that the file has started


@contextlib.contextmanager
def limited(seconds):
    """Within it, what takes longer gets a KeyboardInterrupt, and then it is a TimeoutError.

    If it takes no notice, it gets another one twice a second.
    """
    over = threading.Event()

    def interrupt():
        wait = seconds
        while not over.wait(wait):
            _thread.interrupt_main()
            wait = 0.5

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:
        raise TimeoutError(f"still running after {seconds:g} seconds") from None
    finally:
        over.set()


def run_file(path, seconds=10):
    """(global names, notes) of a .py file or a notebook, run as a module named exercises.

    Unreadable if Python can't read the file. In a notebook that concerns one cell only.

    Each statement at the top level runs for itself: one that fails is noted, and hides nothing that
    comes later. When the time is over, only what defines something still runs.
    """
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    numpy = vars(np).copy()
    notes, late, end = [], False, time.monotonic() + seconds
    for name, statement in statements(Path(path), notes):
        if late and not isinstance(statement, DEFINITIONS):
            continue
        # Annotations are not evaluated, whatever they say.
        flags = __future__.annotations.compiler_flag
        try:
            code = compile(ast.Module([statement], []), name, "exec", flags, dont_inherit=True)
            with limited(max(end - time.monotonic(), 1)):
                exec(code, vars(module))
        except TimeoutError:
            pass
        except (Exception, SystemExit) as error:
            notes.append(raised(name, error))
        if not late and time.monotonic() > end:
            late = True
            notes.append(
                f"{name}, line {statement.lineno}: still running after {seconds:g} seconds; what "
                "comes later is read only for its definitions"
            )
    for name, value in numpy.items():
        if vars(np).get(name) is not value:
            setattr(np, name, value)
            notes.append(f"it replaces np.{name}; for the grading that is undone")
    return vars(module), notes


DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


class Unreadable(Exception):
    """What was handed in isn't Python, or isn't a notebook."""


def statements(path, notes):
    """The statements at the top level, each with the name of the file or the cell."""
    for name, source in sources(path):
        try:
            tree = ast.parse(source, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
            text = f"{name}{place}: {type(error).__name__}: {getattr(error, 'msg', error)}"
            if path.suffix != ".ipynb":
                raise Unreadable(text) from None
            notes.append(text)
            continue
        for statement in tree.body:
            yield name, statement


def sources(path):
    """(name, source): the file, or each code cell of a notebook."""
    if path.suffix != ".ipynb":
        yield path.name, path.read_bytes()
        return
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        codes = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        codes = [code if isinstance(code, str) else "".join(code) for code in codes]
    except (ValueError, LookupError, TypeError):
        raise Unreadable(f"{path.name}: expected a notebook of version 4, got others") from None
    for number, code in enumerate(codes, start=1):
        yield f"code cell {number}", python_of(code)


def python_of(cell):
    """A cell without what only IPython understands: magics, shell lines, help."""
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(cell)
        return cell
    lines = cell.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in ("%%time", "%%timeit", "%%capture"):
        return ""  # another language
    # pass keeps a block that has nothing else from being empty, and the number of lines.
    return "\n".join(
        re.sub(r"\S.*", "pass", line) if re.match(r"\s*([%!?]|[\w.]+\?+\s*$)", line) else line
        for line in lines
    )


if __name__ == "__main__":
    child(*sys.argv[1:])
