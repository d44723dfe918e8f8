"""A run of a study, with a stand-in for Snakemake: what it reads, keeps, refuses and says."""

import pytest

import hump
from hump.errors import HumpError
from hump.run import steps, study
from hump.util import files

SMOKE = (files.ROOT / "params" / "smoke.yaml").read_text(encoding="utf-8")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Run the smoke study; `during` is called while it runs."""
    monkeypatch.setattr("hump.params.schema.ROOT", tmp_path)
    monkeypatch.setattr(steps.code, "version", lambda *_, **__: "the same code")
    monkeypatch.chdir(tmp_path)

    def run(text=SMOKE, name="mine.yaml", during=lambda: None, only=None, arguments=()):
        (tmp_path / name).write_text(text, encoding="utf-8")

        def snakemake(command, lock, messages):
            read_from = next(word for word in command if word.startswith("params_file="))
            params = hump.load_params(files.ROOT / read_from.removeprefix("params_file="))
            for step in steps.plan(params):
                if steps.is_current(step, params) or only and step.name != only:
                    continue
                read = steps.read_by(step, params)
                during()
                for file in step.makes:
                    files.write_text(params.results / file, f"{file} of seed {params.seed}")
                steps.remember(step, params, read)
            return 0

        monkeypatch.setattr(study, "_call", snakemake)
        return study.run(hump.load_params(name), name, list(arguments))

    return run


def made(folder):
    return {path.name: path.read_text() for path in (folder / "results/smoke/tables").iterdir()}


def test_parameters_are_those_of_the_beginning(begin, tmp_path, capsys):
    changed = SMOKE.replace("seed: 1", "seed: 2", 1)
    assert begin(during=lambda: (tmp_path / "mine.yaml").write_text(changed)) == 0
    assert all(text.endswith("of seed 1") for text in made(tmp_path).values())
    assert "mine.yaml has changed meanwhile; this was run: " in capsys.readouterr().out
    assert (tmp_path / "results/smoke/params.yaml").read_text() == SMOKE
    assert begin(changed) == 0, "the same file may replace its results"
    assert all(text.endswith("of seed 2") for text in made(tmp_path).values())


def test_what_changed_meanwhile_is_run_again(begin, tmp_path, monkeypatch, capsys):
    texts = iter(["first", "second"])
    monkeypatch.setattr(steps, "key", lambda step, params: f"{step.name} {text[0]}")
    text = [next(texts)]

    def edit():
        text[0] = next(texts, "second")

    assert begin(during=edit) == 0
    told = capsys.readouterr().out
    assert "Changed meanwhile, so run again: 01_data" in told
    assert told.endswith("Results: " + str(tmp_path / "results/smoke/site/index.html") + "\n")


def test_results_of_another_file_are_not_replaced(begin, tmp_path):
    assert begin() == 0
    before = made(tmp_path)
    changed = SMOKE.replace("seed: 1", "seed: 2", 1)
    with pytest.raises(
        HumpError, match="holds the results of .*mine.yaml.*a study name of its own"
    ):
        begin(changed, "other.yaml")
    assert made(tmp_path) == before
    assert begin("# Reworded.\n" + SMOKE, "other.yaml") == 0, "they would be the same"


def test_it_names_results_only_where_there_are(begin, capsys):
    assert begin(only="01_data", arguments=["--until", "01_data"]) == 0
    told = capsys.readouterr().out
    assert "Not yet run: 02_features, 03_pretrain, 04_finetune_demo_german" in told
    assert "index.html" not in told
    assert begin(arguments=["--cores", "1"]) == 0
    assert "index.html" in capsys.readouterr().out


def test_half_files_of_a_killed_run_are_removed(begin, tmp_path):
    left = tmp_path / "results/smoke/tables/.main.csv.0123.partial"
    files.write_text(left, "half")
    assert begin() == 0
    assert not left.exists()


def test_an_error_that_a_step_did_not_explain_is_shown():
    failed = "RuleException:\n'... hump step' returned non-zero exit status 1.\n"
    trace = "Traceback (most recent call last):\n  File x\nKeyError: 'b'\n"
    assert study._explain(failed) == ""
    assert study._explain("Building DAG\n" + trace + failed) == trace
