"""A study run anew is compared table by table, and the exit status says whether it reproduces."""

import json

import numpy as np
import pandas as pd
import pytest

import hump
from hump.errors import HumpError
from hump.params import ROOT
from hump.run import publish, steps, verify
from hump.util import files


def cells(shift=0.0, *, chosen="a", rows=4, trained=True):
    return pd.DataFrame({
        "corpus": [f"c{k}" for k in range(rows)], "uar": np.linspace(0.4, 0.7, rows) + shift,
        "utterances": 96, "chosen": chosen, "trained": trained,
    })  # fmt: skip


def claims(verdict="supported"):
    return pd.DataFrame({"kind": "number", "claim": ["one", "two"], "detail": ["", "c"],
                         "verdict": ["not run", verdict]})  # fmt: skip


def main(uar):
    return pd.DataFrame({"corpus": ["c"], "data": ["10 %"], "HuMP-CAT": [f"{uar:.3f} [0.1, 0.9]"]})


def write(folder, **tables):
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    return {name: folder / "tables" / f"{name}.csv" for name in tables}


@pytest.fixture
def published(tmp_path, params):
    """Results of the smoke study, as `publish` leaves them."""
    folder = tmp_path / "published" / "smoke"
    write(folder, cells=cells(), same=cells(), claims=claims(), main=main(0.5))
    statement = publish._statement(params, folder)
    (folder / "published.json").write_text(json.dumps(statement))
    return folder


@pytest.fixture
def noise(tmp_path):
    """Seeds move UAR by a standard deviation of 0.01, and what is chosen not at all."""
    runs = [write(tmp_path / str(shift), cells=cells(shift), same=cells(), claims=claims(),
                  main=main(0.5 + shift)) for shift in (-0.01, 0.0, 0.01)]  # fmt: skip
    return verify.noise(runs, runs[1])


def run(monkeypatch, folder, tmp_path, **tables):
    anew = write(tmp_path / "anew", **tables)
    monkeypatch.setattr(verify, "ROOT", tmp_path)
    monkeypatch.setattr(verify, "_run", lambda params, seed: anew)
    status = verify.verify(folder)
    page = next((tmp_path / "results" / "verify").rglob(verify.PAGE)).read_text()
    return status, page


def test_noise_is_the_deviation_between_seeds(noise):
    known = noise.set_index(["table", "column"])["deviation"]
    assert known["cells", "uar"] == pytest.approx(0.01) == known["main", "HuMP-CAT"]
    assert known["cells", "utterances"] == known["cells", "chosen"] == 0
    assert known["same", "uar"] == pytest.approx(0)


def test_what_seeds_do_not_touch_may_differ_by_twice_what_last_digits_did(tmp_path):
    far = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.5, 0.4, 0.3]})
    sure = {"same": cells(), "history": far[:2], "none": far[:0]}
    runs = [write(tmp_path / "own", **sure), write(tmp_path / "seed", **sure | {"history": far})]
    digits = write(tmp_path / "digits", **sure | {"same": cells(0.005, trained=False)})
    known = verify.noise(runs, digits).set_index(["table", "column"])
    assert "none" not in known.index and known.loc[("same", "uar"), "deviation"] == 0
    assert known.loc[("same", "uar"), "digits"] == pytest.approx(0.005)
    for shift, verdict in ((-0.009, verify.WITHIN), (-0.011, verify.OTHER)):
        anew = write(tmp_path / str(shift), **sure | {"same": cells(shift)})
        found = verify.compare(runs[0], anew, known.reset_index()).set_index("what")["verdict"]
        assert found["same.csv"] == verdict and found["history.csv"] == verify.IDENTICAL


def test_what_is_infinite_or_true_on_both_sides_is_equal(published, noise, monkeypatch, tmp_path):
    same = {"cells": cells().assign(prior=np.inf), "claims": claims(), "main": main(0.5)}
    write(published, **same)
    (published / "published.json").unlink()
    statement = publish._statement(hump.load_params("params/smoke.yaml"), published)
    (published / "published.json").write_text(json.dumps(statement))
    noise.to_csv(published / publish.NOISE, index=False)
    moved = {"cells": cells(0.02).assign(prior=np.inf), "same": cells()}
    status, page = run(monkeypatch, published, tmp_path, **same | moved)
    assert (
        status == 0 and "| cells.csv | within the noise of seeds | largest difference, uar" in page
    )


def test_seeds_are_run_once_each_and_other_digits_once(published, monkeypatch):
    asked = []

    def run(params, seed, *, digits=False):
        asked.append((seed, digits))
        shift = 0.004 if digits else 0.01 * (seed - 1)
        return write(published.parent / f"{seed}{digits}", cells=cells(shift))

    monkeypatch.setattr(verify, "_run", run)
    assert verify.verify(published, seeds=(2, 3)) == 0
    assert sorted(asked) == [(1, True), (2, False), (3, False)]
    known = pd.read_csv(published / publish.NOISE).set_index(["table", "column"])
    assert known.loc[("cells", "uar")].tolist() == pytest.approx([0.01, 0.004])


def test_everything_identical(published, noise, monkeypatch, tmp_path):
    same = {"cells": cells(), "same": cells(), "claims": claims(), "main": main(0.5)}
    status, page = run(monkeypatch, published, tmp_path, **same)
    assert status == 0 and "**4** identical; **0** within" in page


def test_what_differs_less_than_seeds_reproduces(published, noise, monkeypatch, tmp_path):
    noise.to_csv(published / publish.NOISE, index=False)
    close = {"cells": cells(0.02).sample(frac=1, random_state=0), "same": cells(),
             "claims": claims(), "main": main(0.52)}  # fmt: skip
    status, page = run(monkeypatch, published, tmp_path, **close)
    assert status == 0 and "**2** identical; **2** within the noise of seeds; **0**" in page
    assert "| cells.csv | within the noise of seeds | largest difference, uar: 0.02;" in page


@pytest.mark.parametrize(("changes", "said"), [
    ({"cells": cells(0.1)}, "| cells.csv | does not reproduce | largest difference, uar: 0.1;"),
    ({"same": cells(1e-6)}, "| same.csv | does not reproduce |"),
    ({"cells": cells(chosen="b")}, "chosen: 100 % of rows; allowed 0"),
    ({"cells": cells(rows=3)}, "| cells.csv | does not reproduce | other rows or columns |"),
    ({"claims": claims("contradicted")},
     "| claim: number, two, c | does not reproduce | published supported, now contradicted |"),
    ({"cells": cells().assign(uar=np.nan)}, "largest difference, uar: inf;"),
    ({"main": main(0.7)}, "| main.csv | does not reproduce | largest difference, HuMP-CAT: 0.2;"),
])  # fmt: skip
def test_what_does_not_reproduce(published, noise, monkeypatch, tmp_path, changes, said):
    noise.to_csv(published / publish.NOISE, index=False)
    same = {"cells": cells(), "same": cells(), "claims": claims(), "main": main(0.5)}
    status, page = run(monkeypatch, published, tmp_path, **same | changes)
    assert status == 1 and said in page


def test_a_missing_table_and_unmeasured_noise(published, monkeypatch, tmp_path):
    status, page = run(monkeypatch, published, tmp_path, same=cells(1e-6), claims=claims())
    assert status == 1 and "| cells.csv | does not reproduce | the run has no such table |" in page
    assert "The noise of seeds has not been measured" in page
    assert "| same.csv | does not reproduce |" in page


def test_files_that_are_not_as_published_are_refused(published, tmp_path):
    table = published / "tables" / "cells.csv"
    table.write_text(table.read_text().replace("0.4", "0.9"))
    with pytest.raises(HumpError, match="cells.csv: missing or changed since it was published"):
        verify.verify(published)
    with pytest.raises(HumpError, match="no results; give a folder with tables/"):
        verify.verify(tmp_path / "nowhere")


def test_the_statement_names_machine_parameters_and_every_file(published):
    said = json.loads((published / "published.json").read_text())
    assert set(said["files"]) == {f"tables/{n}.csv" for n in ("cells", "same", "claims", "main")}
    assert {"processor", "system", "python", "cores", "device", "settings"} == set(said["machine"])
    own = publish.parameters(published)
    assert own == hump.load_params(ROOT / "params" / "smoke.yaml")


def test_a_run_anew_has_folders_of_its_own(params, monkeypatch, tmp_path):
    called = []

    def fake(command, *, env, **_):
        called.append((command, env))
        settings = hump.load_params(command[-1])
        monkeypatch.setenv("HUMP_RESULTS", env["HUMP_RESULTS"])
        monkeypatch.setenv("HUMP_CACHE", env["HUMP_CACHE"])
        settings.cache.mkdir(parents=True)
        write(settings.results, cells=cells(settings.seed))
        files.write_text(settings.results / steps.RECORDS / "01_data.json", "{}")
        return type("Done", (), {"returncode": len(called) - 1})

    monkeypatch.setattr(verify, "ROOT", tmp_path)
    monkeypatch.setattr(verify.subprocess, "run", fake)
    tables = verify._run(params, 7)
    assert tables["cells"] == tmp_path / "results/verify/smoke-seed7/smoke/tables/cells.csv"
    assert called[0][0][1:4] == ["-m", "hump", "run"]
    own = "verify/smoke-seed7"
    for kept in (f"cache/{own}", f"results/{own}/smoke/{steps.RECORDS}"):
        assert not (tmp_path / kept).exists(), "the next one starts from nothing"
    with pytest.raises(HumpError, match="study=smoke: the run with seed 8 failed"):
        verify._run(params, 8, digits=True)
    assert called[1][1]["ATEN_CPU_CAPABILITY"] == "default"
    assert called[1][1]["HUMP_CACHE"].endswith("smoke-seed8-digits")


def test_results_of_another_version_are_said_to_be(published):
    file = published / "published.json"
    statement = json.loads(file.read_text())
    statement["parameters"]["finetune"]["repeats"] = 3
    file.write_text(json.dumps(statement))
    with pytest.raises(HumpError, match=r"by another version, with other parameters \(finetune.re"):
        publish.parameters(published)
