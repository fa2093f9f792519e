"""How a script ends, whatever happens in it."""

import os
import sys
import warnings
from pathlib import Path

from ch05.tools.screen import say


def run_script(main, at_end=lambda status: None):
    """Exit with the status of main(), after at_end(status); but not where a prompt follows."""
    status = 1
    try:
        with warnings.catch_warnings():
            status = status_of(main)
    finally:
        at_end(status)
    if not (hasattr(sys, "ps1") or sys.flags.inspect):  # IPython's %run, or python -i
        sys.exit(status)


def status_of(main):
    name = Path(sys.argv[0]).name
    warnings.showwarning = lambda message, *_, **__: say(f"{name}: warning: {message}")
    try:
        status = main()
        if sys.stdout:
            sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse ends so
        return stop.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nobody reads the output any more: | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        say(f"{name}: {error}")
    return 1
