"""How many processes are used."""

import os

import pytest

from hump import cores
from hump.errors import ParameterError


def test_workers_by_default(monkeypatch):
    monkeypatch.delenv("HUMP_WORKERS", raising=False)
    assert cores.workers() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("HUMP_WORKERS", "3")
    assert cores.workers() == 3
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv("HUMP_WORKERS", wrong)
        with pytest.raises(ParameterError, match=f"HUMP_WORKERS='{wrong}'.*at least 1"):
            cores.workers()
