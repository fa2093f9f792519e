"""Lines for people, who may read them in a narrow terminal."""

import shutil
import sys
import textwrap

__all__ = ["on_screen", "say"]


def say(text):
    """Lines to standard error; in a terminal they are broken between words."""
    for line in text.splitlines():
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns
            line = textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        print(line, file=sys.stderr, flush=True)


def on_screen():
    """Do people read standard output and standard error together?"""
    return sys.stdout.isatty() and sys.stderr.isatty()
