"""Files of weights: written whole or not at all, and read without trusting them."""

import io
import os
import shutil
import signal
import threading
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

__all__ = ["ctrl_c_later", "load_arrays", "save_arrays", "write_whole"]


def write_whole(path, content):
    """Write content (bytes) to path; or raise OSError, and leave an old file as it was.

    The bytes go to a new file beside it, which is then renamed.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))  # a link stays; its target is written
    # The renaming would replace a device or a protected file without asking.
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        came = "a folder" if path.is_dir() else "a device or a write-protected file"
        raise OSError(f"{path}: expected to write a file, got {came} of that name")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(f"{path}: expected to write this file, got: {error.strerror}") from None
    finally:
        with suppress(OSError):  # after the renaming it is gone
            unfinished.unlink()


def save_arrays(path, arrays):
    """Write {key: array} to a .npz file. ValueError if there is nan or inf in an array."""
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite parameters, got nan or inf in {key}; not saved")
    content = io.BytesIO()
    with ctrl_c_later():  # in the midst of it zipfile would say something else
        np.savez(content, **arrays)
    write_whole(path, content.getvalue())


@contextmanager
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


def load_arrays(path, expected):
    """{key: array} from a .npz file; ValueError unless keys and shapes are those of `expected`."""
    path = Path(os.path.expanduser(path))
    arrays = _read_arrays(path)
    differences = [f"{key} is not in the network" for key in arrays if key not in expected]
    for key, array in expected.items():
        if key not in arrays:
            differences.append(f"{key} is missing")
        elif arrays[key].shape != array.shape:
            differences.append(f"{key} has shape {arrays[key].shape}, not {array.shape}")
        elif arrays[key].dtype not in (np.float32, np.float64):
            differences.append(f"{key} has dtype {arrays[key].dtype}, not float32 or float64")
        elif not (np.abs(arrays[key]) <= np.finfo(array.dtype).max).all():
            differences.append(f"{key} holds nan or numbers beyond {array.dtype}")
    if differences:
        more = f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
        came = "; ".join(differences[:4]) + more
        raise ValueError(f"{path}: expected the weights of this network, got others: {came}")
    return arrays


def _read_arrays(path):
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if damaged := archive.testzip():  # np.load doesn't compare the checksums
                raise ValueError(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        if len(set(names)) < len(names) or any(type(a) is not np.ndarray for a in arrays.values()):
            raise ValueError("two arrays of one name, or what is no array")
        return arrays
    except FileNotFoundError:
        hint = f"; did you mean {path.name}.npz?" if Path(f"{path}.npz").exists() else ""
        raise FileNotFoundError(f"{path}: expected a file of weights, got none{hint}") from None
    except Exception as error:  # zipfile and NumPy fail in many ways on a damaged file
        raise ValueError(
            f"{path}: expected a .npz file of weights, as save writes it, got something else "
            f"({error})"
        ) from None
