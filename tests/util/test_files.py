"""Files: whole or not at all, locked by one, hashed by contents."""

import errno
import os
import subprocess
import sys

import pytest

from hump.errors import DiskFullError, HumpError
from hump.util import files, text


def test_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError, match="stop"), files.atomic(path) as file:
        file.write(b"new, but not all of it")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_names_the_file_and_what_to_do(tmp_path, monkeypatch, code):
    def full(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"table\.csv: cannot be written.*free some space"):
        files.write_text(tmp_path / "table.csv", "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("write", [files.lock, files.atomic])
def test_what_may_not_be_written_is_named(tmp_path, monkeypatch, write, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.Path, "open", refuse)
    expected = rf"table\.csv: {os.strerror(code)}; make it readable and writable, or move"
    with pytest.raises(HumpError, match=expected), write(tmp_path / "table.csv"):
        pass


def test_damaged_json_is_as_none(tmp_path):
    path = tmp_path / "kept.json"
    assert files.read_json(path) is None
    for damage in (b"", b'{"a": 1', b"\xff\xfe"):
        path.write_bytes(damage)
        assert files.read_json(path) is None
    path.write_bytes(b'{"a": 1}')
    assert files.read_json(path) == {"a": 1}


def test_lock_is_held_by_one_and_freed_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "lock"
    holder = "import sys, time; from hump.util import files\n"
    holder += f"with files.lock({str(path)!r}):\n    print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError), files.lock(path, wait=False):
            pass
        process.kill()
        process.wait()
    with files.lock(path, wait=False):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_work_is_done_and_that_is_said(tmp_path, monkeypatch, capsys, code):
    def refuse(file, how):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    for wait in (True, False):
        with files.lock(tmp_path / "lock", wait=wait) as held:
            assert held.fileno()
    told = f"{tmp_path}/lock: its file system has no locks; run one process at a time here\n"
    assert capsys.readouterr().err == 2 * told
    code = errno.EBADF
    with pytest.raises(OSError, match=os.strerror(code)), files.lock(tmp_path / "lock"):
        pass


def test_a_home_that_cannot_be_written_has_caches_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {"HF_HOME": "mine", "XDG_CACHE_HOME": str(tmp_path / "x")})
    files.find_caches()
    assert os.environ == {"HF_HOME": "mine", "XDG_CACHE_HOME": str(tmp_path / "x")}
    os.environ["XDG_CACHE_HOME"] = "/proc/nothing"
    files.find_caches()
    for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR", "XDG_CACHE_HOME"):
        assert os.access(os.environ[name], os.W_OK) and os.environ[name] != "/proc/nothing"
    assert os.environ["HF_HOME"] == "mine"


def test_sha256_is_the_published_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(tmp_path / "abc") == known


def test_numbers_as_a_person_would_write_them():
    assert [text.duration(s) for s in (41.6, 185, 3600)] == ["42 s", "3 min 05 s", "60 min 00 s"]
    assert [text.percent(share) for share in (0.33, 1, 0.125)] == ["33 %", "100 %", "12.5 %"]
    assert text.interval(0.7621, 0.68, 0.8) == "0.762 [0.680, 0.800]"
    assert text.interval(-0.0001, -0.2, 0.1, sign=True) == "+0.000 [-0.200, +0.100]"
