"""How a script ends, whatever happens in it."""

import os
import signal
import sys
import warnings
from pathlib import Path

__all__ = ["run_script"]


def run_script(main, at_end=lambda status: None):
    """Exit with the status of main(): quietly where nobody reads the output (| head, >&-).

    at_end is called with the exit status before.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in the background
    sys.stdout = sys.stdout or open(os.devnull, "w")
    sys.stderr = sys.stderr or open(os.devnull, "w")
    name = Path(sys.argv[0]).name
    warnings.showwarning = lambda message, *_, **__: print(f"{name}: {message}", file=sys.stderr)
    try:
        try:
            status = main()
        except SystemExit as stop:  # argparse ends so
            status = stop.code
        sys.stdout.flush()
    except (FloatingPointError, ImportError, MemoryError, OSError) as error:
        if not isinstance(error, BrokenPipeError):
            print(f"{name}: {error}", file=sys.stderr, flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        status = 1
    except KeyboardInterrupt:
        status = 130
    except Exception:
        at_end(1)
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # from here on Ctrl-C ends it without a word
    at_end(status)
    sys.exit(status)
