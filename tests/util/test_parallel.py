"""How many processes are used, and how many threads in each."""

import os

import pytest
import torch

from hump.errors import ParameterError
from hump.util import parallel


def test_workers_by_default(monkeypatch):
    monkeypatch.delenv("HUMP_WORKERS", raising=False)
    assert parallel.workers() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("HUMP_WORKERS", "")
    assert parallel.workers() == len(os.sched_getaffinity(0))


def test_workers_by_choice(monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "3")
    assert parallel.workers() == 3
    for wrong in ("0", "two", "-1", "1.5"):
        monkeypatch.setenv("HUMP_WORKERS", wrong)
        with pytest.raises(ParameterError, match=f"HUMP_WORKERS='{wrong}'.*at least 1"):
            parallel.workers()


def test_one_thread_puts_the_number_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), parallel.one_thread():
            assert torch.get_num_threads() == 1
            1 / 0  # noqa: B018
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
