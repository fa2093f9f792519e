"""Grades what students hand in: each part of exercises.py is right, wrong or not yet written.

    python ch05/classroom/grade.py exercises.py
    python ch05/classroom/grade.py handed_in --csv points.csv

Prints for each part what is wrong, where and probably why. The exit status is 0 if all files have
all points, 1 if not, and 2 for options that can't be used.

answers.py says what is right, reading.py and handed_in.py run the files, judges.py compares, and
results.py writes tables.
"""

import argparse
import glob
import os
import signal
import sys
import textwrap
from pathlib import Path

if not __package__:  # started as a file: let `common` be found
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    import ch05  # noqa: F401 (if a package is missing, it says which command to run)

from ch05.classroom import words
from ch05.classroom.handed_in import NotGraded, grade
from ch05.classroom.judges import PARTS
from ch05.classroom.reading import HandIn
from ch05.classroom.results import Results, is_ours, points_of, texts
from ch05.classroom.words import say
from ch05.tools.script import run_script
from common.guards.arguments import printable

ENDINGS = (".py", ".ipynb")


def main(argv=None):
    sys.stdout.reconfigure(errors="backslashreplace")  # for a console that lacks a letter
    args = parse(argv)
    results = Results(args)
    hand_ins, left_out = read_all(args.files)  # before any of them runs
    left_out = args.left_out + left_out
    for path, hand_in in hand_ins:
        try:
            verdicts, notes = grade(hand_in, args.seconds, args.parts, args.lang)
        except NotGraded as error:
            left_out.append((path, str(error)))
            continue
        text = report(path, verdicts, notes, args.weights)
        results.add(path, verdicts, notes, text)  # before it is printed, as the reader may leave
        print(text, flush=True)
    if len(hand_ins) + len(left_out) > 1:
        print(summary(results.grades, args.parts, left_out))
    if results.failed:
        return 2
    full = [each["points"] == each["of"] for each in results.grades]
    return 0 if full and all(full) else 1


def read_all(paths):
    """[(path, HandIn)] and [(path, why not)]."""
    found, left_out = [], []
    for path in paths:
        try:
            found.append((path, HandIn(path.name, path.read_bytes())))
        except OSError as error:
            left_out.append((path, error.strerror))
    return found, left_out


# What is printed


def report(path, verdicts, notes, weights=None):
    """What a student reads."""
    lines = [printable(f"{path}")]
    for note in notes:
        lines += wrapped("  " + say("note: ") + note)
    for part, (status, sentences) in verdicts.items():
        lines.append(f"  {part:20}{say(status)}")
        for sentence in sentences:
            lines += wrapped(f"      {sentence}")
    points, of = points_of({part: verdict.status for part, verdict in verdicts.items()}, weights)
    return "\n".join([*lines, "  " + say("{points:g} of {of:g} points", points=points, of=of), ""])


def wrapped(text):
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    lines = textwrap.wrap(text, 100, subsequent_indent=indent, break_on_hyphens=False)
    return [printable(line) for line in lines]  # what was handed in may raise any text


def summary(grades, parts, left_out):
    """What a teacher reads first."""
    full = sum(grade["points"] == grade["of"] for grade in grades)
    lines = [say("{n} files, {full} with all points. Right are:", n=len(grades), full=full)]
    for part in parts:
        count = sum(grade["parts"][part] == "right" for grade in grades)
        lines.append(f"  {part:20}{count:4}")
    if left_out:
        lines.append(say("Not graded: {n}", n=len(left_out)))
        lines += [f"  {path}{say(': ')}{why}" for path, why in left_out]
    return "\n".join(lines)


# Options


def parse(argv):
    parser = argparse.ArgumentParser(prog="grade.py", description="Grade exercises.py.")
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="exercises.py, a notebook, or a folder of them")
    add("--lang", choices=["en", "zh"], default="en", help="the language of the sentences (en)")
    add("--part", action="append", choices=PARTS, metavar="PART", dest="parts",
        help="grade this part only; it may be given more than once")  # fmt: skip
    add("--weights", metavar="PART=N,...", help="points of these parts; others have 1")
    add("--csv", metavar="FILE", help="write a row for each file there")
    add("--json", metavar="FILE", help="write the same as JSON, with the sentences")
    add("--feedback", metavar="DIR", help="write a text for each file into this folder")
    add("--gradescope", metavar="FILE", help="write the results of one file for Gradescope")
    add("--seconds", type=float, default=10, metavar="S",
        help="time for running a file, and for each of its parts (10)")  # fmt: skip
    args = parser.parse_intermixed_args(argv)
    words.use(args.lang)
    if not 0 < args.seconds < 1e6:
        parser.error(f"argument --seconds: expected a number above 0, got {args.seconds:g}")
    args.parts = [part for part in PARTS if part in (args.parts or PARTS)]
    args.weights = weights_of(args.weights, parser)
    args.given = args.files
    found = dict.fromkeys(path for name in args.files for path in files(name, parser))
    args.left_out = [(path, why_not(path)) for path in found if why_not(path)]
    args.files = [path for path in found if not why_not(path)]
    if not args.files:
        came = ", ".join(map(str, found)) or "an empty folder"
        parser.error(f"expected .py or .ipynb, got {came}")
    if args.gradescope and len(args.files) > 1:
        parser.error(f"argument --gradescope: expected one file to grade, got {len(args.files)}")
    check_targets(args, parser)
    return args


def weights_of(text, parser):
    weights = {}
    for each in filter(None, (text or "").split(",")):
        part, _, number = each.partition("=")
        try:
            weights[part.strip()] = value = float(number)
        except ValueError:
            value = -1
        if part.strip() not in PARTS or not 0 <= value < 1e6:
            parser.error(f"argument --weights: expected one of {', '.join(PARTS)}, then = and a "
                         f"number, got {each!r}")  # fmt: skip
    return {part: int(value) if value == int(value) else value for part, value in weights.items()}


def files(name, parser):
    """The file itself, all of a folder, or a pattern, as on Windows."""
    path = Path(name)
    if path.is_dir():
        # Hidden folders are copies, such as .ipynb_checkpoints; __MACOSX is no hand-in either.
        hidden = (".", "__MACOSX", "__pycache__")
        found = [each for each in path.rglob("*") if not each.is_dir() and not any(
            part.startswith(hidden) for part in each.relative_to(path).parts)]  # fmt: skip
    elif path.exists():
        found = [path]
    else:
        found = [Path(each) for each in glob.glob(name)]
    if not found and not path.is_dir():
        parser.error(say("{name}: there is no such file", name=name) + how_to_copy(path))
    return sorted(found)


def how_to_copy(path):
    own = Path(os.path.relpath(Path(__file__).with_name(path.name))).as_posix()
    is_ours = path.name in ("exercises.py", "exercises.zh.py")
    return say("; copy it first: {command}", command=f"cp {own} {path.as_posix()}") * is_ours


def why_not(path):
    """Why this file isn't graded; None if it is."""
    if path.suffix.lower() not in ENDINGS:
        return say("it doesn't end in .py or .ipynb")
    return None if path.is_file() else say("it is no file")


def check_targets(args, parser):
    """To know now, and not after the grading, what can't be written; and what must not be."""
    targets = [name for name in (args.csv, args.json, args.gradescope) if name]
    args.texts = texts(args)
    for name in [*targets, *map(str, args.texts.values())]:
        if Path(name).suffix.lower() in ENDINGS:
            parser.error(f"expected a file to write, got {name!r}: that may be a hand-in")
        if not is_ours(name):
            parser.error(f"expected a new file, or one that grade.py wrote, got {name!r}: that "
                         "would be overwritten; move it, or write elsewhere")  # fmt: skip
    try:
        for name in targets:
            open(name, "a").close()
        if args.feedback:
            name = args.feedback
            Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"expected something to write to, got {name!r}: {error.strerror}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # while it imported, it ended at once
    run_script(main)
