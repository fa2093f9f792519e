"""How a script ends, whatever happens in it."""

import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

from ch05.tools.screen import say

__all__ = ["run_script"]


def run_script(main, at_end=lambda status: None):
    """Exit with the status of main(): quietly where nobody reads the output (| head, >&-).

    at_end is called with the exit status before. In IPython (%run) and after python -i nothing
    ends, and Ctrl-C and standard output are as before.
    """
    stays = hasattr(sys, "ps1") or bool(sys.flags.inspect)  # there is a prompt, or one will come
    try:
        with signals_and_streams(stays):
            status = status_of(main, stays)
    except KeyboardInterrupt:
        status = 130
    except Exception:
        at_end(1)
        raise
    if not stays:
        at_end(status)
        sys.exit(status)


def status_of(main, stays):
    name = Path(sys.argv[0]).name
    warnings.showwarning = lambda message, *_, **__: say(f"{name}: warning: {message}")
    try:
        try:
            status = main()
        except SystemExit as stop:  # argparse ends so
            status = stop.code
            if isinstance(status, str):
                say(status)
                status = 1
        sys.stdout.flush()
        return status
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        if not isinstance(error, BrokenPipeError):
            say(f"{name}: {error}")
        if not stays:  # for the flush at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


@contextmanager
def signals_and_streams(stays):
    """Afterwards Ctrl-C, the streams and what shows warnings are as before, if Python stays."""
    before = signal.getsignal(signal.SIGINT), sys.stdout, sys.stderr
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    try:
        set_ctrl_c(signal.default_int_handler)  # a shell ignores it in the background
        with warnings.catch_warnings():
            yield
    finally:
        if stays:
            set_ctrl_c(before[0])
            _, sys.stdout, sys.stderr = before
        else:
            set_ctrl_c(signal.SIG_DFL)  # from here on Ctrl-C ends it without a word


def set_ctrl_c(handler):
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGINT, handler)
