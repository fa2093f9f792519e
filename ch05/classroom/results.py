"""Writes what was graded: a table, JSON, a text for each student, and what Gradescope reads.

Everything is written again after each file. So what is done stays, however the grading ends.
"""

import csv
import io
import json
import os
import re
import sys
from pathlib import Path

from ch05.classroom.answers import RIGHT
from ch05.classroom.words import say


class Results:
    def __init__(self, args):
        self.args = args
        self.grades = []  # dicts, as in the JSON file
        self.failed = set()  # files that could not be written

    def add(self, path, verdicts, notes, text):
        parts = {part: verdict.status for part, verdict in verdicts.items()}
        points, of = points_of(parts, self.args.weights)
        grade = {
            "file": str(path),
            "parts": parts,
            "points": points,
            "of": of,
            "sentences": {part: verdict.sentences for part, verdict in verdicts.items()},
        }
        self.grades.append(grade | ({"notes": notes} if notes else {}))
        args = self.args
        if args.csv:
            self.write(args.csv, table(self.grades, args.parts))
        if args.json:
            self.write(args.json, as_json(self.grades))
        if args.gradescope:
            self.write(args.gradescope, as_json(for_gradescope(grade, args.weights)))
        if args.feedback:
            self.write(args.texts[path], f"{text}\n".encode(errors="backslashreplace"))

    def write(self, name, data):
        """The whole file or, if that fails, the file as it was."""
        path = Path(name).resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_file():  # such as /dev/stdout
                path.write_bytes(data)
            else:
                part = path.with_name(f".{path.name}.part")
                part.write_bytes(data)
                os.replace(part, path)
        except OSError as error:
            if name not in self.failed:
                print(say("{name} isn't written: {why}", name=name, why=error.strerror),
                      file=sys.stderr)  # fmt: skip
            self.failed.add(name)


def texts(args):
    """{hand-in: the file with the text for its student}."""
    names = [below(path, args.given) for path in args.files]
    if len({*names}) < len(names):
        names = [below(path, []) for path in args.files]
    names = [Path(args.feedback or "", f"{name}.txt") for name in names]
    return dict(zip(args.files, names)) if args.feedback else {}


def is_ours(name):
    """May this file be written again? It is empty, or it begins as what is written here does.

    In a text for a student all lines but the first are indented, unless somebody has added some.
    """
    if not (os.path.isfile(name) and os.access(name, os.R_OK)):
        return not os.path.isfile(name)  # such as /dev/stdout
    with open(name, encoding="utf-8-sig", errors="replace") as file:
        text, part = file.read(2**22), "|".join(RIGHT)
    table = rf'file,({part})|\[\n  {{\n    "file":|{{\n  "tests":'
    return not text or re.match(table, text) or re.fullmatch(
        rf".*\n(  .*\n)*  ({part}) .*\n(  .*\n)*\n?", text)  # fmt: skip


def below(path, folders):
    """The path below the folder that was given; without one, the path without .. and /."""
    for folder in folders:
        if path.is_relative_to(folder) and path != Path(folder):
            return path.relative_to(folder)
    return Path(*[part for part in path.parts if part not in ("..", path.anchor)])


def table(grades, parts):
    """One row a file."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["file", *parts, "points", "of"])
    for grade in grades:
        rows.writerow([grade["file"], *grade["parts"].values(), grade["points"], grade["of"]])
    # Excel reads other letters only if a mark at the start says that it is UTF-8.
    text = text.getvalue()
    return text.encode("utf-8" if text.isascii() else "utf-8-sig", "backslashreplace")


def as_json(value):
    return (json.dumps(value, indent=2) + "\n").encode()


def points_of(parts, weights=None):
    """What {part: status} is worth, and what it could be."""
    worth = {part: (weights or {}).get(part, 1) for part in parts}
    right = sum(worth[part] for part in parts if parts[part] == "right")
    return round(right, 9), round(sum(worth.values()), 9)  # 0.3, not 0.30000000000000004


def for_gradescope(grade, weights):
    tests = []
    for part, status in grade["parts"].items():
        points, of = points_of({part: status}, weights)
        output = "\n".join([status, *grade["sentences"][part]])
        tests.append({"name": part, "score": points, "max_score": of, "output": output})
    return {"tests": tests}
