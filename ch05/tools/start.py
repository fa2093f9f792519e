"""What is looked at before anything large is imported: this needs Python alone."""

import os
import signal  # the other imports come after quiet_ctrl_c
import sys

__all__ = ["check_common", "check_packages", "quiet_ctrl_c"]

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def is_script():
    """Has one of our scripts been started, by its path or by python -m, and will Python end?"""
    argv = sys.orig_argv
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    by_path = os.path.realpath(main).startswith(os.path.join(PROJECT, "ch05", ""))
    by_name = any(pair[0] == "-m" and pair[1].startswith("ch05.") for pair in zip(argv, argv[1:]))
    return (by_path or by_name) and not (hasattr(sys, "ps1") or sys.flags.inspect)


def quiet_ctrl_c():
    """Let Ctrl-C end a script without a word while it imports: nothing has been done yet."""
    if is_script() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_if_importing)


def end_if_importing(number, frame):
    """At another time, it is a KeyboardInterrupt as usual."""
    at = frame
    while at is not None:
        if at.f_code.co_filename.startswith("<frozen importlib"):
            os._exit(130)
        at = at.f_back
    signal.default_int_handler(number, frame)


def refuse(sentence):
    raise SystemExit(sentence) if is_script() else ImportError(sentence)


def check_packages(*packages):
    from importlib.util import find_spec

    for package in packages:
        if find_spec(package) is None:
            refuse(f"expected the package {package}, got none; run: {how_to_install()}")


def how_to_install():
    venv = "py -m venv .venv; .venv\\Scripts\\python -m pip install -e ."
    python = ".venv\\Scripts\\python"
    if os.name != "nt":
        venv = "python3 -m venv .venv && .venv/bin/python -m pip install -e ."
        python = ".venv/bin/python"
    return f"{venv} (then start Python by {python})"


def check_common():
    """Is the folder common that Python finds ours? The book's code has one of that name too."""
    from importlib.util import find_spec

    ours, spec = os.path.join(PROJECT, "common"), find_spec("common")
    came = spec and [*(spec.submodule_search_locations or [spec.origin])][0]
    if came is None or os.path.realpath(came) != ours:
        hint = "start Python in another folder, or rename that one"
        refuse(f"expected {ours}, got {came}, which Python finds first; {hint}")
