"""Jobs: kept, resumed, and the same whatever the number of processes."""

import json

import pytest
import torch

from hump import jobs


def square(task, offset):
    torch.manual_seed(task["n"])
    return {"value": task["n"] ** 2 + offset, "sum": torch.randn(1000).sum().item()}


def fail_on_two(task, calls):
    with open(calls, "a") as file:
        file.write(f"{task['n']}\n")
    if task["n"] == 2:
        raise ValueError("two is not to be had")
    return task["n"]


TASKS = [{"n": n} for n in range(4)]


def run(folder, **changes):
    settings = {"shared": {"offset": 1}, "key": ["k"], "folder": folder, "label": "test"}
    return jobs.run(square, TASKS, **(settings | changes))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_results_in_order_and_alike(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("HUMP_WORKERS", workers)
    results = run(tmp_path)
    assert [r["value"] for r in results] == [1, 2, 5, 10]
    assert results == [json.loads(json.dumps(square(t, 1))) for t in TASKS]


def test_finished_jobs_are_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    run(tmp_path)
    for file in tmp_path.iterdir():
        file.write_text('"kept"')
    assert run(tmp_path) == ["kept"] * 4
    assert run(tmp_path, key=["other"])[0] != "kept"


def test_changed_code_repeats_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    run(tmp_path)
    monkeypatch.setattr(jobs, "code_version", lambda: "edited")
    run(tmp_path)
    assert len(list(tmp_path.iterdir())) == 8


def test_after_a_failure_the_rest_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    calls = tmp_path / "calls.txt"
    settings = {"shared": {"calls": str(calls)}, "key": [], "folder": tmp_path / "j", "label": "t"}
    with pytest.raises(ValueError, match="two is not to be had"):
        jobs.run(fail_on_two, TASKS, **settings)
    with pytest.raises(ValueError, match="two is not to be had"):
        jobs.run(fail_on_two, TASKS, **settings)
    assert calls.read_text().split() == ["0", "1", "2", "2"], "0 and 1 are kept"


def test_every_module_of_the_code_version_exists():
    assert len(jobs.code_version()) == 64
