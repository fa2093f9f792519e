"""The chapter's networks and scripts. A missing package is answered here, in one line."""

from importlib.util import find_spec

for package in ("numpy", "tqdm", "threadpoolctl"):
    if find_spec(package) is None:
        raise SystemExit(
            f"expected the package {package}, got none; run: python3 -m venv .venv && "
            ".venv/bin/python -m pip install -e . (then start Python by .venv/bin/python)"
        )
