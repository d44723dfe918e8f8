import errno
import os

import numpy as np
import pytest

from hump.errors import FeatureError
from hump.features import parts, store


def write(folder, arrays, dtype="float32", name="toy"):
    store.write(folder, name, arrays, shape=arrays[0].shape[1:], dtype=dtype,
                lengths=[len(array) for array in arrays], about={"stream": "toy"})


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, 2, 3)).astype(np.float32) for n in (4, 1, 0, 7)]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_read(tmp_path, arrays, dtype):
    write(tmp_path, arrays, dtype)
    found = store.read(tmp_path, "toy")
    assert len(found) == 4
    assert found.lengths.tolist() == [4, 1, 0, 7]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.json", "toy.npy"]
    for array, expected in zip(found, arrays, strict=True):
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, expected.astype(dtype))
    np.testing.assert_array_equal(found[-1], arrays[-1].astype(dtype))


def test_arrays_are_read_only_views_of_the_file(tmp_path, arrays):
    write(tmp_path, arrays)
    found = store.read(tmp_path, "toy")
    assert np.shares_memory(found[0], found.values)
    assert isinstance(found.values.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0, 0, 0] = 1
    with pytest.raises(IndexError):
        found[4]


def test_lengths_must_add_up(arrays):
    with pytest.raises(FeatureError, match=r"lengths add up to 3 rows, the values have 4"):
        store.Ragged(arrays[0], [1, 2])


def test_nothing_stored_is_none(tmp_path):
    assert store.read(tmp_path, "toy") is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "index"])
def test_damage_is_found(tmp_path, arrays, damage):
    write(tmp_path, arrays)
    assert store.read(tmp_path, "toy") is not None
    data = tmp_path / "toy.npy"
    content = bytearray(data.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        data.write_bytes(content)
        os.utime(data, ns=(1, 1))
    elif damage == "truncate":
        data.write_bytes(content[:-4])
    elif damage == "remove":
        data.unlink()
    else:
        (tmp_path / "toy.json").write_text('{"sha256": 3')
    with pytest.warns(UserWarning, match=r"toy\.npy: is damaged .*computed again"):
        assert store.read(tmp_path, "toy") is None


def test_checksum_is_verified_once(tmp_path, arrays, monkeypatch):
    write(tmp_path, arrays)
    store.read(tmp_path, "toy")
    monkeypatch.setattr(store.hashlib, "file_digest", None)
    assert store.read(tmp_path, "toy") is not None


def test_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), store.atomic(path, needed=3) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_says_where_and_how_much(tmp_path, arrays, monkeypatch, code):
    def full(_descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store.os, "fsync", full)
    big = [np.zeros((2**18, 2), np.float32)]
    with pytest.raises(FeatureError, match=rf"{tmp_path}: the disk is full: 2\.0 MiB .*free some"):
        write(tmp_path, big)
    with pytest.raises(FeatureError, match="the disk is full: 2.0 MiB"):
        parts.write(tmp_path / "0.npz", big)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_disk_pass(tmp_path):
    with pytest.raises(PermissionError), store.atomic(tmp_path / "file", needed=1):
        raise PermissionError(errno.EACCES, "not yours")


def test_parts(tmp_path, arrays):
    path = tmp_path / "parts" / parts.name(range(4))
    assert not parts.usable(path, range(4))
    parts.write(path, arrays)
    assert parts.usable(path, range(4))
    assert not parts.usable(path, range(5))
    assert parts.lengths(path).tolist() == [4, 1, 0, 7]
    np.testing.assert_array_equal(parts.values(path), np.concatenate(arrays))
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"npz: is damaged .*computed again"):
        assert not parts.usable(path, range(4))


@pytest.mark.parametrize("n", [0, 1, parts.UTTERANCES, parts.UTTERANCES + 1])
def test_parts_cover_all_rows(n):
    found = parts.ranges([2.0] * n)
    assert [row for rows in found for row in rows] == list(range(n))
    assert len(found) == -(-n // parts.UTTERANCES)


def test_parts_are_bounded_by_seconds():
    limit = parts.SECONDS
    assert parts.ranges([limit / 2, limit / 2, 1, limit + 1, 1]) == [
        range(0, 2), range(2, 3), range(3, 4), range(4, 5)
    ]
