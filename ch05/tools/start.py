"""What is looked at before anything large is imported. Written for older Pythons to read too."""

import os
import sys
from importlib.util import find_spec

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PYTHON = ".venv\\Scripts\\python" if os.name == "nt" else ".venv/bin/python"
MAKE_VENV = "py -m venv .venv; " if os.name == "nt" else "python3 -m venv .venv && "


def is_script():
    """Has one of our scripts been started, by its path or by python -m, and will Python end?"""
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    by_path = os.path.realpath(main).startswith(os.path.join(PROJECT, "ch05", ""))
    by_name = sys.argv[:1] == ["-m"]  # while Python still looks for the module
    return (by_path or by_name) and not (hasattr(sys, "ps1") or sys.flags.inspect)


# MPLBACKEND may be another program's: a notebook passes its own on to !python train_neuralnet.py.
# Then matplotlib can't even be imported. Without it, matplotlib looks for a screen itself.
if is_script():
    os.environ.pop("MPLBACKEND", None)


def refuse(sentence):
    raise SystemExit(sentence) if is_script() else ImportError(sentence)


def check_python():
    if sys.version_info < (3, 10):  # noqa: UP036
        refuse("expected Python 3.10 or later, got {}.{}".format(*sys.version_info))


def check_packages(*packages):
    for package in packages:
        if find_spec(package) is None:
            install = f"{MAKE_VENV}{PYTHON} -m pip install -e ."
            hint = f"run: {install} (then start Python by {PYTHON})"
            refuse(f"expected the package {package}, got none; {hint}")


def check_folders(*names):
    """Are the folders that Python finds ours? The book's code has some of these names too."""
    for name in names:
        ours, spec = os.path.join(PROJECT, name), find_spec(name)
        came = spec and [*(spec.submodule_search_locations or [spec.origin])][0]
        if came is None or os.path.realpath(came) != ours:
            hint = "start Python in another folder, or rename that one"
            refuse(f"expected {ours}, got {came}, which Python finds first; {hint}")
