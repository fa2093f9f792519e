"""How a script ends, whatever happens in it."""

import os
import signal
import sys
import threading
import warnings
from pathlib import Path

from ch05.tools.screen import say

__all__ = ["run_script"]


def run_script(main, at_end=lambda status: None):
    """Exit with the status of main(): quietly where nobody reads the output (| head).

    at_end is called with the exit status before. In IPython (%run) and after python -i nothing
    ends, and Ctrl-C is as before.
    """
    stays = hasattr(sys, "ps1") or bool(sys.flags.inspect)  # there is a prompt, or one will come
    status, before = 1, signal.getsignal(signal.SIGINT)
    set_ctrl_c(signal.default_int_handler)  # a shell ignores it in the background
    try:
        with warnings.catch_warnings():
            status = status_of(main)
    except KeyboardInterrupt:
        status = 130
    finally:
        # Where Python ends, a last Ctrl-C ends it without a word.
        set_ctrl_c(before if stays else signal.SIG_DFL)
        if not stays:
            at_end(status)
    if not stays:
        sys.exit(status)


def status_of(main):
    name = Path(sys.argv[0]).name
    warnings.showwarning = lambda message, *_, **__: say(f"{name}: warning: {message}")
    try:
        try:
            status = main()
        except SystemExit as stop:  # argparse ends so
            status = stop.code
        if sys.stdout:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        say(f"{name}: {error}")
    return 1


def set_ctrl_c(handler):
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGINT, handler)
