"""Reads what was handed in, a .py file or a notebook, and runs it statement by statement."""

import __future__

import _thread
import ast
import builtins
import contextlib
import json
import re
import signal
import sys
import threading
import time
import types
from typing import NamedTuple

import numpy as np

from ch05.classroom.calling import MODULE, raised, wanted
from ch05.classroom.judges import PARTS
from ch05.classroom.words import say

FOREIGN = "bash sh cmd script html javascript js latex markdown svg perl ruby cython R".split()


class HandIn(NamedTuple):
    """One file, as it was when the grading began."""

    name: str
    source: bytes


class Skip(NamedTuple):
    """The number of a statement that ended an earlier process, and how. -1: run no statement."""

    number: int
    why: str


class Unreadable(Exception):
    """What was handed in isn't Python, or isn't a notebook."""


def run(hand_in, seconds=10, skip=None, starts=lambda number: None):
    """(global names, notes) of what was handed in, run as a module named exercises.

    Unreadable if Python can't read it. In a notebook that concerns one cell only.
    starts(number) is called before each statement.
    Each statement at the top level runs for itself: one that fails is noted, and hides nothing that
    comes later. When the time is over, or after skip, only what defines something still runs.
    """
    module = types.ModuleType(MODULE)
    names, notes, defined, replaced = vars(module), [], {}, []
    sys.modules[MODULE] = module
    library = [("np.", vars(np), {**vars(np)}), ("builtins.", vars(builtins), {**vars(builtins)})]
    late, end = bool(skip and skip.number < 0), time.monotonic() + seconds
    if late:
        words = "{name}: {why}; it is read only for its definitions"
        notes.append(say(words, name=hand_in.name, why=skip.why))

    def note_late(why):
        words = "{name}, line {line}: {why}; what comes later is read only for its definitions"
        notes.append(say(words, name=name, line=statement.lineno, why=why))
        return True

    for number, (name, statement) in enumerate(statements(hand_in, notes)):
        if skip and number == skip.number:
            late = note_late(skip.why)
            continue
        if late and not defines(statement):
            continue
        starts(number)
        try:
            # Annotations are not evaluated, whatever they say.
            flags = __future__.annotations.compiler_flag
            code = compile(ast.Module([statement], []), name, "exec", flags, dont_inherit=True)
            with limited(max(end - time.monotonic(), min(seconds, 1))):
                try:
                    exec(code, names)
                finally:  # at once, as builtins are in use here
                    replaced += changed(library)
        except TimeoutError:
            pass
        except (Exception, SystemExit) as error:
            notes.append(raised(name, error))
        for each in definitions(statement):
            if each.name in names:
                cell = name * (name != hand_in.name)
                place = cell + say(", line {line}" if cell else "line {line}", line=each.lineno)
                note_twice(notes, defined, each.name, names, place)
        if not late and time.monotonic() > end:
            late = note_late(still_running(seconds))
    for name, (_, value) in defined.items():
        if not isinstance(names.get(name), type) and not callable(names.get(name)):
            names[name] = value  # as after update = update(...)
        if isinstance(value, type) and type(names.get(name)) is value:
            names[name] = value  # as after Relu = Relu()
    for each in dict.fromkeys(replaced):
        notes.append(say("it replaces {name}; for the grading that is undone", name=each))
    return names, notes[:20] + [say("and more")] * (len(notes) > 20)


def changed(library):
    """What was replaced in np or builtins; it is put back. No builtin is called before that."""
    names = []
    for owner, own, before in library:
        names += [owner + name for name, value in before.items()
                  if own.get(name) is not value and name != "_"]  # fmt: skip
        own.update(before)
    return names


def note_twice(notes, defined, name, names, place):
    """Note it if a part is defined a second time, unless the second builds on the first."""
    first = defined.get(name)
    defined[name] = place, names[name]
    builds_on = first and isinstance(names[name], type) and first[1] in names[name].__mro__
    if first and not builds_on and name in map(wanted, PARTS):
        words = "{name} is defined twice ({first}; {second}); the last one is graded"
        notes.append(say(words, name=name, first=first[0], second=place))


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
    except KeyboardInterrupt:
        raise TimeoutError(still_running(seconds)) from None


# Statements


def definitions(statement):
    """The classes and functions that a statement at the top level defines."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        yield statement
    for each in ("body", "orelse", "handlers", "finalbody"):
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            for inner in getattr(statement, each, ()):
                yield from definitions(inner)


def defines(statement):
    """Does it only define something: a class, a function, an import, a value without a call?"""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        value = statement.value
        return isinstance(value, ast.Lambda) or not any(
            isinstance(each, ast.Call | ast.comprehension) for each in ast.walk(statement)
        )
    if isinstance(statement, ast.If | ast.Try):
        inner = [*statement.body, *statement.orelse, *getattr(statement, "finalbody", ())]
        return all(map(defines, inner))
    kinds = ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass
    return isinstance(statement, kinds)


def statements(hand_in, notes):
    """The statements at the top level, each with the name of the file or the cell."""
    notebook = hand_in.name.lower().endswith(".ipynb")
    for name, source in cells(hand_in) if notebook else [hand_in]:
        for statement in parsed(name, source, notes if notebook else None):
            yield name, statement


def parsed(name, source, notes):
    """The statements of this source. With notes, what can't be read is noted, and left out."""
    while True:
        try:
            return ast.parse(source, name).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            place = say(", line {line}", line=line) if line else ""
            why = f"{getattr(error, 'msg', error)}"
            text = say(": ").join([name + place, type(error).__name__, why])
            if notes is None:
                raise Unreadable(text) from None
            notes.append(text)
            shorter = without(source, line)
            if shorter is None:
                return []
            source = shorter


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
    """A cell without what only IPython understands: magics, shell lines, help."""
    if readable(cell):
        return cell
    lines = cell.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if not lines[first].startswith("%%"):
        return cleaned(lines)
    magic, lines[first] = lines[first].split()[0], ""
    if magic[2:] in FOREIGN:
        return ""
    rest = cleaned(lines)
    # Another language may stand there. A mistake in a class or function is noted.
    return rest if readable(rest) or re.search(r"^(class|def) ", cell, re.M) else ""


def readable(source):
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        ast.parse(source)
        return True
    return False


def cleaned(lines):
    """pass keeps a block that has nothing else from being empty, and the number of lines."""
    text, goes_on = [], False  # a line of the shell goes on after a backslash
    for line in lines:
        ours = re.match(r"\s*([%!?]|[\w.]+\?+\s*$)", line)
        assigned = re.match(r"(\s*[\w, ]+=)\s*[!%]", line)
        if goes_on:
            text.append("")
        elif assigned:
            text.append(f"{assigned[1]} None")
        else:
            text.append(re.sub(r"\S.*", "pass", line) if ours else line)
        goes_on = line.endswith("\\") and bool(goes_on or ours or assigned)
    return "\n".join(text)
