"""Saved weights: they come back to the bit, whole or not at all, and nothing else is let in."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from ch05.multi_layer_net import MultiLayerNet
from ch05.two_layer_net import TwoLayerNet
from common.files import read_arrays

RIGHT = {"W1": (3, 4), "b1": (4,), "W2": (4, 2), "b2": (2,)}


def network(seed=0, **options):
    return TwoLayerNet(3, 4, 2, rng=seed, **options)


def weights(**changes):
    """Arrays as save writes them, with changes; None leaves one out."""
    arrays = {key: np.full(shape, 0.5) for key, shape in RIGHT.items()} | changes
    return {key: array for key, array in arrays.items() if array is not None}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_come_back_to_the_bit(tmp_path, dtype):
    saved, other = network(dtype=dtype), network(seed=1, dtype=dtype)
    saved.save(tmp_path / "w.npz")
    other.load(str(tmp_path / "w.npz"))
    for key in RIGHT:
        assert other.params[key].dtype == dtype
        np.testing.assert_array_equal(other.params[key], saved.params[key])
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_a_network_of_many_weights_comes_back_too(tmp_path):
    saved, other = (TwoLayerNet(100, 60, 10, rng=seed) for seed in (0, 1))
    saved.save(tmp_path / "w.npz")  # W1 takes 48,000 bytes: more than is read at once
    other.load(tmp_path / "w.npz")
    for key, param in saved.params.items():
        np.testing.assert_array_equal(other.params[key], param)


def test_the_file_is_a_plain_npz_that_numpy_reads(tmp_path):
    net = network()
    net.save(tmp_path / "w")  # the name is kept as it is
    with np.load(tmp_path / "w", allow_pickle=False) as file:
        assert {key: file[key].shape for key in file} == RIGHT


def test_loading_writes_into_the_layers_own_arrays(tmp_path):
    net = network()
    mine = net.params["W1"]
    np.savez(tmp_path / "w.npz", **weights())
    net.load(tmp_path / "w.npz")
    assert net.params["W1"] is mine is net.layers["Affine1"].W
    assert (mine == 0.5).all()


def test_float32_weights_go_on_in_float64(tmp_path):
    np.savez(tmp_path / "w.npz", **{key: a.astype("f4") for key, a in weights().items()})
    net = network()
    net.load(tmp_path / "w.npz")
    assert net.dtype == np.float64 and (net.params["W2"] == 0.5).all()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"W2": None}, "W2 is missing"),
        ({"W3": np.zeros(2)}, "W3 is not in the network"),
        ({"W1": np.zeros((4, 3))}, r"W1 has shape \(4, 3\), not \(3, 4\)"),
        ({"b1": np.zeros(4, int)}, "b1 has dtype int64, not float32 or float64"),
        ({"b1": np.zeros(4, complex)}, "b1 has dtype complex128"),
        ({"b2": np.array([0.0, np.nan])}, "b2 holds nan"),
        ({"b2": np.array([0.0, np.inf])}, "b2 holds nan or numbers beyond float64"),
        ({"W2": None, "b2": np.zeros(3)}, r"W2 is missing; b2 has shape \(3,\), not \(2,\)"),
        ({"b1": np.array([None] * 4)}, "pickle"),
        ({"b2": np.zeros(10**6)}, "too many for this network"),
    ],
)
def test_other_weights_are_refused_and_the_network_is_as_before(tmp_path, changes, words):
    path, net = tmp_path / "w.npz", network()
    np.savez(path, **weights(**changes))
    before = {key: param.copy() for key, param in net.params.items()}
    with pytest.raises(ValueError, match=words) as error:
        net.load(path)
    assert str(path) in str(error.value)
    for key in RIGHT:
        np.testing.assert_array_equal(net.params[key], before[key])


def test_a_number_too_large_for_float32_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", **weights(b1=np.full(4, 1e300)))
    with pytest.raises(ValueError, match="beyond float32"):
        network(dtype=np.float32).load(tmp_path / "w.npz")


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W1.npy", bytes(10**8))
    with pytest.raises(ValueError, match="too many for this network"):
        network().load(tmp_path / "w.npz")


def npy_with_a_head_of(length, numbers):
    """An .npy file whose head is filled up with blanks to that length, as the format allows."""
    array = np.arange(numbers, dtype="<f8")
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({numbers},)}}"
    head = head.ljust(length - 11) + "\n"  # 8 bytes of magic number and version, 2 of length
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head.encode() + array.tobytes()


@pytest.mark.parametrize("numbers", [(200,), (5, 2, 4)])
@pytest.mark.parametrize("head", [1023, 1024, 1025])
def test_a_file_may_take_8_bytes_for_a_number_and_1024_for_a_head(tmp_path, numbers, head):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        for i, n in enumerate(numbers):
            content = npy_with_a_head_of(1024 if i else head, n)
            assert len(content) == (1024 if i else head) + 8 * n
            archive.writestr(f"a{i}.npy", content)
    if head > 1024:
        with pytest.raises(ValueError, match="bytes of data, too many for this network"):
            read_arrays(tmp_path / "w.npz", most=sum(numbers))
    else:
        arrays = read_arrays(tmp_path / "w.npz", most=sum(numbers))
        assert [array.tolist() for array in arrays.values()] == [[*range(n)] for n in numbers]


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, **weights())
    for length in range(0, len(whole.getvalue()), 7):
        (tmp_path / "w.npz").write_bytes(whole.getvalue()[:length])
        with pytest.raises(ValueError, match="expected a .npz file"):
            network().load(tmp_path / "w.npz")


@pytest.mark.parametrize("name, error", [("none", FileNotFoundError), (".", ValueError)])
def test_what_is_no_file_of_weights_is_named(tmp_path, name, error):
    with pytest.raises(error, match="expected a"):
        network().load(tmp_path / name)


def test_an_npy_file_is_not_taken_for_weights(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    with pytest.raises(ValueError, match="expected a .npz file"):
        network().load(tmp_path / "w.npy")


def test_a_crash_while_writing_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    network(seed=0).save(path)
    before = path.read_bytes()

    def crash(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match=r"w.npz: .*No space left on device"):
        network(seed=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_weights_that_have_diverged_are_not_saved(tmp_path):
    net = network()
    net.layers["Affine1"].W[0, 0] = np.nan
    with pytest.raises(ValueError, match="nan or inf in W1; not saved"):
        net.save(tmp_path / "w.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        network().save(tmp_path / "nowhere" / "w.npz")


def test_deep_networks_are_saved_too(tmp_path):
    saved, other = (MultiLayerNet(3, [4, 5, 6], 2, rng=seed) for seed in (0, 1))
    saved.save(tmp_path / "w.npz")
    other.load(tmp_path / "w.npz")
    x = np.ones((1, 3))
    np.testing.assert_array_equal(other.predict(x), saved.predict(x))
