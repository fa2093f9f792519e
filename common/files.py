"""Files of weights: written whole or not at all, and read without trusting them."""

import contextlib
import io
import os
import shutil
import signal
import threading
import zipfile
from pathlib import Path

import numpy as np


def printable(text):
    """The text, perhaps a file's name, with no control characters for a terminal to act on."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def refusal(error, path, expected, came):
    return error(printable(f"{path}: expected {expected}, got {came}"))


# Writing


def write_whole(path, content):
    """Write content (bytes) to path; or raise OSError, and leave an old file as it was.

    The bytes go to a new file beside it, which is then renamed.
    """
    with new_file_beside(path) as (path, new):
        with open(new, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, new)
        os.replace(new, path)


def check_can_write(path):
    """OSError where write_whole couldn't write, as far as that can be known before."""
    with new_file_beside(path) as (_, new):
        open(new, "wb").close()


@contextlib.contextmanager
def new_file_beside(path):
    """The path that is meant, and that of a new file beside it, which is removed afterwards."""
    path = Path(os.path.realpath(os.path.expanduser(path)))  # a link stays; its target is written
    short = path.name[:50]  # a name may not be longer than 255 bytes
    new = path.with_name(f"{short}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # an error where the name is too long
        # The renaming would replace a device or a protected file without asking.
        if os.path.exists(path) and not (path.is_file() and os.access(path, os.W_OK)):
            raise OSError(0, "a folder" if path.is_dir() else "a device or a protected file")
        yield path, new
    except OSError as error:
        raise refusal(OSError, path, "a file to write", error.strerror) from None
    finally:
        with contextlib.suppress(OSError):  # after the renaming it is gone
            new.unlink()


def save_arrays(path, arrays):
    """Write {key: array} to a .npz file. ValueError if there is nan or inf in an array."""
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite parameters, got nan or inf in {key}; not saved")
    content = io.BytesIO()
    with ctrl_c_later():  # in the midst of it zipfile would say something else
        np.savez(content, **arrays)
    write_whole(path, content.getvalue())


@contextlib.contextmanager
def ctrl_c_later():
    """Ctrl-C waits for the end of a with statement. (Only the main thread ever gets it.)"""
    pressed, before = [], signal.getsignal(signal.SIGINT)
    # It isn't callable where Ctrl-C is ignored, or ends the process.
    waits = threading.current_thread() is threading.main_thread() and callable(before)
    if waits:
        signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        if waits:
            signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)


# Reading


def load_arrays(path, expected):
    """{key: array} from a .npz file; ValueError unless keys and shapes are those of `expected`."""
    path, what = Path(os.path.expanduser(path)), "a .npz file of weights, as save writes it"
    if not path.exists():
        hint = f"; did you mean {path.name}.npz?" if Path(f"{path}.npz").exists() else ""
        raise refusal(FileNotFoundError, path, "a file of weights", f"none{hint}")
    if not path.is_file():  # a pipe would wait for somebody who writes
        raise refusal(ValueError, path, what, "a folder" if path.is_dir() else "a device")
    try:
        arrays, differences = _read_arrays(path, expected)
    except Exception as error:  # zipfile and NumPy fail in many ways on a damaged file
        raise refusal(ValueError, path, what, what_it_is(path, error)) from None
    if differences:
        more = f"; and {len(differences) - 4} more" * (len(differences) > 4)
        came = f"others: {'; '.join(differences[:4])}{more}"
        raise refusal(ValueError, path, "the weights of this network", came)
    return arrays


def _read_arrays(path, expected):
    """Reads only what by its head has the right shape: a small file may declare gigabytes."""
    arrays, differences = {}, []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) > len(set(names)):
            raise ValueError("two arrays of one name")
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            with archive.open(info) as file:
                shape, dtype = _read_head(info, file)
                if key not in expected:
                    differences.append(f"{key} is not in the network")
                elif shape != expected[key].shape:
                    differences.append(f"{key} has shape {shape}, not {expected[key].shape}")
                elif dtype not in (np.float32, np.float64):
                    differences.append(f"{key} has dtype {dtype}, not float32 or float64")
                else:
                    file.seek(0)
                    array = arrays[key] = np.lib.format.read_array(file, allow_pickle=False)
                    if file.read(1):  # at its end zipfile compares the checksum
                        raise ValueError(f"more than an array in {info.filename}")
                    dtype = expected[key].dtype
                    if not (np.abs(array) <= np.finfo(dtype).max).all():
                        differences.append(f"{key} holds nan or numbers beyond {dtype}")
    differences += [f"{key} is missing" for key in expected if f"{key}.npy" not in names]
    return arrays, differences


def _read_head(info, file):
    if info.filename.endswith("data.pkl"):
        raise ValueError("a file of PyTorch's")
    if info.filename.endswith(".npz"):
        raise ValueError(f"an archive with {info.filename} in it; unpack it")
    known = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not known or np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("another version of its parts")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype


TRUST = "if it holds a dict of parameters, and you trust it: network.params = {}"
OTHER_FILES = {
    b"version https://git-lfs": "a pointer of Git LFS; run: git lfs pull",
    b"\x1f\x8b": "a gzipped file; unpack it",
    b"<": "a web page (HTML); download the file itself",
    b"\x93NUMPY": "a .npy file; " + TRUST.format("np.load(name, allow_pickle=True).item()"),
    b"\x80": "a pickle; " + TRUST.format('pickle.load(open(name, "rb"))'),
}


def what_it_is(path, error):
    """In words, by how it begins."""
    with open(path, "rb") as file:
        head = file.read(100).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PK") and isinstance(error, zipfile.BadZipFile):
        return f"a damaged one, or a part of it ({error}); copy or download it again"
    found = [words for start, words in OTHER_FILES.items() if head.startswith(start)]
    return found[0] if found else f"something else ({error})" if head else "an empty file"
