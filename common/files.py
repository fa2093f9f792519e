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

__all__ = ["check_can_write", "ctrl_c_later", "load_arrays", "printable", "save_arrays"]
__all__ += ["write_whole"]


def printable(text):
    """The text, perhaps a file's name, with no control characters for a terminal to act on."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


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
        if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
            # The renaming would replace it without asking.
            came = "a folder" if path.is_dir() else "a device or a write-protected file"
            raise OSError(0, f"{came} of that name")
        yield path, new
    except OSError as error:
        came = f"expected to write this file, got: {error.strerror}"
        raise OSError(f"{printable(path)}: {came}") from None
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
    pressed, main = [], threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    waits = main and callable(before)  # it isn't where Ctrl-C is ignored, or ends the process
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
    if not isinstance(path, (str, os.PathLike)):
        came = type(path).__name__
        raise TypeError(f"expected the name of a .npz file, got {came}; load opens it itself")
    path, arrays = Path(os.path.expanduser(path)), {}
    with answers_other_files(path), zipfile.ZipFile(path) as archive:
        heads = {info: read_head(archive, info) for info in archive.infolist()}
        keys = [info.filename.removesuffix(".npy") for info in heads]
        if len({*keys}) < len(keys):
            raise ValueError("two arrays of one name")
        differences = [f"{key} is not in the network" for key in keys if key not in expected]
        differences += differences_of(dict(zip(keys, heads.values())), expected)
        if not differences:  # so no array is larger than the network's
            arrays = {key: read_array(archive, info) for key, info in zip(keys, heads)}
            for key, array in arrays.items():
                dtype = expected[key].dtype
                if not (np.abs(array) <= np.finfo(dtype).max).all():
                    differences.append(f"{key} holds nan or numbers beyond {dtype}")
    if differences:
        more = f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
        came = printable("; ".join(differences[:4])) + more
        raise ValueError(
            f"{printable(path)}: expected the weights of this network, got others: {came}"
        )
    return arrays


def differences_of(heads, expected):
    """In words, by the shapes and dtypes in the heads."""
    for key, array in expected.items():
        shape, dtype = heads.get(key, (None, None))
        if shape is None:
            yield f"{key} is missing"
        elif shape != array.shape:
            yield f"{key} has shape {shape}, not {array.shape}"
        elif dtype not in (np.float32, np.float64):
            yield f"{key} has dtype {dtype}, not float32 or float64"


def read_head(archive, info):
    """(shape, dtype) of an array. A small file may declare, or unpack to, gigabytes."""
    if info.filename.endswith("data.pkl"):
        raise ValueError("a file of PyTorch's")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("another way to pack")
    with archive.open(info) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version of .npy")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return shape, dtype


def read_array(archive, info):
    with archive.open(info) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # at the end zipfile compares the checksum
            raise ValueError(f"more than an array in {info.filename}")
        return array


@contextlib.contextmanager
def answers_other_files(path):
    """Around reading: what can't be read as weights is an error that says what it is."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("a folder" if path.is_dir() else "a device")
        yield
    except FileNotFoundError:
        hint = f"; did you mean {path.name}.npz?" if Path(f"{path}.npz").exists() else ""
        words = f"{path}: expected a file of weights, got none{hint}"
        raise FileNotFoundError(printable(words)) from None
    except Exception as error:  # zipfile and NumPy fail in many ways on a damaged file
        came = what_it_is(path) or f"something else ({error})"
        words = f"{path}: expected a .npz file of weights, as save writes it, got {came}"
        raise ValueError(printable(words)) from None


OTHER_FILES = {
    b"": "an empty file",
    b"version https://git-lfs": "a pointer of Git LFS; run: git lfs pull",
    b"<": "a web page (HTML); download the file itself",
    b"\x93NUMPY": "a .npy file; if it holds a dict of parameters, and you trust it: "
    "network.params = np.load(name, allow_pickle=True).item()",
    b"\x80": "a pickle; if it holds a dict of parameters, and you trust it: "
    'network.params = pickle.load(open(name, "rb"))',
}


def what_it_is(path):
    if not path.is_file():  # a pipe would wait for somebody who writes
        return ""
    with open(path, "rb") as file:
        head = file.read(100).lstrip(b"\xef\xbb\xbf \t\r\n")
        for start, words in OTHER_FILES.items():
            if head.startswith(start) and (start or not head):
                return words
    return ""
