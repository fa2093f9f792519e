"""The digits: the files are the published ones, and a file that isn't what it says is refused."""

import gzip
import hashlib
import inspect
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from dataset.mnist import load_mnist

DATASET = Path(__file__).resolve().parent.parent / "dataset"
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FOUR = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]

# The checksums of the original distribution, as other projects publish them too.
SHA_256 = {
    TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


# MNIST itself


@pytest.mark.parametrize("name", FOUR)
def test_the_files_are_the_published_ones(name):
    content = (DATASET / f"{name}.gz").read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA_256[name]
    assert f"| `{name}.gz` |" in (DATASET / "README.md").read_text(encoding="utf-8")
    assert SHA_256[name] in (DATASET / "README.md").read_text(encoding="utf-8")


def test_the_licence_lies_beside_the_files():
    text = (DATASET / "README.md").read_text(encoding="utf-8")
    for words in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"):
        assert words in text


@pytest.fixture(scope="module")
def digits():
    return load_mnist()


@pytest.fixture(scope="module")
def raw_digits():
    return load_mnist(normalize=False, flatten=False)


def test_digits_come_in_float32_between_0_and_1(digits):
    (x_train, t_train), (x_test, t_test) = digits
    assert x_train.shape == (60000, 784) and x_test.shape == (10000, 784)
    assert t_train.shape == (60000,) and t_test.shape == (10000,)
    for x, t in digits:
        assert x.dtype == np.float32 and t.dtype == np.uint8
        assert x.min() == 0 and x.max() == 1
        assert t.min() == 0 and t.max() == 9


def test_raw_digits_come_in_bytes(raw_digits):
    (x_train, t_train), (x_test, t_test) = raw_digits
    assert x_train.shape == (60000, 1, 28, 28) and x_test.shape == (10000, 1, 28, 28)
    for x, t in raw_digits:
        assert x.dtype == t.dtype == np.uint8
        assert x.min() == 0 and x.max() == 255


def test_the_labels_are_those_everyone_knows(digits):
    (_, t_train), (_, t_test) = digits
    assert t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert t_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    want = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(t_train).tolist() == want
    want = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(t_test).tolist() == want


def test_the_first_digit_is_the_five_that_everyone_knows(raw_digits, digits):
    # Its row 5, as many a tutorial prints it: the images aren't transposed or shifted.
    want = [0] * 12 + [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127] + [0] * 4
    assert raw_digits[0][0][0, 0, 5].tolist() == want
    flat = digits[0][0][0, 5 * 28 : 6 * 28]
    np.testing.assert_allclose(flat, np.array(want) / 255, rtol=1e-7)


def test_mean_and_std_are_the_published_ones(digits):
    # 0.1307 and 0.3081, by which countless programs normalise MNIST.
    x = digits[0][0]
    mean = x.mean(dtype=np.float64)
    mean_of_squares = np.mean([np.vdot(rows, rows) / rows.size for rows in np.split(x, 60)])
    assert mean == pytest.approx(0.1307, abs=5e-5)
    assert np.sqrt(mean_of_squares - mean**2) == pytest.approx(0.3081, abs=5e-5)


# Tiny data sets in the same format


def idx(array, magic=None, dims=None):
    """An IDX file: magic number, dimensions, and the bytes of the array."""
    array = np.asarray(array, np.uint8)
    magic = 0x800 + array.ndim if magic is None else magic
    dims = array.shape if dims is None else dims
    return struct.pack(f">{1 + len(dims)}I", magic, *dims) + array.tobytes()


def pictures(N):
    """N images: every pixel of image n is n, but pixel (1, 2) is 51 and the last one is 255."""
    images = np.repeat(np.arange(N, dtype=np.uint8), 784).reshape(N, 28, 28)
    images[:, 1, 2] = 51
    images[:, -1, -1] = 255
    return images


CONTENT = {
    TRAIN_IMAGES: idx(pictures(3)),
    TRAIN_LABELS: idx([9, 0, 4]),
    TEST_IMAGES: idx(pictures(2)),
    TEST_LABELS: idx([1, 1]),
}


@pytest.fixture
def folder(tmp_path):
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_tiny_data_by_hand(folder):
    (x_train, t_train), (x_test, t_test) = load_mnist(data_dir=folder)
    assert x_train.shape == (3, 784) and x_test.shape == (2, 784)
    assert x_train.dtype == x_test.dtype == np.float32
    # Pixel (1, 2) is the one at 1 * 28 + 2 = 30; 51 / 255 = 1/5.
    np.testing.assert_allclose(x_train[:, 30], [1 / 5] * 3, rtol=1e-7)
    np.testing.assert_allclose(x_train[:, 0], [0, 1 / 255, 2 / 255], rtol=1e-7)
    assert x_train[:, 783].tolist() == [1, 1, 1]
    assert t_train.tolist() == [9, 0, 4] and t_test.tolist() == [1, 1]
    assert t_train.dtype == t_test.dtype == np.uint8


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("one_hot", [True, False])
def test_the_three_options_are_independent(folder, normalize, flatten, one_hot):
    for (x, t), N, numbers in zip(
        load_mnist(normalize, flatten, one_hot, data_dir=folder), (3, 2), ([9, 0, 4], [1, 1])
    ):
        assert x.shape == ((N, 784) if flatten else (N, 1, 28, 28))
        assert x.dtype == (np.float32 if normalize else np.uint8)
        pixel = x[:, 30] if flatten else x[:, 0, 1, 2]
        np.testing.assert_allclose(pixel, [0.2 if normalize else 51] * N, rtol=1e-7)
        if one_hot:
            assert t.shape == (N, 10) and t.dtype == np.float32
            assert (t.sum(axis=1) == 1).all() and (t[np.arange(N), numbers] == 1).all()
        else:
            assert t.dtype == np.uint8 and t.tolist() == numbers


def test_the_signature_is_the_chapters():
    parameters = inspect.signature(load_mnist).parameters
    defaults = [(name, parameter.default) for name, parameter in parameters.items()][:3]
    assert defaults == [("normalize", True), ("flatten", True), ("one_hot_label", False)]
    assert parameters["data_dir"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("options", [{}, {"normalize": False}, {"one_hot_label": True}])
@pytest.mark.parametrize("packed", [False, True])
def test_arrays_are_the_callers_to_write_into(folder, options, packed):
    if packed:
        pack(folder, *FOUR)
    first, second = (load_mnist(data_dir=folder, **options) for _ in range(2))
    ours = [array for pair in first for array in pair]
    theirs = [array for pair in second for array in pair]
    for array, other in zip(ours, theirs):
        before = other.copy()
        array[...] = 7
        assert (array == 7).all()
        np.testing.assert_array_equal(other, before)
    for i, array in enumerate(ours):
        assert not any(np.shares_memory(array, other) for other in ours[i + 1 :] + theirs)


def pack(folder, *names):
    for name in names:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()


@pytest.mark.parametrize("names", [FOUR, [TRAIN_IMAGES, TEST_LABELS], [TEST_IMAGES]])
def test_files_may_be_gzipped_or_not(folder, names):
    pack(folder, *names)
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, data_dir=folder)
    np.testing.assert_array_equal(x_train, pictures(3).reshape(3, 784))
    np.testing.assert_array_equal(x_test, pictures(2).reshape(2, 784))
    assert t_train.tolist() == [9, 0, 4] and t_test.tolist() == [1, 1]


def test_the_folder_may_be_a_string_and_lie_anywhere(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for data_dir in (".", str(folder), folder):
        assert load_mnist(data_dir=data_dir)[0][1].tolist() == [9, 0, 4]
    assert len(load_mnist(normalize=False)[1][1]) == 10000  # by default not where one is


def test_a_file_of_more_than_one_chunk_is_read_to_its_end(folder):
    # 2,000 images are 1.6 MB.
    images = np.random.default_rng(0).integers(256, size=(2000, 28, 28), dtype=np.uint8)
    (folder / TEST_IMAGES).write_bytes(idx(images))
    (folder / TEST_LABELS).write_bytes(idx(np.arange(2000) % 10))
    x_test, t_test = load_mnist(normalize=False, flatten=False, data_dir=folder)[1]
    np.testing.assert_array_equal(x_test[:, 0], images)
    np.testing.assert_array_equal(t_test, np.arange(2000) % 10)


def test_one_sample_is_a_data_set_too(folder):
    (folder / TEST_IMAGES).write_bytes(idx(pictures(1)))
    (folder / TEST_LABELS).write_bytes(idx([3]))
    x_test, t_test = load_mnist(data_dir=folder)[1]
    assert x_test.shape == (1, 784) and t_test.tolist() == [3]


# Files that aren't what they say

LABELS_3 = CONTENT[TRAIN_LABELS]
WRONG = [
    ("empty", TRAIN_IMAGES, b"", "expected magic number 2051 at the head, got"),
    ("a few bytes", TRAIN_LABELS, b"\0\0\x08", "expected magic number 2049 at the head, got"),
    (
        "header cut",
        TEST_IMAGES,
        CONTENT[TEST_IMAGES][:8],
        "expected dimensions N x 28 x 28, got 2;",
    ),
    ("only the magic number", TEST_LABELS, LABELS_3[:4], "expected dimensions N, got nothing"),
    (
        "no data",
        TRAIN_IMAGES,
        CONTENT[TRAIN_IMAGES][:16],
        "expected 2352 bytes of data, as the header says, got only 0",  # 3 * 784
    ),
    (
        "truncated",
        TEST_IMAGES,
        CONTENT[TEST_IMAGES][:-1],
        "expected 1568 bytes of data, as the header says, got only 1567",
    ),
    (
        "a byte too many",
        TEST_LABELS,
        CONTENT[TEST_LABELS] + b"\0",
        "expected 2 bytes of data, as the header says, got more",
    ),
    (
        "a byte after 1 MB, which is read in one go",
        TEST_LABELS,
        idx(np.zeros(1 << 20)) + b"\0",
        "expected 1048576 bytes of data, as the header says, got more",
    ),
    (
        "images for labels",
        TRAIN_LABELS,
        idx(pictures(3)),
        "magic number 2049 at the head, got 2051",
    ),
    ("labels for images", TEST_IMAGES, LABELS_3, "magic number 2051 at the head, got 2049"),
    ("floats", TRAIN_IMAGES, idx(pictures(3), magic=0xD03), "number 2051 at the head, got 3331"),
    ("other byte order", TRAIN_LABELS, struct.pack("<2I", 2049, 3) + b"123", "got 17301504"),
    (
        "32 x 32 pixels",
        TRAIN_IMAGES,
        idx(np.zeros((3, 32, 32))),
        "expected dimensions N x 28 x 28, got 3 x 32 x 32",
    ),
    (
        "28 x 32 pixels",
        TRAIN_IMAGES,
        idx(np.zeros((3, 28, 32))),
        "expected dimensions N x 28 x 28, got 3 x 28 x 32",
    ),
    ("no image", TEST_IMAGES, idx(pictures(0)), "expected dimensions N x 28 x 28, got 0 x 28 x 28"),
    ("no label", TRAIN_LABELS, idx([]), "expected dimensions N, got 0"),
    (
        "more images than there can be",
        TRAIN_IMAGES,
        idx(pictures(3), dims=(2**32 - 1, 28, 28)),
        "expected 3367254359280 bytes of data, as the header says, got only 2352",  # * 784
    ),
    ("pickle", TRAIN_LABELS, pickle.dumps([9, 0, 4]), "magic number 2049 at the head, got"),
    ("text", TRAIN_IMAGES, b"<html>404 Not Found</html>", "magic number 2051 at the head, got"),
    ("gzip without .gz", TRAIN_LABELS, gzip.compress(LABELS_3), "magic number 2049 at the head"),
    ("too few labels", TRAIN_LABELS, idx([9, 0]), "expected 3 labels, .* got 2"),
    ("too many labels", TEST_LABELS, idx([9, 0, 1]), "expected 2 labels, .* got 3"),
    ("a label of 10", TRAIN_LABELS, idx([9, 10, 4]), "expected labels 0 to 9, got 10"),
    ("a label of 255", TEST_LABELS, idx([255, 0]), "expected labels 0 to 9, got 255"),
]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("name, content, words", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_file_is_named_and_what_came_is_said(folder, name, content, words, packed):
    (folder / name).write_bytes(content)
    if packed:
        pack(folder, name)
    suffix = ".gz" if packed else ""
    with pytest.raises(ValueError, match=f"^{re.escape(str(folder / name) + suffix)}: .*{words}"):
        load_mnist(data_dir=folder)


def test_a_count_that_doesnt_match_names_both_files(folder):
    (folder / TRAIN_LABELS).write_bytes(idx([9, 0]))
    with pytest.raises(ValueError, match=f"one for each image in {TRAIN_IMAGES}, got 2; take both"):
        load_mnist(data_dir=folder)


PACKED = gzip.compress(CONTENT[TRAIN_IMAGES])


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "expected magic number 2051 at the head, got"),
        (b"<html>404 Not Found</html>", "Not a gzipped file"),
        (CONTENT[TRAIN_IMAGES], "Not a gzipped file"),
        (PACKED[:20], "ended before"),
        (PACKED[:-1], "ended before"),
        (PACKED[:-8] + bytes(4) + PACKED[-4:], "CRC check failed"),
        (PACKED[:12] + b"\xff\xff\xff" + PACKED[15:], "(Error|CRC|ended)"),
        (PACKED + b"more", "Not a gzipped file"),
    ],
    ids=["empty", "html", "plain", "cut", "last byte", "checksum", "damaged", "more after it"],
)
def test_a_damaged_gzip_file_is_named(folder, content, words):
    (folder / TRAIN_IMAGES).unlink()
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{words}.* get it anew"):
        load_mnist(data_dir=folder)


@pytest.mark.parametrize("name", FOUR)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    words = rf"^{re.escape(str(folder / name))}\.gz: expected this file .* got nothing there"
    with pytest.raises(FileNotFoundError, match=words):
        load_mnist(data_dir=folder)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_in_place_of_a_file_is_named(folder, suffix):
    (folder / TRAIN_LABELS).unlink()
    (folder / f"{TRAIN_LABELS}{suffix}").mkdir()
    words = f"^{re.escape(str(folder / TRAIN_LABELS) + suffix)}: expected .* got a folder"
    with pytest.raises((FileNotFoundError, ValueError), match=words):
        load_mnist(data_dir=folder)


def test_a_data_dir_that_is_none_is_named(folder):
    with pytest.raises(FileNotFoundError, match="nowhere: expected a folder .* got nothing there"):
        load_mnist(data_dir=folder / "nowhere")
    with pytest.raises(FileNotFoundError, match=f"{TRAIN_IMAGES}: expected a folder .* got a file"):
        load_mnist(data_dir=folder / TRAIN_IMAGES)


def test_import_star_gives_load_mnist_and_nothing_else():
    names = {}
    exec("from dataset.mnist import *", names)
    names.pop("__builtins__")
    assert names == {"load_mnist": load_mnist}


def test_a_file_that_cannot_be_read_is_named(monkeypatch):
    def no_access(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gzip.open", no_access)
    words = r"train-images-idx3-ubyte\.gz: expected to read this file, got: Permission denied$"
    with pytest.raises(OSError, match=words):
        load_mnist()
