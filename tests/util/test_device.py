"""Devices: CPU, GPU, or a clear error."""

import os
import warnings

import pytest
import torch

from hump.errors import ParameterError
from hump.util import device


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        (True, {"auto": "cuda", "cuda": "cuda", "cpu": "cpu"}),
        (False, {"auto": "cpu", "cpu": "cpu"}),
    ],
)
def test_auto_is_the_gpu_where_there_is_one(monkeypatch, gpu, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert {name: device.resolve(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tpu", "device='tpu': choose auto, cpu or cuda"),
        ("cuda", "finds no GPU; choose auto or cpu"),
    ],
)
def test_unknown_device_and_missing_gpu_are_errors(monkeypatch, name, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match=message):
        device.resolve(name)
    with pytest.raises(ParameterError, match=message):
        device.describe(name)


def test_a_gpu_is_kept_exact_and_as_it_was(monkeypatch):
    def state():
        cudnn = torch.backends.cudnn
        return (torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.deterministic,
                torch.get_deterministic_debug_mode(),
                torch.utils.deterministic.fill_uninitialized_memory,
                len(warnings.filters))  # fmt: skip

    before = state()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(ZeroDivisionError), device.exact():
        assert state()[:5] == ("highest", False, True, 1, False)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        raise ZeroDivisionError
    assert state() == before


def test_seeded_draws_repeat_and_leave_others_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    drawn = []
    for _ in range(2):
        with device.seeded(8):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn) and torch.equal(torch.rand(3), wanted)


def test_gpu_has_bfloat16_and_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    assert device.describe("auto") == "a GPU" and device.describe("cpu") == "cpu"
    assert device.has_bfloat16("cuda")


def test_a_gpu_is_shared_by_as_many_processes_as_it_has_memory_for(monkeypatch):
    assert device.shares("cpu") is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for free, count in ((7.9, 7), (1.0, 1), (0.3, 1)):
        room = int(free * 2**30), 8 * 2**30
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda room=room: room)
        assert device.shares("cuda") == count
