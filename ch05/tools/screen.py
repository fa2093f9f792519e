"""Lines for people, who may read them in a narrow terminal."""

import os
import sys
import textwrap

__all__ = ["on_screen", "say", "width"]


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
    """Lines to standard error; in a terminal they are broken between words."""
    room = width(sys.stderr)
    for line in text.splitlines():
        if room:
            line = textwrap.fill(line, room, break_long_words=False, break_on_hyphens=False)
        print(line, file=sys.stderr, flush=True)
