"""What all tests share: one thread, the settings of hypothesis (made-up inputs), some data."""

import os
import random
import signal
import struct
import sys

import pytest
from hypothesis import settings

# Threads that wait for each other take minutes on a busy machine; to test with two, set it to 2.
# Not if a plugin has imported numpy: what tests start must round as this process does.
if "numpy" not in sys.modules:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same inputs at every run, so that a green run stays green; no limit to an example's time,
# since a busy machine is no defect. For many other inputs: --hypothesis-profile=campaign.
settings.register_profile("ordinary", deadline=None, derandomize=True, database=None)
settings.register_profile("campaign", deadline=None, database=None, max_examples=2000)
settings.load_profile("ordinary")

# What a script starts in the background ignores Ctrl-C, and what that starts ignores it too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Windows

UNIX_MODULES = "fcntl", "grp", "pty", "pwd", "resource", "termios"
UNIX_NAMES = (os, "fork"), (os, "mkfifo")


def pytest_addoption(parser):
    parser.addoption("--as-on-windows", action="store_true", help="hide what only Unix has")


def pytest_configure(config):
    config.windows = os.name == "nt" or config.getoption("--as-on-windows")
    if config.getoption("--as-on-windows"):
        import asyncio  # noqa: F401 (on Unix it needs what is hidden below)

        for name in UNIX_MODULES:
            sys.modules[name] = None  # importing it fails from now on
        for owner, name in UNIX_NAMES:
            delattr(owner, name)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if config.windows and item.get_closest_marker("unix"):
            item.add_marker(pytest.mark.skip(reason="as expected on Windows: it needs Unix"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder of data for what needs no real digits: 20 images of noise, two of each class."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("train", "t10k"):
        head, pixels = struct.pack(">4I", 2051, 20, 28, 28), random.Random(0).randbytes(20 * 784)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + pixels)
        head, labels = struct.pack(">2I", 2049, 20), bytes(range(10)) * 2
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(head + labels)
    return folder
