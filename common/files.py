"""Files that last: written whole or not at all, and read without trusting them."""

import io
import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

__all__ = ["read_arrays", "write_whole"]


def write_whole(path, content):
    """Write content (bytes) to path: all of it, or raise OSError and leave the old file whole.

    The bytes go to a file beside it first, which is then renamed: at once, or not at all.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))
    existed = os.path.exists(path)
    if existed and not os.path.isfile(path):  # which os.replace would do away with
        kind = "folder" if path.is_dir() else "device"
        raise OSError(f"{path}: expected to write a file, got a {kind} of that name")
    if existed and not os.access(path, os.W_OK):  # which os.replace would not mind
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


def read_arrays(path, most):
    """{key: array} from a .npz file that holds at most `most` float64 numbers, and no pickle.

    FileNotFoundError for no file; ValueError, which names the file, for anything else than sound
    arrays. np.load would not look at the checksum of an array whose header promises too few
    numbers, so each array is read here to its end, where the checksum is.
    """
    try:
        if Path(path).is_fifo():  # which would be waited for, for ever
            raise ValueError("a pipe")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > 8 * most + 1024 * len(members):
                raise ValueError(f"{size:,} bytes of data, too many for this network")
            arrays = {}
            for member in members:
                key = member.filename.removesuffix(".npy")
                if key in arrays:
                    raise ValueError(f"two arrays by the name of {key}")
                # No more than promised, since it may be a zip bomb; and one more, to meet the end.
                with archive.open(member) as file:
                    content = io.BytesIO(file.read(member.file_size + 1))
                arrays[key] = np.lib.format.read_array(content, allow_pickle=False)
                if content.read(1):
                    raise ValueError(f"more bytes in {key} than its shape and dtype say")
            return arrays
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile and numpy fail in many ways on a damaged file
        raise ValueError(
            f"{path}: expected a .npz file with weights of this network, as save writes it, "
            f"got something else ({error})"
        ) from None
