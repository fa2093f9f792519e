"""Lines for people."""

import contextlib
import os
import sys
import warnings

CH05 = os.path.dirname(os.path.dirname(__file__))


def width(stream):
    """How many characters a line of a terminal has; 0 if the stream is no terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80 if stream.isatty() else 0
    except (AttributeError, OSError, ValueError):  # None, or a window such as IDLE's
        return 0


def on_screen():
    """Do people read standard output and standard error together?"""
    return bool(width(sys.stdout) and width(sys.stderr))


def say(text):
    if sys.stderr:
        print(text, file=sys.stderr, flush=True)


def warn(sentence):
    """A warning that names the reader's line, that which called train."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((CH05, contextlib.__file__)):
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, stacklevel=level)
