"""MNIST: 60,000 handwritten digits to train on and 10,000 to test with, from four files.

The files are in the IDX format: a header of 32-bit numbers, the highest byte first, and then the
data, a byte each. The header is a magic number, 0x800 + the number of dimensions, and the
dimensions: N, 28, 28 for images and N for labels.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

__all__ = ["load_mnist"]

MOST = 1_000_000  # samples: a file of more would fill the memory

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def load_mnist(normalize=True, flatten=True, one_hot_label=False, *, data_dir=None):
    """(x_train, t_train), (x_test, t_test): images and labels, for training and for testing.

    normalize     : images as float32 from 0 to 1, that is pixel / 255; else as uint8
    flatten       : images as (N, 784), else as (N, 1, 28, 28)
    one_hot_label : labels as float32 rows (N, 10), else as class numbers (N,), uint8
    data_dir      : a folder with four files named like MNIST's, for instance Fashion-MNIST; each
                    may be gzipped or not, have ".idx" for "-idx", and lie in a folder of its name.
                    None reads MNIST itself, which lies beside this file

    You may write into the arrays. FileNotFoundError for a missing file, ValueError for one that
    holds something else, OSError for one that can't be read; TypeError for "False" as an option.
    """
    options = {"normalize": normalize, "flatten": flatten, "one_hot_label": one_hot_label}
    for name, value in options.items():
        if value not in (True, False):
            raise TypeError(f"expected {name} as True or False, got {value!r}")
    folder = Path(__file__).parent if data_dir is None else Path(os.path.expanduser(data_dir))
    return tuple(_load_set(folder, part, **options) for part in ("train", "test"))


def _load_set(folder, part, normalize, flatten, one_hot_label):
    images, labels = (_find(folder, FILES[f"{part}_{kind}"]) for kind in ("images", "labels"))
    t = _read_idx(labels, ())
    if t.max() > 9:
        raise ValueError(f"{labels}: expected labels 0 to 9, got {t.max()}; is it other data?")
    x = _read_idx(images, (28, 28), f"as many images as labels in {labels},", len(t))
    x = x.reshape(len(x), 784) if flatten else x.reshape(len(x), 1, 28, 28)
    if normalize:
        x = x.astype(np.float32)
        x /= 255
    return x, np.eye(10, dtype=np.float32)[t] if one_hot_label else t


def _find(folder, name):
    """The path to that file, under any name that it may have: the first that may hold data."""
    names = [each + gz for each in (name, name.replace("-idx", ".idx")) for gz in (".gz", "")]
    paths = [folder / each for each in names]
    paths = [path / each for path in paths for each in names] + paths  # inside folders first
    found = {path: _not_data(path) for path in paths if path.exists()}
    for path in found:
        if not found[path]:
            return path
    for path in found:
        raise ValueError(f"{path}: expected a file of images or labels, got {found[path]}")
    came = _not_data(folder) or "a file; check the path"
    near = [path.parent for deep in ("*", "*/*") for path in sorted(folder.glob(f"{deep}/{name}*"))]
    came = f"none; did you mean {near[0]}?" if near else came
    raise FileNotFoundError(f"{folder}: expected a folder with {name} or {name}.gz, got {came}")


def _not_data(path):
    """What lies at path, in words, if it can't be data; "" if it may be."""
    if path.is_dir():
        held = ", ".join(sorted(os.listdir(path))[:9]) or "nothing"
        return f"a folder that holds {held}; put the file in it"
    if not path.is_file():
        return "a device" if path.exists() else "nothing there; check the path"
    with open(path, "rb") as file:
        head = file.read(100)
    if head.startswith(b"PK"):
        return "a ZIP archive; unpack it"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a web page (HTML), not data; download it again"
    return "" if head else "an empty file; download it again"


def _read_idx(path, shape, *count):
    """The array (N, *shape) in an IDX file. If it begins with bytes 1f 8b, it is gzipped.

    count : what N should be, in words and as a number
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            file = gzip.GzipFile(fileobj=file) if packed else file
            return _read_stream(path, file, shape, count)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: expected whole data, got: {error}; download it again") from None
    except OSError as error:
        raise OSError(f"{path}: expected a file that can be read, got: {error}") from None


def _read_stream(path, file, shape, count):
    header = file.read(8 + 4 * len(shape))
    _check(path, "bytes of header:", 8 + 4 * len(shape), len(header))
    magic, N, *rest = struct.unpack(f">{2 + len(shape)}I", header)
    _check(path, "magic number", 0x801 + len(shape), magic)
    _check(path, "dimensions", (max(N, 1), *shape), (N, *rest))
    _check(path, "no more samples than", min(N, MOST), N)
    _check(path, *(count or ("samples", N)), N)
    size, data = N * math.prod(shape), bytearray()  # a bytearray can be written, so the array can
    # Read in pieces, since the header may promise more than there is, and no further than that;
    # but to the end, where gzip compares the checksum.
    while len(data) <= size and (piece := file.read(100_000)):
        data += piece
    _check(path, "bytes of data:", size, "more" if len(data) > size else len(data))
    return np.frombuffer(data, np.uint8).reshape(N, *shape)


def _check(path, what, expected, got):
    if got != expected:
        hint = "download it again, or is it another file?"
        raise ValueError(f"{path}: expected {what} {expected}, got {got}; {hint}")
