"""What is looked at before anything large is imported: this needs Python alone."""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["check_common", "check_packages", "quiet_ctrl_c"]

PROJECT = Path(__file__).resolve().parent.parent.parent


def is_script():
    """Has one of our scripts been started, by its path or by python -m, and will Python end?"""
    argv = sys.orig_argv
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    by_path = PROJECT in Path(main).resolve().parents and Path(main).name != "__main__.py"
    by_name = any(pair[0] == "-m" and pair[1].startswith("ch05.") for pair in zip(argv, argv[1:]))
    return (by_path or by_name) and not (hasattr(sys, "ps1") or sys.flags.inspect)


def quiet_ctrl_c():
    """Let Ctrl-C end a script without a word, as long as it has only begun to import."""
    if is_script() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))


def refuse(sentence):
    raise SystemExit(sentence) if is_script() else ImportError(sentence)


def check_packages(*packages):
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
    spec = find_spec("common")
    folders = spec and spec.submodule_search_locations or [spec and spec.origin]
    came = folders[0] and Path(folders[0]).resolve()
    if came != PROJECT / "common":
        hint = "start Python in another folder, or rename that one"
        refuse(f"expected {PROJECT / 'common'}, got {came}, which Python finds first; {hint}")
