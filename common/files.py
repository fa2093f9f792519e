"""Files that last: written whole or not at all, and read without trusting them."""

import io
import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

__all__ = ["load_arrays", "save_arrays", "write_whole"]


def write_whole(path, content):
    """Write content (bytes) to path, or raise OSError and leave the old file whole.

    The bytes go to a file beside it, which is then renamed: at once, or not at all.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))  # not a link, but what it leads to
    existed = os.path.exists(path)
    # os.replace, which comes last, would not ask before it replaced a device or a protected file.
    if existed and not path.is_file():
        kind = "folder" if path.is_dir() else "device"
        raise OSError(f"{path}: expected to write a file, got a {kind} of that name")
    if existed and not os.access(path, os.W_OK):
        raise OSError(f"{path}: expected to write this file, got a write-protected one")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if existed:
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        raise OSError(f"{path}: expected to write this file, got: {error.strerror}") from None
    finally:
        with suppress(OSError):  # it is gone, or was never there
            unfinished.unlink()


def save_arrays(path, arrays):
    """Write {key: array} to a .npz file. ValueError for arrays with nan or inf in them."""
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite parameters, got nan or inf in {key}; not saved")
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(path, content.getvalue())


def load_arrays(path, like):
    """{key: array} from a .npz file; ValueError unless keys and shapes are those of `like`.

    FileNotFoundError for no file.
    """
    path, expected = Path(os.path.expanduser(path)), dict(like)
    arrays = read_arrays(path, most=sum(array.size for array in expected.values()))
    differences = [f"{key} is not in the network" for key in arrays if key not in expected]
    for key, array in expected.items():
        new = arrays.get(key)
        if new is None:
            differences.append(f"{key} is missing")
        elif new.shape != array.shape:
            differences.append(f"{key} has shape {new.shape}, not {array.shape}")
        elif new.dtype not in (np.float32, np.float64):
            differences.append(f"{key} has dtype {new.dtype}, not float32 or float64")
        elif not (np.abs(new) <= np.finfo(array.dtype).max).all():
            differences.append(f"{key} holds nan or numbers beyond {array.dtype}")
    if differences:
        raise ValueError(
            f"{path}: expected weights of this network, got others: {'; '.join(differences)}"
        )
    return arrays


def read_arrays(path, most):
    """{key: array} from a .npz file that holds at most `most` float64 numbers, and no pickle.

    FileNotFoundError for no file; ValueError, which names the file, for anything but sound arrays.
    """
    try:
        if Path(path).is_fifo():  # which would be waited for without end
            raise ValueError("a pipe")
        with zipfile.ZipFile(path) as archive:
            # A zip may unpack to any size. 8 bytes are a number, up to 1024 the head of an array.
            size = sum(member.file_size for member in archive.infolist())
            if size > 8 * most + 1024 * len(archive.infolist()):
                raise ValueError(f"{size:,} bytes of data, too many for this network")
            arrays = {}
            for member in archive.infolist():
                key = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                    # To the end, since there zipfile verifies the checksum. np.load doesn't.
                    if file.read(1) or key in arrays:
                        raise ValueError(f"more than one array in {key}")
                arrays[key] = array
            return arrays
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected a file of weights, got none") from None
    except Exception as error:  # zipfile and numpy fail in many ways on a damaged file
        raise ValueError(
            f"{path}: expected a .npz file with weights of this network, as save writes it, "
            f"got something else ({error})"
        ) from None
