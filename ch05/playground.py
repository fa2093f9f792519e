"""The chapter alive: draw a digit, and watch a network read it, learn, and send gradients back.

    python ch05/playground.py              in a window
    python ch05/playground.py --browser    in a browser

This file only starts it. Its code is in the folder playground/ beside it, and that is also what
`from ch05.playground import Playground` finds: Python prefers a package to a file of its name.
"""

if __name__ == "__main__":
    import project_path  # noqa: F401

    import ch05.playground.__main__  # noqa: F401
