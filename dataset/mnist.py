"""The digits: 60,000 handwritten ones to train on, 10,000 to test with, from the four files.

The files are in the IDX format: a header of big-endian 32-bit numbers (a magic number that
says bytes and how many dimensions, then the length of each), and the data after it.
"""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

__all__ = ["load_mnist"]

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
CLASSES = 10
CHUNK = 100_000  # bytes read at once


def load_mnist(normalize=True, flatten=True, one_hot_label=False, *, data_dir=None):
    """(x_train, t_train), (x_test, t_test): images and labels, for training and for testing.

    normalize     : images as float32 in [0, 1], that is pixel / 255; else as uint8
    flatten       : images as (N, 784), else as (N, 1, 28, 28)
    one_hot_label : labels as float32 rows (N, 10), else as class numbers (N,), uint8
    data_dir      : folder with four files named like MNIST's, gzipped (.gz) or not, for
                    instance Fashion-MNIST; by default MNIST itself, which lies beside this file

    The arrays are the caller's own. FileNotFoundError for a missing file, ValueError for one
    that isn't what its name says, OSError for one that can't be read; each names the file.
    TypeError for other things than True or False, such as "False", which would count as true.
    """
    options = {"normalize": normalize, "flatten": flatten, "one_hot_label": one_hot_label}
    for name, value in options.items():
        if value not in (True, False):
            raise TypeError(f"expected {name} as True or False, got {value!r}")
    folder = Path(__file__).parent if data_dir is None else Path(os.path.expanduser(data_dir))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: expected a folder with the four MNIST files, got "
            f"{'a file' if folder.exists() else 'nothing there'}; check the path"
        )
    sets = []
    for part in ("train", "test"):
        images_file = _find(folder, FILES[f"{part}_images"])
        labels_file = _find(folder, FILES[f"{part}_labels"])
        images = _read_idx(images_file, (None, 28, 28))
        labels = _read_idx(labels_file, (None,))
        if len(images) != len(labels):
            raise ValueError(
                f"{labels_file}: expected {len(images)} labels, one for each image in "
                f"{images_file.name}, got {len(labels)}; take both from one source"
            )
        if labels.max() >= CLASSES:
            raise ValueError(
                f"{labels_file}: expected labels 0 to {CLASSES - 1}, got {labels.max()}; "
                "the file is damaged or belongs to another data set"
            )
        N = len(images)
        x = images.reshape(N, 784) if flatten else images.reshape(N, 1, 28, 28)
        if normalize:
            x = x.astype(np.float32)
            x /= 255
        t = np.eye(CLASSES, dtype=np.float32)[labels] if one_hot_label else labels
        sets.append((x, t))
    return tuple(sets)


def _find(folder, name):
    """The file of that name in the folder, gzipped or not."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
        if path.exists():
            kind = "folder" if path.is_dir() else "device"
            raise ValueError(f"{path}: expected a file, got a {kind} of that name")
    raise FileNotFoundError(
        f"{folder / name}.gz: expected this file (or the same without .gz), got nothing there; "
        "all four files belong in one folder, see dataset/README.md"
    )


def _read_idx(path, shape):
    """The uint8 array in an IDX file. `shape` says the dimensions that are known, None for any.

    Not much more is read than the header promises, so that no file can fill the memory.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            return _read_idx_stream(file, shape)
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise ValueError(
            f"{path}: {error}; the file is damaged or not what its name says, get it anew"
        ) from None
    except OSError as error:
        raise OSError(f"{path}: expected to read this file, got: {error.strerror}") from None


def _read_idx_stream(file, shape):
    ndim = len(shape)
    header = file.read(4 * (1 + ndim))
    words = np.frombuffer(header[: len(header) // 4 * 4], dtype=">u4").tolist()
    magic, dims = words[:1], words[1:]
    if magic != [0x0800 + ndim]:
        came = magic[0] if magic else "an empty file"
        raise ValueError(f"expected magic number {0x0800 + ndim} at the head, got {came}")
    unlike = any(want not in (None, got) for want, got in zip(shape, dims))
    if len(dims) != ndim or unlike or 0 in dims:
        known = " x ".join("N" if length is None else str(length) for length in shape)
        came = " x ".join(map(str, dims)) or "nothing"
        raise ValueError(f"expected dimensions {known}, got {came}")
    size = math.prod(dims)
    data = bytearray()
    while len(data) <= size and (chunk := file.read(CHUNK)):  # to the end, where the checksum is
        data += chunk
    if len(data) != size:
        came = "more" if len(data) > size else f"only {len(data)}"
        raise ValueError(f"expected {size} bytes of data, as the header says, got {came}")
    return np.frombuffer(data, dtype=np.uint8).reshape(dims)  # a bytearray: writable
