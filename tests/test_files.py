"""Files: MNIST's four, in any clothes; weights, whole or not at all; damage.

The ordinary run tries some hundred kinds of damage, pytest -m campaign some ten thousand.
"""

import gzip
import hashlib
import io
import itertools
import os
import pickle
import signal
import socket
import struct
import sys
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock, mock_open

import numpy as np
import pytest
from readers import SHAPES, error_of, memory_for, network_3_4_2

from ch05.multi_layer_net import MultiLayerNet
from common.files import write_whole
from dataset.mnist import load_mnist

ROOT = Path(__file__).resolve().parent.parent
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

# The checksums of the original distribution, as other projects publish them too.
SHA_256 = {
    IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


def test_the_files_are_the_published_ones():
    about = (ROOT / "dataset" / "README.md").read_text(encoding="utf-8")
    assert all(words in about for words in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"))
    for name, checksum in SHA_256.items():
        content = (ROOT / "dataset" / f"{name}.gz").read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
        assert f"`{name}.gz`" in about and checksum in about


def test_digits_are_the_ones_that_everyone_knows():
    digits = (x_train, t_train), (x_test, t_test) = load_mnist()
    for (x, t), N in zip(digits, (60000, 10000)):
        assert x.shape == (N, 784) and x.dtype == np.float32 and x.min() == 0 and x.max() == 1
        assert t.shape == (N,) and t.dtype == np.uint8
    assert t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert t_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # Row 5 of the first digit, as many a tutorial prints it: nothing is transposed or shifted.
    row = [0] * 12 + [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127] + [0] * 4
    np.testing.assert_allclose(x_train[0, 5 * 28 : 6 * 28], np.array(row) / 255, rtol=1e-7)


def idx(array, magic=None):
    """An IDX file: magic number, dimensions, and the bytes of the array."""
    array = np.asarray(array, np.uint8)
    magic = 0x800 + array.ndim if magic is None else magic
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


PIXELS = np.random.default_rng(0).integers(256, size=(3, 28, 28), dtype=np.uint8)
NUMBERS = np.array([9, 0, 4], np.uint8)
CONTENT = {
    IMAGES: idx(PIXELS),
    LABELS: idx(NUMBERS),
    TEST_IMAGES: idx(PIXELS[:2]),
    TEST_LABELS: idx(NUMBERS[:2]),
}


@pytest.fixture
def folder(tmp_path):
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def assert_right(folder):
    for part, N in zip(load_mnist(False, data_dir=folder), (3, 2)):
        np.testing.assert_array_equal(part[0], PIXELS[:N].reshape(N, 784))
        np.testing.assert_array_equal(part[1], NUMBERS[:N])


def refuses(folder, *names):
    """Is the folder refused in one line that holds these names?"""
    return error_of(ValueError, lambda: load_mnist(data_dir=folder), *names)


@pytest.mark.parametrize("options", [*itertools.product([True, False], repeat=3)])
def test_the_options_are_independent_and_arrays_can_be_written(folder, options):
    normalize, flatten, one_hot = options
    for (x, t), N in zip(load_mnist(*options, data_dir=folder), (3, 2)):
        pixels = PIXELS[:N].reshape((N, 784) if flatten else (N, 1, 28, 28))
        labels = np.eye(10)[NUMBERS[:N]] if one_hot else NUMBERS[:N]
        np.testing.assert_allclose(x, pixels / 255 if normalize else pixels, rtol=1e-7)
        np.testing.assert_array_equal(t, labels)
        assert x.shape == pixels.shape and x.dtype == (np.float32 if normalize else np.uint8)
        assert t.shape == labels.shape and t.dtype == (np.float32 if one_hot else np.uint8)
        x[...] = t[...] = 7
    assert_right(folder)  # and what was written went into these arrays only


def test_the_folder_may_be_a_string_and_lie_anywhere(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("HOME", "USERPROFILE"):  # on Unix, on Windows
        monkeypatch.setenv(name, str(folder.parent))
    for data_dir in (".", str(folder), folder, f"~/{folder.name}"):
        assert_right(data_dir)
    assert len(load_mnist(normalize=False)[1][1]) == 10000  # by default not where one is


def test_data_are_read_to_their_end(folder):
    N = 6250  # 49 times 100,000 bytes: whole pieces
    images = np.random.default_rng(0).integers(256, size=(N, 28, 28), dtype=np.uint8)
    (folder / LABELS).write_bytes(idx(np.arange(N) % 10))
    whole = idx(images)
    packed = gzip.compress(whole, 1)
    for content in (whole, packed):
        (folder / IMAGES).write_bytes(content)
        (x, t), _ = load_mnist(False, data_dir=folder)
        np.testing.assert_array_equal(x, images.reshape(N, 784))
        np.testing.assert_array_equal(t, np.arange(N) % 10)
    for content in (whole + b"\0", packed[:-8] + bytes(4) + packed[-4:]):  # 4 bytes of checksum
        (folder / IMAGES).write_bytes(content)
        refuses(folder, IMAGES)


def names_of(name):
    return [each + gz for each in (name, name.replace("-idx", ".idx")) for gz in ("", ".gz")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("within", [None, *range(4)])
def test_a_file_is_found_by_its_names_and_read_as_what_it_is(tmp_path, pack, which, within):
    for name, content in CONTENT.items():
        path = tmp_path / names_of(name)[which]
        if within is not None:  # a folder of its name
            path.mkdir()
            path /= names_of(name)[within]
        path.write_bytes(pack(content))
    assert_right(tmp_path)


ZIP = b"PK\3\4" + bytes(30)
HTML = b"\xef\xbb\xbf\n<!DOCTYPE html><html>404 Not Found</html>"


@pytest.mark.parametrize(
    "junk, word", [(b"", "empty"), (ZIP, "ZIP"), (HTML, "HTML"), (None, "a.txt")]
)
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("inside", [False, True])
def test_junk_is_named_unless_a_good_file_lies_beside_it(folder, junk, word, which, inside):
    (folder / LABELS).unlink()
    path = folder / names_of(LABELS)[which]
    if inside:
        path.mkdir()
        path /= LABELS
    if junk is None:
        path.mkdir()
        (path / "a.txt").write_text("hello")
    else:
        path.write_bytes(junk)
    refuses(folder, path, word)
    for good in {*names_of(LABELS)} - {names_of(LABELS)[which]}:
        (folder / good).write_bytes(CONTENT[LABELS])
        assert_right(folder)
        (folder / good).unlink()


@pytest.mark.parametrize("name", CONTENT)
def test_a_missing_file_is_named_and_what_lies_there_instead(folder, name):
    (folder / name).rename(folder / "b.txt")
    error_of(FileNotFoundError, lambda: load_mnist(data_dir=folder), folder, name, "b.txt")
    raw = folder / "MNIST" / "raw"  # where torchvision puts them
    os.renames(folder / "b.txt", raw / name)
    error_of(FileNotFoundError, lambda: load_mnist(data_dir=folder), f"did you mean {raw}?")


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    opened = mock_open(read_data=CONTENT[IMAGES])
    opened.return_value.seek.side_effect = OSError(5, "Input/output error")
    monkeypatch.setattr("builtins.open", opened)
    error_of(OSError, lambda: load_mnist(data_dir=folder), folder / LABELS)


GZIP = gzip.compress(CONTENT[IMAGES])
WRONG = {
    "a few bytes": (LABELS, b"\0\0\x08"),
    "header cut": (TEST_IMAGES, CONTENT[TEST_IMAGES][:8]),
    "truncated": (TEST_IMAGES, CONTENT[TEST_IMAGES][:-1]),
    "a byte too many": (TEST_LABELS, CONTENT[TEST_LABELS] + b"\0"),
    "images for labels": (LABELS, CONTENT[IMAGES]),
    "floats": (IMAGES, idx(PIXELS, magic=0xD03)),
    "other byte order": (LABELS, struct.pack("<2I", 2049, 3) + b"\1\2\3"),
    "32 x 32 pixels": (IMAGES, idx(np.zeros((3, 32, 32)))),
    "28 x 32 pixels": (IMAGES, idx(np.zeros((3, 28, 32)))),
    "no image": (TEST_IMAGES, idx(PIXELS[:0])),
    "no label": (LABELS, idx([])),
    "gzipped once more": (IMAGES, gzip.compress(GZIP)),
    "another behind it": (IMAGES, GZIP + gzip.compress(b"\0")),
    "too few labels": (LABELS, idx([9, 0])),
    "too many labels": (TEST_LABELS, idx([9, 0, 1])),
    "a label of 10": (LABELS, idx([9, 10, 4])),
}


@pytest.mark.parametrize("name, content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_wrong_file_is_named(folder, name, content, pack):
    (folder / name).write_bytes(pack(content))
    refuses(folder, folder / name)


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_no_file_of_digits_fills_the_memory(folder, name, pack):
    def declared(N):
        return CONTENT[name][:4] + struct.pack(">I", N) + CONTENT[name][8:]

    N, head, size = (25_000, 16, 784) if name == IMAGES else (20_000_000, 8, 1)
    contents = [
        CONTENT[name] + bytes(20_000_000),  # much more than its header says
        *(declared(2**31), declared(2**32 - 1)),  # much less
        declared(N).ljust(head + N * size, b"\0"),  # as much as it says, but not as the labels
    ]
    for content in contents:
        (folder / name).write_bytes(pack(content))
        assert memory_for(refuses, folder, folder / name) < 1_500_000


def damaged(content, seed):
    """The content after damage of one kind, or of two; half of it at the head; never as it was."""
    rng = np.random.default_rng(seed)
    new = content
    while new == content or new and rng.random() < 0.3:
        at = rng.integers(min(len(new), 20) if rng.random() < 0.5 else len(new))
        end = at + rng.integers(1, 50)
        new = [
            new[:at] + bytes([new[at] ^ 1 << rng.integers(8)]) + new[at + 1 :],  # flipped
            new[:at] + rng.bytes(end - at) + new[end:],  # overwritten
            new[:at] + bytes(end - at) + new[end:],
            new[:at],  # cut off
            new + rng.bytes(end - at),  # more behind it
            new[:at] + new[end:],  # lost
            new[:end] + new[at:],  # twice
        ][rng.integers(7)]
    return new


MANY = [pytest.param(range(100), id="ordinary")]
MANY += [pytest.param(range(100, 4000), marks=pytest.mark.campaign, id="campaign")]


def assert_withstands_damage(path, whole, seeds, load):
    """load() finds the file right, or refuses it. A date in it, for instance, changes nothing."""
    refused = 0
    for seed in seeds:
        path.write_bytes(damaged(whole, seed))
        try:
            load()
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error), f"seed {seed}"
            refused += 1
    assert refused > len(seeds) / 2


@pytest.mark.parametrize("seeds", MANY)
@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_damaged_gzip_file_never_gives_other_digits(folder, name, seeds):
    whole = gzip.compress(CONTENT[name], mtime=0)
    assert_withstands_damage(folder / name, whole, seeds, lambda: assert_right(folder))


# Weights


def bits(net):
    return {key: param.tobytes() for key, param in net.params.items()}


def weights(**changes):
    """Arrays as save writes them, with changes; None leaves one out."""
    arrays = {key: np.full(shape, 0.5) for key, shape in SHAPES.items()} | changes
    return {key: array for key, array in arrays.items() if array is not None}


def load(path, **options):
    """The network that has loaded the weights. Where they are refused, it loads nothing of them."""
    net = network_3_4_2(seed=1, **options)
    before = bits(net)
    try:
        net.load(path)
    except ValueError:
        assert bits(net) == before
        raise
    return net


def assert_refused(path, *names, **options):
    """The rest of the sentence that refuses the file."""
    text = error_of(ValueError, lambda: load(path, **options), path, *names)
    return text.replace(str(path), "")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("its_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(3, [4], 2), (300, [60], 10), (3, [4, 5, 6], 2)])
def test_weights_come_back_to_the_bit_or_rounded(tmp_path, dtype, its_dtype, size):
    saved = MultiLayerNet(*size, dtype=its_dtype, rng=0)
    net = MultiLayerNet(*size, dtype=dtype, rng=1)
    mine = net.params["W1"]
    before = mine.copy()
    with ThreadPoolExecutor(1) as threads:  # saving needn't be done in the main thread
        threads.submit(saved.save, tmp_path / "w.npz").result()
    net.load(str(tmp_path / "w.npz"))
    assert bits(net) == {key: a.astype(dtype).tobytes() for key, a in saved.params.items()}
    assert net.dtype == dtype
    assert net.params["W1"] is net.layers["Affine1"].W  # the layer's own array
    assert (mine == before).all()  # one read before keeps its numbers
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_the_file_is_a_plain_npz_and_any_such_file_is_loaded(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):  # on Unix, on Windows
        monkeypatch.setenv(name, str(tmp_path))
    net, path = network_3_4_2(), tmp_path / "w.npz"
    net.save("~/w")  # the name is kept as it is
    with np.load(tmp_path / "w", allow_pickle=False) as file:
        assert {key: file[key].tobytes() for key in file} == bits(net)
    np.savez_compressed(path, **net.params)
    assert bits(load("~/w.npz")) == bits(net)
    halves = weights(b1=np.full(4, 0.5, np.float16))
    np.savez(path, **halves)
    assert load(path).params["b1"].tolist() == [0.5] * 4
    edges = np.array([np.finfo("f8").max, -np.finfo("f8").max, 5e-324, -0.0])
    np.savez(path, **weights(b1=edges))
    assert load(path).params["b1"].tobytes() == edges.tobytes()
    error_of(ValueError, lambda: load(path, dtype=np.float32), "b1")  # no room for the first


@pytest.mark.parametrize("changes, names", [
    ({"W2": None}, ["W2"]),
    ({"W3": np.zeros(2)}, ["W3"]),
    ({"W1": np.zeros((4, 3))}, ["W1"]),
    ({"W2": None, "b2": np.zeros(3)}, ["W2", "b2"]),
    (dict.fromkeys(SHAPES), SHAPES),
])  # fmt: skip
def test_other_weights_are_refused_with_the_names_of_what_differs(tmp_path, changes, names):
    np.savez(tmp_path / "w.npz", **weights(**changes))
    text = assert_refused(tmp_path / "w.npz", *names)
    assert not any(key in text for key in {*SHAPES, "more"} - {*names})


def test_what_is_no_name_or_no_text_for_a_terminal_is_answered(tmp_path):
    for thing in (io.BytesIO(), {"W1": 1}, None):
        error_of(TypeError, lambda thing=thing: network_3_4_2().load(thing), type(thing).__name__)
    np.savez(tmp_path / "w.npz", **weights(), **{"\x1b[2J\n": np.zeros(1)})
    assert "[2J" in (text := assert_refused(tmp_path / "w.npz")) and text.isprintable()


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", **weights(b2=np.array([0.0, np.nan])))
    error_of(ValueError, lambda: load(tmp_path / "w.npz"), "b2")


def npy(array):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array))
    return content.getvalue()


def entries(**changes):
    """The entries of a file of weights, with changes."""
    arrays = {key: npy(param) for key, param in network_3_4_2().params.items()} | changes
    return [(f"{key}.npy", content) for key, content in arrays.items()]


def archive(pairs, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w") as file:
        warnings.simplefilter("ignore")  # of two entries of one name
        for name, data in pairs:  # dated 1980: the same bytes at every run
            file.writestr(zipfile.ZipInfo(name), data, compression)
    return content.getvalue()


@pytest.mark.parametrize("seeds", MANY)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_weights_are_refused_or_come_back_to_the_bit(tmp_path, compression, seeds):
    def assert_loaded():
        assert bits(load(tmp_path / "w.npz")) == right

    whole, right = archive(entries(), compression), bits(network_3_4_2())
    assert_withstands_damage(tmp_path / "w.npz", whole, seeds, assert_loaded)


B2 = npy(np.ones(2))
NAMED = {
    "an empty file": b"",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 160\n",
    "(HTML)": HTML,
    "a .npy file": B2,
    "a pickle": pickle.dumps({"W1": 1}),
    "Object arrays": archive([("arr_0.npy", npy({}))]),
    "not a zip file": b"hello",
    "a gzipped file": gzip.compress(b"PK"),
    "copy or download it again": ZIP,
    "(w.npz is in it)": archive([("w.npz", archive(entries()))]),
    "(archive/data.pkl is in it)": archive([("archive/data.pkl", b"\x80\x02}q")]),
}
OTHERS = {
    "a text beside the arrays": archive([*entries(), ("b3.txt", b"hello")]),
    "all arrays in a folder": archive([(f"a/{name}", data) for name, data in entries()]),
    "half of an array": archive(entries(b2=B2[:-8])),
    "a version of npy that is none": archive(entries(b2=B2[:6] + b"\x09" + B2[7:])),
    "a head that is code": archive(entries(b2=B2.replace(b"'<f8'", b"f(1) "))),
    "a head of a dtype that is none": archive(entries(b2=B2.replace(b"<f8", b"<q8"))),
    "nothing in place of an array": archive(entries(b2=b"")),
}


@pytest.mark.parametrize("name", [*NAMED, *OTHERS])
def test_what_is_no_file_of_weights_is_refused_and_may_be_named(tmp_path, name):
    path, content = tmp_path / "w.npz", (NAMED | OTHERS)[name]
    error_of(FileNotFoundError, lambda: network_3_4_2().load(path), path)
    path.write_bytes(content)
    assert name in assert_refused(path) or name in OTHERS


class Spoilt:
    """What a pickle may do when it is opened: anything. Here it sets a mark."""

    opened = False

    def __reduce__(self):
        return setattr, (Spoilt, "opened", True)


def test_no_pickle_is_ever_opened(tmp_path):
    pickled, alone = io.BytesIO(), pickle.dumps(Spoilt())
    np.lib.format.write_array(pickled, np.array([Spoilt()] * 2, object), allow_pickle=True)
    for content in (archive(entries(b2=pickled.getvalue())), pickled.getvalue(), alone):
        (tmp_path / "w.npz").write_bytes(content)
        assert_refused(tmp_path / "w.npz")
    assert not Spoilt.opened
    pickle.loads(alone)  # a pickle that was live indeed
    assert Spoilt.opened


# Saving that is stopped, or has nowhere to write to


FULL = Mock(side_effect=OSError(28, "No space left on device"))


def press(*args):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("owner, name, stopped, error", [
    (Path, "write_bytes", FULL, OSError),
    (os, "replace", press, KeyboardInterrupt),
    (os, "access", lambda *_: False, OSError),  # write-protected, which root never hears
])  # fmt: skip
def test_a_failed_save_leaves_the_old_file_only(tmp_path, monkeypatch, owner, name, stopped, error):
    path = tmp_path / "w.npz"
    network_3_4_2().save(path)
    old = path.read_bytes()
    monkeypatch.setattr(owner, name, stopped)
    with pytest.raises(error):
        network_3_4_2(seed=1).save(path)
    assert path.read_bytes() == old and [*tmp_path.iterdir()] == [path]


@pytest.mark.unix
def test_a_save_replaces_what_may_be_replaced_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as special:  # a special file, as a device is one
        special.bind("device")
    Path("file").write_text("hello")
    before = sorted(Path().iterdir())
    for name in ("", "device", "file/w.npz", "none/w.npz", "w" * 300):
        for write in (network_3_4_2().save, lambda name: write_whole(name, None)):
            error_of(OSError, lambda name=name, write=write: write(name), tmp_path / name)
        assert sorted(Path().iterdir()) == before and Path("device").is_socket()
    assert Path("file").read_text() == "hello"


@pytest.mark.unix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link_to_the_new_weights(tmp_path, there):
    path, link = tmp_path / "w.npz", tmp_path / "link"
    if there:
        network_3_4_2().save(path)
        os.link(path, tmp_path / "old")  # as somebody who reads it keeps it open
    link.symlink_to("w.npz")
    network_3_4_2(seed=2).save(link)
    assert not there or bits(load(tmp_path / "old")) == bits(network_3_4_2())
    assert link.is_symlink() and bits(load(path)) == bits(network_3_4_2(seed=2))


def die_at(line):
    """Kill this process before that line of saving runs."""

    def trace(frame, event, arg):
        nonlocal line
        if not frame.f_code.co_filename.endswith("common/files.py"):
            return None
        line -= event == "line"
        if line < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


@pytest.mark.unix
@pytest.mark.filterwarnings("ignore:.*multi-threaded")
def test_kill_9_before_any_line_of_saving_leaves_old_or_new(tmp_path):
    """A child dies before the first line, another one before the second, until one lives on."""
    old, new, path = network_3_4_2(), network_3_4_2(seed=2), tmp_path / "w.npz"
    found, status = [], None
    while status != 0:
        old.save(path)
        child = os.fork()
        if child == 0:
            try:
                die_at(len(found))
                new.save(path)
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        found.append([bits(old), bits(new)].index(bits(load(path))))
    assert found == sorted(found) and found.count(0) > 10 and found[-1] == 1
    # What was left behind was in nobody's way, and nobody takes it for weights.
    assert {each.suffix for each in tmp_path.iterdir() if each != path} == {".tmp"}
