"""Grades one file in processes of its own. That is no sandbox.

What was handed in may hang, exit, print without end, or start other processes. So grade starts
a process for it, in an empty folder that is removed afterwards, without input, its output thrown
away. The process gets the source through a pipe, runs it, judges one part after the other, and
writes each verdict into another pipe as a line of JSON.

If no line comes for too long, or the process ends too early, another one is started: without the
statement that ended it, or with the parts that are left. What a process has started ends with it.
"""

import base64
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ch05.classroom import words
from ch05.classroom.judges import PARTS, Verdict, judge
from ch05.classroom.reading import HandIn, Skip, Unreadable, limited, run, still_running
from ch05.classroom.words import say

ROOT = Path(__file__).resolve().parent.parent.parent
START = 60  # seconds for Python and NumPy to start, on a slow disk
GRACE = 3  # seconds for what takes no notice that its time is over
MEMORY = 4 * 2**30  # bytes; only where the system can limit it
FILES = 2**30  # bytes in a file that is written
RESULTS = 2**22  # bytes of verdicts; more are no verdicts


class NotGraded(Exception):
    """No process could be started."""


# The process that started it all


def grade(hand_in, seconds=10, parts=PARTS, lang="en"):
    """({part: Verdict}, notes). notes say what went wrong while the file was run."""
    verdicts, notes, deadly, skip = {}, [], [], None
    source = base64.b64encode(hand_in.source).decode()
    job = {"name": hand_in.name, "source": source, "seconds": seconds, "lang": lang}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        while left := [part for part in parts if part not in verdicts]:
            empty = Path(folder, "of", "this")  # rmtree("..") shouldn't reach another's
            empty.mkdir(parents=True, exist_ok=True)
            now = job | {"parts": left, "skip": skip, "deadly": deadly}
            with adopting():
                lines, why = run_process(now, empty, seconds)
            if lines is None:
                raise NotGraded(why)
            told = {line[0]: line[1:] for line in lines}  # the last line of each kind
            if "notes" not in told:  # it didn't come as far as the first part
                if skip and skip.number < 0 or "statement" not in told:
                    return verdicts | dict.fromkeys(left, Verdict("wrong", [why])), notes
                skip = Skip(-1 if skip else told["statement"][0], why)
                continue
            [notes] = told["notes"]
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

    Returns the lines that it wrote, None if it didn't start, and a sentence that says how it ended.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "agg",  # no windows
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ch05.classroom.handed_in"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )
    came = bytearray()
    reader = threading.Thread(target=read, args=(process.stdout, came), daemon=True)
    try:
        reader.start()
        with contextlib.suppress(OSError), process.stdin:
            process.stdin.write(json.dumps(job).encode() + b"\n")
        size, since, why = 0, time.monotonic(), None
        while process.poll() is None and not why:
            if size != len(came):
                size, since = len(came), time.monotonic()
            if time.monotonic() - since > (seconds + GRACE if size else START):
                why = still_running(seconds)
            if size > RESULTS:
                why = say("it writes into the pipe of the grader")
            time.sleep(0.01)
    finally:
        end_group(process)
    reader.join(5)
    process.stdout.close()
    if why is None:
        why = say("it ended the program (exit status {status})", status=process.returncode)
    return lines_of(bytes(came[:RESULTS])), why


def read(pipe, came):
    """Read what comes, but not without end."""
    with contextlib.suppress(OSError, ValueError):
        while len(came) <= RESULTS and (data := os.read(pipe.fileno(), 65536)):
            came += data


def lines_of(came):
    """Whole lines that are verdicts. Others cost nothing."""
    lines = []
    for line in came.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError, TypeError, LookupError):
            kind, *values = json.loads(line)
            kinds = {"start": [], "statement": [int], "notes": [list]}
            expected = kinds.get(kind, [str, list, bool] if kind in PARTS else None)
            if [type(value) for value in values] == expected:
                lines.append([kind, *values])
    return lines or None


def end_group(process):
    """End the process, and those that it has started, wherever they are."""
    if os.name == "nt":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# On Linux a process that left the group comes to us when its own parent ends. So it is ended too.


@contextlib.contextmanager
def adopting():
    """Within it, processes whose parent has ended become our children; these are ended after it."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
    subreaper, before = 36, children()
    prctl(subreaper, 1, 0, 0, 0)
    try:
        yield
    finally:
        end = time.monotonic() + 5
        while (orphans := children() - before) and time.monotonic() < end:
            for pid in orphans:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
        prctl(subreaper, 0, 0, 0, 0)


def children():
    """The processes whose parent this one is; none where the system doesn't tell."""
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, path.read_text().split()))
    return found


# The process of its own


def child():
    """Do the job that comes by standard input, and write a line of JSON for each thing known."""
    pid, job = os.getpid(), json.loads(sys.stdin.buffer.readline())
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in 0, 1:
        os.dup2(nowhere, stream)  # no input; and nobody reads what it prints
    words.use(job["lang"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # limited() needs it
    limit_memory()

    def write(*line):
        if os.getpid() != pid:
            os._exit(0)  # a copy of this process, which the file has made
        results.write(json.dumps(line) + "\n")
        results.flush()

    write("start")
    seconds, known = job["seconds"], dict.fromkeys(job["deadly"], ())
    skip = Skip(*job["skip"]) if job["skip"] else None
    hand_in = HandIn(job["name"], base64.b64decode(job["source"]))
    try:
        names, notes = run(hand_in, seconds, skip, lambda number: write("statement", number))
    except Unreadable as error:
        write("notes", [])
        for part in job["parts"]:
            write(part, "wrong", [str(error)], False)
    else:
        write("notes", notes)
        for part in job["parts"]:
            try:
                with limited(seconds):
                    verdict = judge(part, names, known)
            except TimeoutError as late:
                verdict = Verdict("wrong", [str(late)])
                known[part] = ()
            write(part, *verdict, not known[part])
    os._exit(0)  # without waiting for threads that the file has started


def limit_memory():
    with contextlib.suppress(ImportError):
        import resource  # not on Windows

        for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, FILES),
                           (resource.RLIMIT_CORE, 0)):  # fmt: skip
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    child()
