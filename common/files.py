"""Files of weights: written whole or not at all, and read without trusting them."""

import contextlib
import io
import os
import signal
import threading
import zipfile
from pathlib import Path

import numpy as np

from common.guards.arguments import wrong


def write_whole(path, content):
    """Write content (bytes) to path; or raise OSError, and leave an old file as it was.

    The bytes go to a new file beside it, which is then renamed. With None it is only tried.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))  # a link stays; its target is written
    new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        # The renaming would replace a device or a protected file without asking.
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            raise OSError(0, "a folder" if path.is_dir() else "a device or a protected file")
        new.write_bytes(content or b"")
        if content is not None:
            os.replace(new, path)
    except OSError as error:
        raise wrong(OSError, "a file to write", error.strerror, at=path) from None
    finally:
        with contextlib.suppress(OSError):  # after the renaming it is gone
            new.unlink()


@contextlib.contextmanager
def ctrl_c_later():
    """Ctrl-C waits for the end of a with statement. (Only the main thread ever gets it.)"""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)


def save_arrays(path, arrays):
    """Write {key: array} to a .npz file. ValueError if there is nan or inf in an array."""
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise wrong(ValueError, "finite parameters", f"nan or inf in {key}", "not saved")
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(path, content.getvalue())


def load_arrays(path, expected):
    """{key: array} from a .npz file; ValueError unless keys and shapes are those of `expected`."""
    path = Path(os.path.expanduser(path))
    if not path.is_file():
        came = "a folder" if path.is_dir() else "none"
        hint = f"did you mean {path.name}.npz?" if Path(f"{path}.npz").exists() else ""
        raise wrong(FileNotFoundError, "a file of weights", came, hint, at=path)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith(".npy"):
                    raise ValueError(f"{name} is in it")
                content = io.BytesIO(archive.read(name))  # which compares the checksum
                arrays[name.removesuffix(".npy")] = np.lib.format.read_array(content)
    except Exception as error:  # zipfile and NumPy fail in many ways on a damaged file
        expected = "a .npz file of weights, as save writes it"
        raise wrong(ValueError, expected, what_it_is(path, error), at=path) from None
    differences = [f"{key} isn't in the network" for key in arrays if key not in expected]
    for key, array in expected.items():
        if key not in arrays:
            differences.append(f"{key} is missing")
        elif arrays[key].shape != array.shape:
            differences.append(f"{key} has shape {arrays[key].shape}, not {array.shape}")
    if differences:
        came = f"others: {'; '.join(differences[:4])}{'; and more' * (len(differences) > 4)}"
        raise wrong(ValueError, "the weights of this network", came, at=path)
    return arrays


OTHER_FILES = {
    b"version https://git-lfs": "a pointer of Git LFS; run: git lfs pull",
    b"\x1f\x8b": "a gzipped file; unpack it",
    b"<": "a web page (HTML); download the file itself",
    b"\x93NUMPY": "a .npy file; a dict in it is np.load(name, allow_pickle=True).item(), "
    "if you trust the file",
    b"\x80": 'a pickle; if you trust it, pickle.load(open(name, "rb")) reads it',
}


def what_it_is(path, error):
    """In words, by how it begins."""
    with open(path, "rb") as file:
        head = file.read(100).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PK") and isinstance(error, zipfile.BadZipFile):
        return f"a damaged one, or a part of it ({error}); copy or download it again"
    found = [words for start, words in OTHER_FILES.items() if head.startswith(start)]
    return found[0] if found else f"something else ({error})" if head else "an empty file"
