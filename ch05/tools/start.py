"""What is looked at before anything large is imported. Written for older Pythons to read too."""

import os
import signal
import sys

__all__ = ["check_folders", "check_packages", "check_python", "quiet_ctrl_c"]
__all__ += ["BACKEND", "use_backend"]

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def is_script():
    """Has one of our scripts been started, by its path or by python -m, and will Python end?"""
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    by_path = os.path.realpath(main).startswith(os.path.join(PROJECT, "ch05", ""))
    by_name = sys.argv[:1] == ["-m"]  # while Python still looks for the module
    return (by_path or by_name) and not (hasattr(sys, "ps1") or sys.flags.inspect)


def quiet_ctrl_c():
    """Let Ctrl-C end a script without a word while it imports: nothing has been done yet.

    run_script makes it a KeyboardInterrupt again.
    """
    if is_script() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def refuse(sentence):
    raise SystemExit(sentence) if is_script() else ImportError(sentence)


def check_python():
    if sys.version_info < (3, 10):  # noqa: UP036
        major, minor = sys.version_info[:2]
        refuse(f"expected Python 3.10 or later, got {major}.{minor}")


def check_packages(*packages):
    from importlib.util import find_spec

    for package in packages:
        if find_spec(package) is None:
            refuse(f"expected the package {package}, got none; run: {how_to_install()}")


def how_to_install():
    venv = "python3 -m venv .venv && .venv/bin/python"
    if os.name == "nt":
        venv = "py -m venv .venv; .venv\\Scripts\\python"
    return f"{venv} -m pip install -e . (then start Python by {venv.split()[-1]})"


def check_folders(*names):
    """Are the folders that Python finds ours? The book's code has some of these names too."""
    from importlib.util import find_spec

    for name in names:
        ours, spec = os.path.join(PROJECT, name), find_spec(name)
        came = spec and [*(spec.submodule_search_locations or [spec.origin])][0]
        if came is None or os.path.realpath(came) != ours:
            hint = "start Python in another folder, or rename that one"
            refuse(f"expected {ours}, got {came}, which Python finds first; {hint}")


# MPLBACKEND may be another program's: a notebook passes its own on to !python train_neuralnet.py.
# Then matplotlib can't even be imported, and only windows need a backend.
BACKEND = os.environ.pop("MPLBACKEND", "") if is_script() else ""


def use_backend():
    """Before a script opens a window. ImportError if MPLBACKEND keeps it from that."""
    import matplotlib

    try:
        if BACKEND:
            matplotlib.use(BACKEND)
    except ValueError as error:
        raise ImportError(str(error)) from None
    if "inline" in BACKEND:
        raise ImportError("for notebooks only")
