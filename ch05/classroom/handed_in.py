"""Grades one file in processes of its own. That is no sandbox.

What was handed in may hang, exit, print without end, or start other processes. So grade starts
a process for it, in an empty folder that is removed afterwards, without input, its output thrown
away. The process gets the source through a pipe, runs it, judges one part after the other, and
writes each verdict into a file as a line of JSON.

If no line comes for too long, or the process ends too early, another one is started: without the
statement that ended it, or with the parts that are left. What a process has started ends with it.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ch05.classroom import words
from ch05.classroom.judges import PARTS, Verdict, judge
from ch05.classroom.reading import HandIn, Unreadable, limited, run, still_running
from ch05.classroom.words import say

ROOT = Path(__file__).resolve().parent.parent.parent
START = 60  # seconds for Python and NumPy to start, on a slow disk
GRACE = 3  # seconds for what takes no notice that its time is over
MEMORY = 4 * 2**30  # bytes; only where the system can limit it
FILES = 2**30  # bytes in a file that is written


class NotGraded(Exception):
    """Its process doesn't start, or it has ended twice before the first part."""


# The process that started it all


def grade(hand_in, seconds=10, parts=PARTS, lang="en"):
    """({part: Verdict}, notes). notes say what went wrong while the file was run."""
    verdicts, notes, deadly, skip = {}, [], [], None
    source = hand_in.source.decode("latin-1")  # a letter for each byte
    job = {"name": hand_in.name, "source": source, "seconds": seconds, "lang": lang}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        while left := [part for part in parts if part not in verdicts]:
            empty = Path(folder, "of", "this")  # rmtree("..") shouldn't reach another's
            empty.mkdir(parents=True, exist_ok=True)
            told, why = run_process(
                job | {"parts": left, "skip": skip, "deadly": deadly}, empty, seconds
            )
            if "notes" not in told:  # it didn't come as far as the first part
                if skip or "statement" not in told:
                    raise NotGraded(why)
                skip = told["statement"], why
                continue
            notes = told["notes"]
            for part in left:
                if part not in told:
                    verdicts[part] = Verdict("wrong", [why])
                    deadly.append(part)
                    break
                status, sentences, hangs = told[part]
                verdicts[part] = Verdict(status, sentences)
                deadly += [part] * hangs
    return {part: verdicts[part] for part in parts}, notes


def run_process(job, folder, seconds):
    """Run child in a process of its own, to its end or until it has to be killed.

    Returns what it told, as {kind: value}, and a sentence that says how it ended.
    """
    mark = secrets.token_hex()  # at the start of our lines, and in all that the process starts
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "agg",  # no windows
        "GRADING": mark,
    }
    with tempfile.TemporaryFile() as results:
        process = subprocess.Popen(
            [sys.executable, "-m", "ch05.classroom.handed_in"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=results,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # for Windows
        )
        try:
            with contextlib.suppress(OSError), process.stdin:
                process.stdin.write(json.dumps(job | {"mark": mark}).encode() + b"\n")
            size, since, why = 0, time.monotonic(), None
            while process.poll() is None and not why:
                if size != (size := os.fstat(results.fileno()).st_size):
                    since = time.monotonic()
                if time.monotonic() - since > (seconds + GRACE if size else START):
                    why = still_running(seconds)
                time.sleep(0.01)
        finally:
            end_all(process, mark.encode())
        results.seek(0)
        lines = results.read().split(b"\n" + mark.encode())[1:]
    told = dict(json.loads(line.split(b"\n")[0]) for line in lines)
    ended = say("it ended the program (exit status {status})", status=process.returncode)
    return told, why or ended


def end_all(process, mark):
    """End the process, and those that it has started; on Linux, wherever they are."""
    if os.name == "nt":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if mark in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)
    process.wait()


# The process of its own


def child():
    """Do the job that comes by standard input, and write a line of JSON for each thing known."""
    job = json.loads(sys.stdin.buffer.readline())
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in 0, 1:
        os.dup2(nowhere, stream)  # no input; and nobody reads what it prints
    words.use(job["lang"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # limited() needs it
    limit_memory()

    def write(kind, value):
        results.write(f"\n{job['mark']}{json.dumps([kind, value])}\n")
        results.flush()

    write("start", None)
    seconds, known = job["seconds"], dict.fromkeys(job["deadly"], ())
    hand_in = HandIn(job["name"], job["source"].encode("latin-1"))
    try:
        names, notes = run(hand_in, seconds, job["skip"], lambda n: write("statement", n))
    except Unreadable as error:
        write("notes", [])
        for part in job["parts"]:
            write(part, ("wrong", [str(error)], False))
    else:
        write("notes", notes)
        for part in job["parts"]:
            try:
                with limited(seconds):
                    verdict = judge(part, names, known)
            except TimeoutError as late:
                verdict = Verdict("wrong", [str(late)])
                known[part] = ()
            write(part, (*verdict, not known[part]))
    os._exit(0)  # without waiting for threads that the file has started


def limit_memory():
    with contextlib.suppress(ImportError):
        import resource  # not on Windows

        for what, most in (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, FILES):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    child()
