import errno
import os

import numpy as np
import pytest

from hump.errors import DiskFullError, FeatureError
from hump.features import store
from hump.util import files


def write(folder, arrays, dtype="float32", name="toy"):
    store.write(
        folder,
        name,
        arrays,
        shape=arrays[0].shape[1:],
        dtype=dtype,
        lengths=[len(array) for array in arrays],
        about={"stream": "toy"},
    )


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n, 2, 3)).astype(np.float32) for n in (4, 1, 0, 7)]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_read(tmp_path, arrays, dtype):
    write(tmp_path, arrays, dtype)
    stored = store.read(tmp_path, "toy")
    assert len(stored) == 4
    assert stored.lengths.tolist() == [4, 1, 0, 7]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.json", "toy.npy"]
    for array, expected in zip(stored, arrays, strict=True):
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, expected.astype(dtype))
    np.testing.assert_array_equal(stored[-1], arrays[-1].astype(dtype))


def test_arrays_are_read_only_views_of_the_file(tmp_path, arrays):
    write(tmp_path, arrays)
    stored = store.read(tmp_path, "toy")
    assert np.shares_memory(stored[0], stored.values)
    assert isinstance(stored.values.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        stored[0][0, 0, 0] = 1
    with pytest.raises(IndexError):
        stored[4]


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
    monkeypatch.setattr(store.files, "sha256", None)
    assert store.read(tmp_path, "toy") is not None


def test_full_disk_leaves_nothing_behind(tmp_path, arrays, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(DiskFullError, match=rf"{tmp_path}/toy\.npy: .*disk is full.*is kept"):
        write(tmp_path, arrays)
    with pytest.raises(DiskFullError, match=r"0\.npz: cannot be written, the disk is full"):
        store.write_part(tmp_path / "0.npz", arrays)
    assert list(tmp_path.iterdir()) == []


def test_parts(tmp_path, arrays):
    path = tmp_path / "parts" / "0.npz"
    assert not store.is_usable(path, range(4))
    store.write_part(path, arrays)
    assert store.is_usable(path, range(4))
    assert not store.is_usable(path, range(5))
    assert store.read_part(path, "lengths").tolist() == [4, 1, 0, 7]
    np.testing.assert_array_equal(store.read_part(path, "values"), np.concatenate(arrays))
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"npz: is damaged .*computed again"):
        assert not store.is_usable(path, range(4))


@pytest.mark.parametrize("n", [0, 1, store.UTTERANCES, store.UTTERANCES + 1])
def test_parts_cover_all_rows(n):
    parts = store.parts([2.0] * n)
    assert [row for rows in parts for row in rows] == list(range(n))
    assert len(parts) == -(-n // store.UTTERANCES)


def test_parts_are_bounded_by_seconds():
    limit = store.SECONDS
    assert store.parts([limit / 2, limit / 2, 1, limit + 1, 1]) == [
        range(0, 2),
        range(2, 3),
        range(3, 4),
        range(4, 5),
    ]
