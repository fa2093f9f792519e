"""Reads what was handed in, a .py file or a notebook, and runs it statement by statement."""

import __future__

import _thread
import ast
import contextlib
import json
import re
import signal
import sys
import textwrap
import threading
import time
import types
from typing import NamedTuple

from ch05.classroom.calling import MODULE, imported, joined, raised, wanted
from ch05.classroom.judges import PARTS
from ch05.classroom.words import say

UNREADABLE = SyntaxError, ValueError, RecursionError, MemoryError  # by ast.parse
FOREIGN = "bash sh cmd script html javascript js latex markdown svg perl ruby cython R".split()


class HandIn(NamedTuple):
    """One file, as it was when the grading began."""

    name: str
    source: bytes


class Unreadable(Exception):
    """What was handed in isn't Python, or isn't a notebook."""


def run(hand_in, seconds=10, skip=None, starts=lambda number: None):
    """(global names, notes) of what was handed in, run as a module named exercises.

    Unreadable if Python can't read it. In a notebook that concerns one cell only.
    skip is the number of a statement that ended an earlier process, and a sentence about that.
    starts(number) is called before each statement.
    Each statement at the top level runs for itself: one that fails is noted, and hides nothing that
    comes later. When the time is over, or after skip, only what defines something still runs.
    """
    module = types.ModuleType(MODULE)
    if hand_in.name.lower().endswith(".py"):  # a notebook has none
        module.__file__ = hand_in.name
    names, notes, defined = vars(module), [], {}
    sys.modules[MODULE] = module
    end, late = time.monotonic() + seconds, False
    for number, (name, statement) in enumerate(statements(hand_in, notes)):
        line = statement.lineno
        if skip and number == skip[0]:
            why = skip[1]
        elif late and not defines(statement):
            continue
        else:
            starts(number)
            try:
                # Annotations are not evaluated, whatever they say.
                flags = __future__.annotations.compiler_flag
                code = compile(ast.Module([statement], []), name, "exec", flags, dont_inherit=True)
                with limited(max(end - time.monotonic(), min(seconds, 1))):
                    exec(code, names)
            except TimeoutError:
                pass
            except (Exception, SystemExit) as error:
                notes.append(raised(name, error))
            cell = name * (name != hand_in.name)
            place = cell + say(", line {line}" if cell else "line {line}", line=line)
            note_definitions(names, defined, place, notes)
            why = still_running(seconds) if time.monotonic() > end else ""
        if why and not late:
            late = True
            words = "{name}, line {line}: {why}; what comes later is read only for its definitions"
            notes.append(say(words, name=name, line=line, why=why))
    for name, (_, value) in defined.items():
        now = names.get(name)
        # As after update = update(...), Relu = Relu(), from common.layers import *
        is_hidden = imported(now) and name in map(wanted, PARTS)
        if not callable(now) or type(now) is value or is_hidden:
            names[name] = value
    return names, notes[:20] + [say("and more")] * (len(notes) > 20)


def note_definitions(names, defined, place, notes):
    """Keep in defined what is new, as {name: (place, value)}. Note a part that is defined twice."""
    for name, value in [*names.items()]:
        first, old = defined.get(name, (None, None))
        own = isinstance(value, type | types.FunctionType) and not imported(value)
        if not own or value is old:
            continue
        defined[name] = place, value
        builds_on_it = old in getattr(value, "__mro__", ())
        if old and not builds_on_it and name in map(wanted, PARTS):
            words = "{name} is defined twice ({first}; {second}); the last one is graded"
            notes.append(say(words, name=name, first=first, second=place))


def still_running(seconds):
    return say("still running after {seconds} seconds", seconds=f"{seconds:g}")


@contextlib.contextmanager
def limited(seconds):
    """Within it, what takes longer gets a KeyboardInterrupt, and then it is a TimeoutError.

    If it takes no notice, it gets another one twice a second.
    """
    over, main = threading.Event(), threading.main_thread().ident

    def interrupt():
        wait = seconds
        while not over.wait(wait):
            if hasattr(signal, "pthread_kill"):  # it wakes a call that waits, such as sleep
                signal.pthread_kill(main, signal.SIGINT)
            else:
                _thread.interrupt_main()
            wait = 0.5

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        try:
            yield
        finally:
            over.set()
            thread.join()  # no interrupt comes later
    except KeyboardInterrupt as late:
        raise TimeoutError(joined(*map(str, late.args), still_running(seconds))) from None


# Statements


def defines(statement):
    """Does it only define something: a class, a function, an import, a value without a call?"""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return isinstance(statement.value, ast.Lambda) or not any(
            isinstance(each, ast.Call | ast.comprehension) for each in ast.walk(statement)
        )
    return isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def statements(hand_in, notes):
    """The statements at the top level, each with the name of the file or the cell."""
    notebook = hand_in.name.lower().endswith(".ipynb")
    for name, source in cells(hand_in) if notebook else [hand_in]:
        for statement in parsed(name, source, notes if notebook else None):
            yield name, statement


def parsed(name, source, notes):
    """The statements of this source. With notes, what can't be read is noted, and left out."""
    while source is not None:
        try:
            return ast.parse(source, name).body
        except UNREADABLE as error:
            line = getattr(error, "lineno", None)
            place = name + (say(", line {line}", line=line) if line else "")
            why = f"{getattr(error, 'msg', error)}"
            hint = re.search("'utf-8' codec|null bytes", why) and say("is it text, saved as UTF-8?")
            text = joined(say(": ").join([place, type(error).__name__, why]), hint)
            if notes is None:
                raise Unreadable(text) from None
            notes.append(text)
            source = without(source, line)
    return []


def without(source, line):
    """The source without the top-level statement that has this line; None if there is none."""
    lines = source.split("\n")
    line = min(line or 0, len(lines))
    starts = [i for i, each in enumerate(lines) if re.match(r"[^\s#)\]}]", each)]
    before = [i for i in starts if i < line]
    if not before:
        return None
    end = next((i for i in starts if i >= line), len(lines))
    lines[before[-1] : end] = [""] * (end - before[-1])
    return "\n".join(lines)


# Notebooks


def cells(hand_in):
    """(name, source) of each code cell."""
    try:
        cells = json.loads(hand_in.source.decode("utf-8-sig"))["cells"]
        codes = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        codes = [code if isinstance(code, str) else "".join(code) for code in codes]
    except (ValueError, LookupError, TypeError):
        words = "{name}: expected a notebook of version 4"
        raise Unreadable(say(words, name=hand_in.name)) from None
    for number, code in enumerate(codes, start=1):
        yield say("code cell {number}", number=number), python_of(code)


def python_of(cell):
    """A cell without what only IPython understands: magics, shell lines, help, an indent of all."""
    if cell[:1].isspace():
        cell = textwrap.dedent(cell)
    with contextlib.suppress(*UNREADABLE):
        ast.parse(cell)
        return cell
    magic = re.match(r"\s*%%(\w+)", cell)
    if magic and magic[1] in FOREIGN:
        return ""
    # pass keeps a block from being empty. A line of the shell goes on after a backslash.
    line = r"(?:.*\\\n)*.*$"
    cell = re.sub(rf"^([ \t]*)(?:[%!?]{line}|[\w.]+\?+[ \t]*$)", r"\1pass", cell, flags=re.M)
    return re.sub(rf"^([ \t]*[\w, ]+=)[ \t]*[!%]{line}", r"\1 None", cell, flags=re.M)
