"""Damaged files of digits and of weights: refused by name, or read exactly as they are.

The ordinary run tries some hundred kinds of damage, pytest -m campaign some ten thousand.
"""

import gzip
import io
import struct
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest

from ch05.two_layer_net import TwoLayerNet
from dataset.mnist import CHUNK, load_mnist

# Damage to any file


def flip(content, rng):
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    return bytes(content)


def overwrite(content, rng):
    at, length = rng.integers(len(content)), rng.integers(1, 9)
    new = rng.bytes(length) if rng.random() < 0.5 else bytes(length)
    return (content[:at] + new + content[at + length :])[: len(content)]


def cut(content, rng):
    return content[: rng.integers(len(content))]


def behead(content, rng):
    return content[rng.integers(1, len(content) + 1) :]


def grow(content, rng):
    return content + (rng.bytes(rng.integers(1, 50)) if rng.random() < 0.7 else content)


def lose(content, rng):
    start, length = rng.integers(len(content)), rng.integers(1, 50)
    return content[:start] + content[start + length :]


def repeat(content, rng):
    start, length = rng.integers(len(content)), rng.integers(1, 50)
    return content[: start + length] + content[start:]


def swap(content, rng):
    a, b, c = sorted(rng.integers(len(content) + 1, size=3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


DAMAGE = [flip, overwrite, cut, behead, grow, lose, repeat, swap]


def damaged(content, seed, kinds=DAMAGE):
    """The content after damage of one kind, or sometimes of two; never as it was."""
    rng = np.random.default_rng(seed)
    while True:
        new = kinds[rng.integers(len(kinds))](content, rng)
        if new and rng.random() < 0.3:
            new = DAMAGE[rng.integers(len(DAMAGE))](new, rng)
        if new != content:
            return new


def seeds(ordinary, campaign):
    """Seeds to try, few in the ordinary run and many in the campaign, none of them in both."""
    return pytest.mark.parametrize(
        "seeds",
        [
            pytest.param(range(ordinary), id="ordinary"),
            pytest.param(range(ordinary, campaign), marks=pytest.mark.campaign, id="campaign"),
        ],
    )


# Digits

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


RNG = np.random.default_rng(0)
PIXELS = RNG.integers(256, size=(2, 28, 28), dtype=np.uint8)
NUMBERS = np.array([7, 2], np.uint8)
CONTENT = {IMAGES: idx(PIXELS), LABELS: idx(NUMBERS)}


@pytest.fixture
def folder(tmp_path):
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name.replace("train", "t10k")).write_bytes(content)
    return tmp_path


def lie(content, rng):
    """Another number in the header: near the right one, or near a power of 2."""
    words = 4 if len(content) > 16 else 2
    near = [2**n for n in (0, 5, 8, 16, 31, 32)] + list(struct.unpack_from(f">{words}I", content))
    number = (near[rng.integers(len(near))] + int(rng.integers(-1, 2))) % 2**32
    at = 4 * rng.integers(words)
    return content[:at] + struct.pack(">I", number) + content[at + 4 :]


def mislabel(content, rng):
    """A label over 9; in a file of images, a brighter pixel."""
    at = rng.integers(8 if len(content) < 16 else 16, len(content))
    return content[:at] + bytes([rng.integers(10, 256)]) + content[at + 1 :]


def said_by(content, name):
    """The array that an IDX file of that name holds by the format's rules, None if it's none."""
    known = struct.pack(">I", 2051) if "images" in name else struct.pack(">I", 2049)
    tail = struct.pack(">2I", 28, 28) if "images" in name else b""
    head = 8 + len(tail)
    if content[:4] != known or content[8:head] != tail or len(content) <= head:
        return None
    count = int.from_bytes(content[4:8], "big")
    if len(content) != head + count * (784 if tail else 1):
        return None
    if not tail and max(content[head:]) > 9:
        return None
    return np.frombuffer(content, np.uint8, offset=head).reshape(count, *([28, 28] if tail else []))


def read(folder):
    (x, t), _ = load_mnist(normalize=False, flatten=False, data_dir=folder)
    return {IMAGES: x[:, 0], LABELS: t}


def assert_refused_or_exact(folder, file, want, note):
    """What is in that file is `want` and two samples, or else an error names the file."""
    try:
        got = read(folder)
    except ValueError as error:
        assert want is None or len(want) != 2, f"{note}: refused, but whole: {error}"
        assert file in str(error) and "\n" not in str(error), f"{note}: {error}"
    else:
        assert want is not None and len(want) == 2, f"{note}: read, but damaged"
        name = file.removesuffix(".gz")
        np.testing.assert_array_equal(got[name], want, err_msg=note)
        (other,) = set(got) - {name}
        np.testing.assert_array_equal(got[other], said_by(CONTENT[other], other), err_msg=note)


@seeds(ordinary=100, campaign=4000)
@pytest.mark.parametrize("name, packed", [(IMAGES, ""), (LABELS, ""), (IMAGES, ".gz")])
def test_digits_are_refused_or_are_what_stands_in_the_file(folder, name, packed, seeds):
    # Nothing in a plain file tells a damaged pixel from a right one. A gzipped file could tell,
    # but here the damage was done before it was gzipped, checksum and all.
    (folder / name).unlink()
    for seed in seeds:
        content = damaged(CONTENT[name], seed, [*DAMAGE, lie, mislabel])
        file = gzip.compress(content, 1) if packed else content
        (folder / (name + packed)).write_bytes(file)
        assert_refused_or_exact(folder, name + packed, said_by(content, name), f"seed {seed}")


@seeds(ordinary=100, campaign=2000)
@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_damaged_gzip_file_never_gives_other_digits(folder, name, seeds):
    (folder / name).unlink()
    whole, right = gzip.compress(CONTENT[name]), said_by(CONTENT[name], name)
    for seed in seeds:
        (folder / f"{name}.gz").write_bytes(damaged(whole, seed))
        try:  # the date of packing, for instance, is nothing that digits depend on
            got = read(folder)[name]
        except ValueError as error:
            assert f"{name}.gz" in str(error) and "\n" not in str(error), f"seed {seed}: {error}"
        else:
            np.testing.assert_array_equal(got, right, err_msg=f"seed {seed}")


def members(*contents, **header):
    return b"".join(gzip.compress(content, **header) for content in contents)


def with_name_and_comment(content):
    """As `gzip FILE` packs it: with the name of the file, and here a comment too."""
    packed = gzip.compress(content)
    return packed[:3] + b"\x18" + packed[4:10] + b"name\0comment\0" + packed[10:]


@pytest.mark.parametrize(
    "pack",
    [
        lambda content: members(content, mtime=0),
        lambda content: members(content, compresslevel=0),
        with_name_and_comment,
        lambda content: members(content) + bytes(512),  # padded, as on a tape
        lambda content: members(content[:9], content[9:]),
        lambda content: members(*(content[i : i + 100] for i in range(0, len(content), 100))),
        lambda content: members(content, b""),
    ],
    ids=["dated", "stored", "named", "padded", "two members", "many members", "an empty member"],
)
@pytest.mark.parametrize("name", CONTENT)
def test_all_that_gzip_allows_is_read(folder, name, pack):
    (folder / name).unlink()
    (folder / f"{name}.gz").write_bytes(pack(CONTENT[name]))
    np.testing.assert_array_equal(read(folder)[name], said_by(CONTENT[name], name))


@pytest.mark.parametrize(
    "pack, words",
    [
        (lambda content: members(content) + b"\x1f\x8b", "damaged"),
        (lambda content: members(content) + members(b"more")[:-1], "file ended before"),
        (lambda content: members(content, content), "got more"),
        (lambda content: members(content, b"\0"), "got more"),
        (lambda content: members(members(content)), "magic number"),
        (lambda content: members(content[:9]) + content[9:], "Not a gzipped file"),
        (lambda content: zlib.compress(content), "Not a gzipped file"),
    ],
    ids=["garbage", "half a member", "twice", "a byte more", "gzipped twice", "plain tail", "zlib"],
)
@pytest.mark.parametrize("name", CONTENT)
def test_what_gzip_does_not_allow_or_the_header_does_not_promise_is_refused(
    folder, name, pack, words
):
    (folder / name).unlink()
    (folder / f"{name}.gz").write_bytes(pack(CONTENT[name]))
    with pytest.raises(ValueError, match=f"{name}.gz: .*{words}"):
        read(folder)


@pytest.mark.parametrize("more", [b"", b"\0"])
def test_data_that_fill_whole_chunks_are_read_to_their_end_too(folder, more):
    """Of 6,250 images, 4,900,000 bytes: behind the last could stand more, or a wrong checksum."""
    content = struct.pack(">4I", 0x803, 6250, 28, 28) + bytes(6250 * 784)
    assert (len(content) - 16) % CHUNK == 0
    packed = gzip.compress(content + more, 1)
    if not more:
        packed = packed[:-8] + b"\1" + packed[-7:]  # the checksum, and the length
    (folder / IMAGES).unlink()
    (folder / f"{IMAGES}.gz").write_bytes(packed)
    with pytest.raises(ValueError, match="got more" if more else "CRC check failed"):
        read(folder)


def memory_for(call):
    """The most bytes that were in use at once during a call that must fail, and its error."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as error:
            call()
        return tracemalloc.get_traced_memory()[1], str(error.value)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_file_much_larger_than_its_header_says_fills_no_memory(folder, name, packed):
    content = CONTENT[name] + bytes(50_000_000)  # gzipped, some 200 kB
    (folder / name).unlink()
    file = gzip.compress(content, 1) if packed else content
    (folder / (name + packed)).write_bytes(file)
    memory, error = memory_for(lambda: read(folder))
    assert f"{name}{packed}: " in error and "got more" in error
    assert memory < 1_500_000  # a chunk of 1 MB, and what the header promises


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("count", [2**31 - 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_header_that_promises_billions_fills_no_memory(folder, name, count, packed):
    content = CONTENT[name][:4] + struct.pack(">I", count) + CONTENT[name][8:]
    (folder / name).unlink()
    (folder / (name + packed)).write_bytes(gzip.compress(content) if packed else content)
    memory, error = memory_for(lambda: read(folder))
    assert f"{name}{packed}: " in error
    assert f"{count * (784 if name == IMAGES else 1)} bytes" in error
    assert memory < 1_500_000


def test_a_link_to_nothing_or_to_itself_is_a_missing_file(folder):
    for target in ("nothing", LABELS):
        (folder / LABELS).unlink()
        (folder / LABELS).symlink_to(target)
        with pytest.raises(FileNotFoundError, match=LABELS):
            read(folder)


# Weights

SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}


def network(seed=0):
    return TwoLayerNet(3, 4, 2, weight_init_std=1, rng=seed)


def bits(net):
    return {key: param.tobytes() for key, param in net.params.items()}


def npy(array, version=None):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array), version)
    return content.getvalue()


def entries(**changes):
    """The entries of a file of weights, with changes; None leaves one out."""
    arrays = {key: npy(param) for key, param in network().params.items()} | changes
    return [(f"{key}.npy", content) for key, content in arrays.items() if content is not None]


def archive(pairs, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", compression) as file:
        warnings.simplefilter("ignore")  # of two entries of one name
        for name, data in pairs:
            file.writestr(name, data)
    return content.getvalue()


def assert_weights_refused(path):
    net = network(seed=1)
    before = bits(net)
    with pytest.raises(ValueError) as error:
        net.load(path)
    assert str(path) in str(error.value)
    assert bits(net) == before


@seeds(ordinary=250, campaign=4000)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_weights_are_refused_or_come_back_to_the_bit(tmp_path, compression, seeds):
    whole, path, right = archive(entries(), compression), tmp_path / "w.npz", bits(network())
    net = network(seed=1)
    before = bits(net)
    for seed in seeds:
        path.write_bytes(damaged(whole, seed))
        try:
            net.load(path)
        except ValueError as error:
            assert str(path) in str(error), f"seed {seed}: {error}"
            assert bits(net) == before, f"seed {seed}: refused, but changed"
        else:  # dates of entries, for instance, are nothing that weights depend on
            assert bits(net) == right, f"seed {seed}: loaded, but changed"
            net = network(seed=1)


def test_every_single_byte_of_a_file_of_weights_may_be_damaged(tmp_path):
    whole, path, right = archive(entries()), tmp_path / "w.npz", bits(network())
    net, refused = network(seed=1), 0
    before = bits(net)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x0C]) + whole[at + 1 :])
        try:
            net.load(path)
        except ValueError:
            refused += 1
            assert bits(net) == before, at
        else:
            assert bits(net) == right, at
            net = network(seed=1)
    assert refused > sum(len(data) for _, data in entries())  # the checksum sees all of those


def test_a_large_array_is_checked_to_its_end_whatever_its_head_says(tmp_path):
    # One damaged byte makes <f4 of <f8. Half of the bytes are then enough for the shape; these
    # are finite numbers too, and a checksum that is looked at after the last byte is never met.
    net = TwoLayerNet(100, 60, 10, rng=0)
    for param in net.params.values():
        param[...] = np.arange(param.size).reshape(param.shape) / 8
    net.save(tmp_path / "w.npz")
    whole = (tmp_path / "w.npz").read_bytes()
    at = whole.index(b"'<f8'") + 3
    (tmp_path / "w.npz").write_bytes(whole[:at] + b"4" + whole[at + 1 :])
    before = bits(net)
    with pytest.raises(ValueError, match="w.npz: "):
        net.load(tmp_path / "w.npz")
    assert bits(net) == before


B2 = npy(np.ones(2))
OTHERS = [
    ("a text beside the arrays", [("b3.txt", b"hello")], {}),
    ("an array in a folder", [("more/b2.npy", B2)], {}),
    ("all arrays in a folder", None, {}),
    ("an entry without .npy", [("W3", B2)], {}),
    ("an entry of no name", [(".npy", B2)], {}),
    ("text in place of an array", [], {"b2": b"hello"}),
    ("nothing in place of an array", [], {"b2": b""}),
    ("half of an array", [], {"b2": B2[:-8]}),
    ("only the head of an array", [], {"b2": B2[:-16]}),
    ("only the magic number", [], {"b2": B2[:6]}),
    ("more than the array", [], {"b2": B2 + bytes(8)}),
    ("a version of npy that is none", [], {"b2": B2[:6] + b"\x09" + B2[7:]}),
    ("a head that is code", [], {"b2": B2.replace(b"'<f8'", b"f(1) ")}),
    ("a head of another dtype", [], {"b2": B2.replace(b"<f8", b"<i8")}),
    ("a head of half the dtype", [], {"b2": B2.replace(b"<f8", b"<f4")}),
    ("a head of the other byte order", [], {"b2": B2.replace(b"<f8", b">f8")}),
    ("a head of a dtype that is none", [], {"b2": B2.replace(b"<f8", b"<q8")}),
    ("a head of objects", [], {"b2": B2.replace(b"<f8", b"|O ")}),
    ("a head of another shape", [], {"b2": B2.replace(b"(2,)", b"(1,)")}),
    ("a head of a shape below 0", [], {"b2": B2.replace(b"(2,), ", b"(-2,),")}),
    ("a head of a shape of billions", [], {"b2": B2.replace(b"(2,), }      ", b"(2000000000,)}")}),
    ("a column in place of a row", [], {"b2": npy(np.ones((2, 1)))}),
    ("a row more", [], {"W1": npy(np.ones((4, 4)))}),
    ("an axis more", [], {"b1": npy(np.ones((1, 4)))}),
    ("a number in place of an array", [], {"b2": npy(1.0)}),
    ("half precision", [], {"b2": npy(np.ones(2, np.float16))}),
    ("numbers and names", [], {"b2": npy(np.ones(2, [("a", "f8")]))}),
    ("text in an array", [], {"b2": npy(np.array(["1", "2"]))}),
    ("truth values", [], {"b2": npy(np.array([True, False]))}),
    ("minus infinity", [], {"W2": npy(np.full((4, 2), -np.inf))}),
    ("one nan at the end", [], {"W2": npy(np.append(np.ones(7), np.nan).reshape(4, 2))}),
    ("no array at all", None, dict.fromkeys(SHAPES)),
    ("only the biases", [], {"W1": None, "W2": None}),
]


@pytest.mark.parametrize("more, changes", [o[1:] for o in OTHERS], ids=[o[0] for o in OTHERS])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_sound_archive_of_other_things_is_refused(tmp_path, more, changes, compression):
    pairs = entries(**changes)
    pairs = pairs + more if more is not None else [(f"a/{name}", data) for name, data in pairs]
    (tmp_path / "w.npz").write_bytes(archive(pairs, compression))
    assert_weights_refused(tmp_path / "w.npz")


@pytest.mark.parametrize("second", ["W1.npy", "W1"])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_two_arrays_of_one_name_are_refused(tmp_path, second, place):
    # Which of the two was saved? Nobody can tell.
    pairs = entries()
    pairs.insert(place, (second, npy(np.ones((3, 4)))))
    (tmp_path / "w.npz").write_bytes(archive(pairs))
    assert_weights_refused(tmp_path / "w.npz")


class Spoilt:
    """What a pickle may do when it is opened: anything. Here it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return type(self.mark).touch, (self.mark,)


def test_no_pickle_is_ever_opened(tmp_path):
    pickled = io.BytesIO()
    spoilt = np.array([Spoilt(tmp_path / "mark")] * 2, object)
    np.lib.format.write_array(pickled, spoilt, allow_pickle=True)
    pickle_alone = pickled.getvalue()[pickled.getvalue().index(b"\n") + 1 :]
    for content in (
        archive(entries(b2=pickled.getvalue())),
        archive(entries(b2=pickle_alone)),
        archive([*entries(), ("W3.npy", pickled.getvalue())]),
        pickled.getvalue(),
        pickle_alone,
    ):
        (tmp_path / "w.npz").write_bytes(content)
        assert_weights_refused(tmp_path / "w.npz")
    assert not (tmp_path / "mark").exists()
    np.load(io.BytesIO(pickled.getvalue()), allow_pickle=True)  # a pickle that was live indeed
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("start", [npy(np.zeros(2)), b""], ids=["an array", "no array"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_bomb_fills_no_memory(tmp_path, start, hidden):
    zeros = start + bytes(50_000_000)
    content = archive(entries(b2=zeros), zipfile.ZIP_DEFLATED)
    if hidden:  # its size, in both places where an archive has it
        size = struct.pack("<I", len(zeros))
        assert content.count(size) == 2
        content = content.replace(size, struct.pack("<I", len(B2)))
    (tmp_path / "w.npz").write_bytes(content)
    memory, error = memory_for(lambda: network().load(tmp_path / "w.npz"))
    assert "w.npz: " in error
    assert memory < 1_500_000


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_the_same_arrays_packed_otherwise_are_the_same_weights(tmp_path, compression):
    params = network().params
    in_columns = {key: npy(np.asfortranarray(param), (2, 0)) for key, param in params.items()}
    for pairs in (entries()[::-1], entries(**in_columns)):
        (tmp_path / "w.npz").write_bytes(archive(pairs, compression))
        net = network(seed=1)
        net.load(tmp_path / "w.npz")
        assert bits(net) == bits(network())


def test_numbers_at_the_edge_of_the_format_come_back(tmp_path):
    edges = np.array([np.finfo("f8").max, -np.finfo("f8").max, 5e-324, -0.0])
    (tmp_path / "w.npz").write_bytes(archive(entries(b1=npy(edges))))
    net = network()
    net.load(tmp_path / "w.npz")
    assert net.params["b1"].tobytes() == edges.tobytes()
