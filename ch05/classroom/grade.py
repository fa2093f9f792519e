"""Grades what students hand in: each part of exercises.py is right, wrong or not yet written.

    python ch05/classroom/grade.py exercises.py
    python ch05/classroom/grade.py handed_in --csv points.csv

Prints for each part what is wrong, where and probably why. The exit status is 0 if all files have
all points, 1 if not, and 2 for options that can't be used.

judges.py says what is right; handed_in.py runs the files.
"""

import argparse
import csv
import glob
import json
import os
import signal
import sys
import textwrap
from pathlib import Path

if not __package__:  # started as a file: let `common` be found
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    import ch05  # noqa: F401 (if a package is missing, it says which command to run)

from ch05.classroom.handed_in import grade_file
from ch05.classroom.judges import PARTS


def main(argv=None):
    sys.stdout.reconfigure(errors="backslashreplace")  # for a console that lacks a letter
    args = parse(argv)
    grades = []
    for path in args.files:
        verdicts, notes = grade_file(path, args.seconds)
        print(report(path, verdicts, notes), flush=True)
        parts = {part: verdicts[part].status for part in PARTS}
        points = list(parts.values()).count("right")
        grades.append({"file": str(path), "parts": parts, "points": points, "of": len(PARTS)})
    if len(grades) > 1:
        print(summary(grades))
    if args.csv:
        write_csv(args.csv, grades)
    if args.json:
        Path(args.json).write_text(json.dumps(grades, indent=2) + "\n", encoding="utf-8")
    return 0 if all(grade["points"] == grade["of"] for grade in grades) else 1


def report(path, verdicts, notes):
    """What a student reads."""
    lines = [f"{path}"]
    for note in notes:
        lines += wrapped(f"  note: {note}")
    for part in PARTS:
        status, sentences = verdicts[part]
        lines.append(f"  {part:20}{status}")
        for sentence in sentences:
            lines += wrapped(f"      {sentence}")
    points = sum(verdict.status == "right" for verdict in verdicts.values())
    return "\n".join([*lines, f"  {points} of {len(PARTS)} points", ""])


def wrapped(text):
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(text, 100, subsequent_indent=indent, break_on_hyphens=False)


def summary(grades):
    """What a teacher reads first."""
    full = sum(grade["points"] == grade["of"] for grade in grades)
    lines = [f"{len(grades)} files, {full} with all points. Right are:"]
    for part in PARTS:
        count = sum(grade["parts"][part] == "right" for grade in grades)
        lines.append(f"  {part:20}{count:4}")
    return "\n".join(lines)


def write_csv(path, grades):
    """One row a file."""
    ascii_only = all(grade["file"].isascii() for grade in grades)
    # Excel reads other letters only if a mark at the start says that it is UTF-8.
    with open(path, "w", newline="", encoding="utf-8" if ascii_only else "utf-8-sig") as file:
        rows = csv.writer(file)
        rows.writerow(["file", *PARTS, "points", "of"])
        for grade in grades:
            rows.writerow([grade["file"], *grade["parts"].values(), grade["points"], grade["of"]])


# Options


def parse(argv):
    parser = argparse.ArgumentParser(prog="grade.py", description="Grade exercises.py.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="exercises.py, a notebook, or a "
                        "folder of them")  # fmt: skip
    parser.add_argument("--csv", metavar="FILE", help="write a row for each file there")
    parser.add_argument("--json", metavar="FILE", help="write the same as JSON")
    parser.add_argument("--seconds", type=float, default=10, metavar="S",
                        help="time for running a file, and for each of its parts (10)")  # fmt: skip
    args = parser.parse_args(argv)
    args.files = [path for name in args.files for path in files(name, parser)]
    if not 0 < args.seconds < 1e6:
        parser.error(f"argument --seconds: expected a number above 0, got {args.seconds:g}")
    for name in filter(None, (args.csv, args.json)):
        try:
            open(name, "a").close()  # to know it now, not after the grading
        except OSError as error:
            parser.error(f"expected a file to write, got {name!r}: {error.strerror}")
    return args


def files(name, parser):
    """The files that a name means: itself, all of a folder, or a pattern, as on Windows."""
    path = Path(name)
    if path.is_dir():
        found = [
            each for each in path.rglob("*") if "/." not in f"/{each.relative_to(path).as_posix()}"
        ]
    elif path.exists():
        found = [path]
        if path.suffix not in (".py", ".ipynb"):
            parser.error(f"expected .py or .ipynb, got {name!r}")
    else:
        found = map(Path, glob.glob(name))
    found = sorted(each for each in found if each.suffix in (".py", ".ipynb") and each.is_file())
    if not found:
        parser.error(f"expected a file or a folder of .py or .ipynb, got {name!r}")
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # while it imported, it ended at once
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads any more, as after | head
        os._exit(1)
