"""Jobs: kept, resumed, and the same whatever the number of processes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hump.experiments import runner

OFFSET = 1


def square(n, offset=OFFSET):
    torch.manual_seed(n)
    return {"value": n**2 + offset, "sum": torch.randn(1000).sum().item()}


def fail_on_two(n, log):
    with Path(log).open("a") as file:
        file.write(f"{n}\n")
    if n == 2:
        raise ValueError("two is not to be had")
    return n


def total(values):
    return float(values.sum())


def computed(data):
    return sorted({"moments", "pooled"} & set(vars(data)))


CALLS = [{"n": n} for n in range(4)]


@pytest.fixture
def run(params, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    return lambda function=square, calls=CALLS: runner.run(function, calls, params, label="test")


def kept(params):
    return sorted((params.cache / "jobs").iterdir())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_results_in_order_and_alike(run, monkeypatch, workers):
    monkeypatch.setenv("HUMP_WORKERS", workers)
    results = run()
    assert [r["value"] for r in results] == [1, 2, 5, 10]
    assert results == [json.loads(json.dumps(square(**call))) for call in CALLS]


def test_processes_are_no_more_than_cores_jobs_or_the_gpu_has_room_for(run, monkeypatch):
    numbers, parallel = [], runner.Parallel

    def watched(n_jobs, **options):
        numbers.append(n_jobs)
        return parallel(n_jobs=1, **options)

    monkeypatch.setattr(runner, "Parallel", watched)
    monkeypatch.setenv("HUMP_WORKERS", "8")
    for room in (None, 3, 16):
        monkeypatch.setattr(runner.device, "shares", lambda name, room=room: room)
        run(calls=[{"n": 100 * (room or 0) + n} for n in range(5)])
    assert numbers == [5, 3, 5]


def test_jobs_find_computed_what_all_of_them_need_of_a_corpus(run, make_data):
    assert run(computed, [{"data": make_data()}]) == [["moments", "pooled"]]


def test_finished_jobs_are_not_repeated(run, params):
    run()
    for file in kept(params):
        file.write_text('"kept"')
    assert run() == ["kept"] * 4
    assert run(calls=[{"n": 1, "offset": 7}])[0]["value"] == 8


@pytest.mark.parametrize("damage", ["", '{"value": 1'])
def test_a_damaged_result_is_computed_again(run, params, damage):
    expected = run()
    kept(params)[2].write_text(damage)
    assert run() == expected


def test_changed_code_repeats_jobs(run, params, monkeypatch):
    run()
    runner._version.cache_clear()
    monkeypatch.setattr(runner.code, "version", lambda *names, **more: "edited")
    run()
    runner._version.cache_clear()
    assert len(kept(params)) == 8


def test_after_a_failure_the_rest_goes_on(run, tmp_path):
    log = tmp_path / "calls.txt"
    calls = [call | {"log": str(log)} for call in CALLS]
    for _ in range(2):
        with pytest.raises(ValueError, match="two is not to be had"):
            run(fail_on_two, calls)
    assert log.read_text().split() == ["0", "1", "2", "2"], "0 and 1 are kept"


def test_contents_of_arguments_name_a_job(run, params):
    """Equal arrays, one result; another value, type or shape, another."""
    arrays = [np.ones(4), np.ones(4), np.ones(4, np.float32), np.ones((2, 2)), np.zeros(4)]
    assert run(total, [{"values": array} for array in arrays]) == [4.0, 4.0, 4.0, 4.0, 0.0]
    assert len(kept(params)) == 4


def test_data_and_parameters_name_a_job_by_what_it_may_read(make_data, params):
    call = {"data": make_data(), "params": params.only("seed", "model")}
    same = {"data": make_data(), "params": params.only("seed", "model")}
    other_study = params.model_copy(update={"study": "another", "seed": params.seed + 1})
    keys = [
        runner._key(square, one, {})
        for one in (
            call,
            same,
            call | {"data": make_data(seed=1)},
            call | {"params": other_study.only("seed", "model")},
            call | {"params": other_study.only("model")},
        )
    ]
    assert keys[0] == keys[1] and len(set(keys)) == 4


def test_what_has_no_content_is_refused(run):
    with pytest.raises(TypeError, match="object: a job cannot be named by such an argument"):
        run(total, [{"values": object()}])
