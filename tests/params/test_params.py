"""Parameter files: everything wrong with a file is named at once, with what is allowed."""

import pickle
from pathlib import PurePath

import pytest
import yaml

import hump
from hump import corpora
from hump.errors import ParameterError
from hump.params import ROOT, folders
from hump.training import fit
from hump.util import code

FILES = sorted((ROOT / "params").glob("*.yaml"))


@pytest.fixture
def raw():
    return yaml.safe_load((ROOT / "params" / "demo.yaml").read_text())


@pytest.fixture
def load(tmp_path):
    def _load(raw):
        file = tmp_path / "study.yaml"
        file.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw))
        return hump.load_params(file)

    return _load


def test_all_studies_are_there():
    assert {file.stem for file in FILES} == {
        "smoke", "demo", "open", "open_hubert", "plus", "ablations", "native", "paper"
    }  # fmt: skip


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_files_load_and_are_named_as_their_study(file):
    assert hump.load_params(file).study == file.stem


def test_object_is_frozen(raw, load):
    params = load(raw)
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 2
    with pytest.raises(ValueError, match="frozen"):
        params.model.width = 2


def test_open_study_is_ravdess_to_six_languages_with_enough_trainings():
    params = hump.load_params("params/open.yaml")
    assert params.corpus_names == ("ravdess", "emodb", "emovo", "casia", "urdu", "nemo", "tess")
    languages = {corpora.RECIPES[name].language for name in params.targets}
    assert languages == {"de", "it", "zh", "ur", "pl", "en"}
    few = {f: n for f, n in params.finetune.fractions.items() if f <= 0.1}
    assert set(few) == {0, 0.1} and min(few.values()) >= 8
    assert min(params.finetune.fractions.values()) >= 5
    assert PurePath(params.features.encoder).name == "whisper-base-3"
    assert not params.synthetic


def test_paper_study_is_iemocap_to_seven_corpora_in_five_languages():
    params = hump.load_params("params/paper.yaml")
    assert params.source == "iemocap" and len(params.targets) == 7
    assert {"emodb", "emovo"} <= set(params.targets)
    languages = {corpora.RECIPES[name].language for name in params.targets}
    assert languages == {"en", "de", "es", "it", "zh"}
    assert params.features.encoder == "facebook/hubert-base-ls960"


def test_paper_study_trains_as_the_paper_states():
    """Adam at 0.001 in batches of 32 for 50 epochs, and nothing that it does not mention."""
    params = hump.load_params("params/paper.yaml")
    for part in (params.pretrain, params.finetune):
        assert (part.optimizer, part.batch_size, part.epochs) == ("adam", 32, 50)
        assert (part.weight_decay, part.clip, part.balanced) == (0, 0, False)
    assert params.pretrain.learning_rate == params.finetune.learning_rate.pretrained == 0.001
    assert [fit.updates_of(params.finetune, rows) for rows in (64, 528, 529)] == [100, 850, 850]
    assert fit.updates_of(hump.load_params("params/demo.yaml").finetune, 528) == 30


def test_relative_path_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hump.load_params("params/demo.yaml").study == "demo"


def test_missing_file_names_those_that_exist():
    expected = r"nowhere\.yaml: no such parameter file; .*demo\.yaml"
    with pytest.raises(ParameterError, match=expected):
        hump.load_params("nowhere.yaml")


def test_every_problem_is_named_at_once(raw, load):
    raw["model"]["widht"] = raw["model"].pop("width")
    raw["pretrain"]["learning_rate"] = "1e-3"
    raw["finetune"]["fractions"] = {0: 1, 1.5: 1}
    raw["model"]["norm"] = "batch"
    raw["targets"] = ["demo_germna"]
    del raw["seed"]
    with pytest.raises(ParameterError) as caught:
        load(raw)
    message = str(caught.value)
    for part in (
        "study.yaml: 7 problems",
        "model.widht=64: unknown key; did you mean width?",
        "model.width: is missing",
        "seed: is missing; add it",
        'pretrain.learning_rate="1e-3": input should be a valid number (YAML reads this as text',
        'finetune.fractions.1.5="1.5": input should be less than or equal to 1',
        "model.norm=\"batch\": input should be 'pre' or 'post'",
        'targets.0="demo_germna": no such corpus; choose one of iemocap, emodb',
        "demo_mandarin, or list yours under corpora; did you mean demo_german?",
    ):
        assert part in message


def test_contradictions_are_named_beside_the_other_problems(raw, load):
    raw["study"] = "../x"
    raw["folds"] = {"demo_german": "x", "emodb": "y"}
    raw["model"]["heads"] = 5
    raw["finetune"] |= {"starts": ["scratch"], "protocols": ["paper"]}
    raw["fraction_curves"]["few_shot"]["draws"] = 0
    with pytest.raises(ParameterError) as caught:
        load(raw)
    message = str(caught.value)
    assert message.count("\n") == 7 and "7 problems" in message
    for part in (
        'study="../x": string should match',
        'folds.demo_german="x": no such folds; demo_german has none',
        'folds.emodb="y": emodb is neither source nor target',
        "model.heads=5: makes a model of width 64 and 5 heads",
        'finetune.protocols=["paper"]: must hold speaker_independent',
        'finetune.starts=["scratch"]: must hold pretrained',
        "fraction_curves.few_shot.draws=0: input should be greater than or equal to 1",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "demo_german"}, 'targets=.*: contradicts source="demo_german"'),
        ({"labels": "native"}, r"finetune.fractions=.*: 0 contradicts labels"),
        ({"targets": ["emodb", "emodb"]}, "targets=.*: holds a value twice"),
        ({"study": "../x"}, 'study="../x": string should match pattern'),
        ({"seed": 1.5}, r"seed=1.5: input should be a valid integer \(a whole number has no point"),
        ({"seed": 1.0}, r"seed=1.0: input should be a valid integer \(a whole number has no point"),
        ({"study": False}, r"study=false: input should be a valid string \(.* put it in quotes"),
        ({"targets": "emodb"}, r'targets="emodb": .*array \(put it in brackets: \[a, b\]'),
        ({"seed": "1"}, 'seed="1": input should be a valid integer .* no quotes'),
        ({"seed": True}, r"seed=true: input should be a valid integer \(true, yes and on are no"),
        ({"average_without": ["emodb"]}, 'average_without.0="emodb": is not one of targets=demo'),
        ({"leave_out": ["09_figures"]}, r'leave_out.0="09_figures": input should be .05_fusion'),
        ({"targets": []}, r"targets=\[\]: must hold at least one value"),
        ({"folds": {"iemocap": "speakers"}}, "folds.iemocap=.*: iemocap is neither source nor"),
        ({"folds": {"demo_german": "x"}}, 'folds.demo_german="x": no such folds; demo_german has'),
        ({"folds": {"../x": "y"}}, 'folds.../x="y": ../x is neither source nor target'),
        ({"source": "emodbb"}, 'source="emodbb": no such corpus; .*; did you mean emodb'),
        (
            {
                "finetune": {"fractions": {0.5: 1, 1: 1}},
                "leave_out": ["13_matrix"],
                "experiments": {"transfer": {"trainings": 2, "tuned": 0}},
            },
            "experiments.transfer.tuned=0: nothing is left for 12_transfer without 0 in finetune",
        ),
        (
            {"experiments": {"matrix": {"trainings": 2, "tuned": 3}}},
            "experiments.matrix.tuned=3: is more than matrix.trainings=2, of which it is part",
        ),
        ({"max_excluded": float("nan")}, "max_excluded=NaN: input should be a finite number"),
        (
            {"features": {"mfcc": {"frame_ms": 10, "hop_ms": 20, "window": "hann"}}},
            "features.mfcc.hop_ms=20: is longer than frame_ms=10",
        ),
        (
            {"features": {"mfcc": {"frame_ms": 40, "hop_ms": 32, "window": "hann"}}},
            "features.mfcc.hop_ms=32: input should be less than or equal to 31",
        ),
        ({"[key]": 1}, r"\[key\]=1: unknown key; allowed are study, "),
        (
            {"source": "iemocap", "folds": {"iemocap": "x"}},
            'folds.iemocap="x": no such folds; allowed are speakers, sessions',
        ),
    ],
)
def test_contradictions(raw, load, change, message):
    parts = ("features", "finetune", "experiments")
    change = change | {key: raw[key] | change[key] for key in parts if key in change}
    with pytest.raises(ParameterError, match=message):
        load(raw | change)


def test_heads_divide_width(raw, load):
    raw["model"]["heads"] = 5
    with pytest.raises(ParameterError, match="model.heads=5: makes a model of width 64 and 5"):
        load(raw)


def test_width_is_even(raw, load):
    raw["model"] |= {"width": 63, "heads": 3}
    with pytest.raises(ParameterError, match="model.width=63: input should be a multiple of 2"):
        load(raw)


@pytest.mark.parametrize(("change", "message"), [
    ({"width": [30]}, "experiments.architecture.width.0=30: makes a model of width 30 and 4 heads"),
    ({"heads": [3]}, "experiments.architecture.heads.0=3: makes a model of width 64 and 3 heads"),
    ({"width": [33]}, "experiments.architecture.width.0=33: input should be a multiple of 2"),
    ({"heads": [2, 2]}, r"experiments.architecture.heads=\[2, 2\]: holds a value twice"),
    ({"head": ["cosine"]}, "experiments.architecture.head.0=\"cosine\": input should be 'am_soft"),
])  # fmt: skip
def test_architectures_that_cannot_be_built(raw, load, change, message):
    raw["experiments"]["architecture"] |= change
    with pytest.raises(ParameterError, match=message):
        load(raw)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("protocols", ["paper"], r'finetune.protocols=\["paper"\]: must hold speaker_independent'),
        ("starts", ["scratch"], r'finetune.starts=\["scratch"\]: must hold pretrained'),
        ("fractions", {0: 1}, r"finetune.fractions=\{\"0.0\": 1\}: must hold one above 0"),
        ("epochs", 3, "finetune.epochs=3: one of updates and epochs says how long to train"),
        ("updates", None, "finetune.epochs=null: one of updates and epochs says how long to train"),
    ],
)
def test_finetuning_that_the_study_could_not_show(raw, load, key, value, message):
    raw["finetune"][key] = value
    with pytest.raises(ParameterError, match=message):
        load(raw)


def test_strategies_that_contradict_the_study(raw, load):
    raw["finetune"] |= {"strategy": "joint", "fractions": {0.1: 1, 1: 1}}
    with pytest.raises(ParameterError) as error:
        load(raw | {"labels": "native"})
    for key in ("finetune.strategy=", "fraction_curves.strategies.compared="):
        assert key in str(error.value)
    assert "joint contradicts labels=" in str(error.value)
    raw["plus"] |= {"sources": "others"}
    with pytest.raises(ParameterError, match='plus.sources="others": others contradicts labels'):
        load(raw | {"labels": "native"})
    raw["fraction_curves"]["strategies"]["compared"] = ["all", "l2sp"]
    with pytest.raises(ParameterError, match='compared=.*: must hold finetune.strategy="joint"'):
        load(raw)


def test_infinity_is_refused_wherever_a_number_may_stand(raw, load):
    def wrecked(value):
        if isinstance(value, dict):
            return {key: wrecked(part) for key, part in value.items()}
        if isinstance(value, list):
            return [wrecked(part) for part in value]
        return float("inf") if isinstance(value, float) else value

    numbers = str(wrecked(raw)).count("inf,") + str(wrecked(raw)).count("inf}")
    numbers += str(wrecked(raw)).count("inf]")
    with pytest.raises(ParameterError) as caught:
        load(wrecked(raw))
    assert numbers > 20 and str(caught.value).count("=Infinity: ") == numbers


@pytest.mark.parametrize("text", ["seed: 3\n", '"seed": 3\n', "more: {seed: 1, seed: 1}\n"])
def test_key_given_twice(raw, load, text):
    with pytest.raises(ParameterError, match=r"key 'seed' is given twice; keep one\n.*line \d+"):
        load(yaml.safe_dump(raw) + text)


def test_numbers_that_are_equal_are_one_key(raw, load):
    with pytest.raises(ParameterError, match=r"key '0\.10' is given twice; keep one"):
        load(yaml.safe_dump(raw) + "more: {0.1: 1, 0.10: 7}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("010", "YAML reads 010 as 8; write a plain decimal"),
        ("1:30", "YAML reads 1:30 as 90; "),
        ("0x1F", "YAML reads 0x1F as 31; "),
        ("1_000", "YAML reads 1_000 as 1000; "),
        ("1:30.5", r"YAML reads 1:30\.5 as 90\.5; "),
        ("1e3", 'seed="1e3": .*YAML reads this as text'),
        ("2020-01-01", 'seed="2020-01-01": .*YAML reads this as text'),
        ("=", 'seed="=": .*YAML reads this as text'),
    ],
)
def test_what_yaml_reads_otherwise_than_it_looks_is_refused(raw, load, text, message):
    with pytest.raises(ParameterError, match=message):
        load(yaml.safe_dump(raw).replace("\nseed: 1\n", f"\nseed: {text}\n"))


def test_a_merge_key_is_refused(raw, load):
    with pytest.raises(ParameterError, match=r"a merge key \(<<\) is not read; write the keys out"):
        load(yaml.safe_dump(raw) + "<<: {seed: 1}\n")


def test_plain_numbers_are_read(raw, load):
    text = yaml.safe_dump(raw).replace("\nseed: 1\n", "\nseed: +1\n")
    for value in ("1.0e-3", "1.e-3", ".001", "+0.001"):
        assert load(text.replace("0.01", value, 1)).seed == 1


def test_part_of_the_parameters(raw, load):
    whole = load(raw)
    part = whole.only("seed", "model", "finetune")
    assert (part.seed, part.model) == (whole.seed, whole.model)
    everything = whole.model_dump(mode="json")
    expected = {key: everything[key] for key in ("seed", "model", "finetune")}
    for planned in ("protocols", "fractions", "max_folds"):
        del expected["finetune"][planned]
    assert part.model_dump(mode="json") == expected
    assert pickle.loads(pickle.dumps(part)) == part != whole
    assert part.only("seed") == whole.only("seed") != part


def test_what_a_part_leaves_out_cannot_be_read(raw, load):
    part = load(raw).only("seed", "model")
    copy = part.model_copy(update={"seed": 2})
    for params in (part, copy, pickle.loads(pickle.dumps(part))):
        for key in ("source", "corpus_names", "finetune", "headline", "results"):
            with pytest.raises(AttributeError, match="'Params' object has no attribute '"):
                getattr(params, key)
    assert copy.seed == 2 and part.seed == 1
    with pytest.raises(KeyError, match="sede"):
        part.only("sede")


def test_fold_schemes_are_those_beside_the_recipes():
    assert folders.fold_schemes("iemocap") == ("speakers", "sessions")
    assert folders.fold_schemes("urdu") == folders.fold_schemes("demo_german") == ()
    files = (ROOT / "hump" / "corpora" / "recipes").glob("*.folds.csv")
    with_folds = {file.name.removesuffix(".folds.csv") for file in files}
    assert with_folds == {name for name in folders.CORPORA if folders.fold_schemes(name)}


def test_names_and_sections_do_not_depend_on_the_list_of_corpora():
    for module in ("hump.params.names", "hump.params.sections"):
        assert code.closure(module)[0] == {module}


def test_folder_of_a_corpus(tmp_path, raw, load, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    params = load(raw)
    assert params.folder("emodb") == tmp_path / "emodb"
    assert params.folder("esd_zh") == tmp_path / "esd_zh"
    (tmp_path / "esd").mkdir()
    assert params.folder("esd_zh") == tmp_path / "esd"
    assert params.folder("demo_german") == params.cache / "demo" / "seed1-8x6x1" / "demo_german"


@pytest.mark.parametrize(
    ("fractions", "headline"),
    [([0, 0.1, 0.33, 1], 0.33), ([0.5, 1], 0.5), ([0, 1], 1.0), ([0.34, 0.05], 0.05)],
)
def test_headline_fraction(raw, load, fractions, headline):
    raw["finetune"]["fractions"] = dict.fromkeys(fractions, 1)
    raw["leave_out"] = ["12_transfer", "13_matrix"]
    assert load(raw).headline == headline


@pytest.mark.parametrize(("text", "message"), [
    ("- 1", "holds list, expected keys and values"),
    ("a: [", "is not a parameter file in YAML"),
    ("a: !!binary aGk=", "is not a parameter file in YAML"),
    ("", "holds NoneType"),
    ("!!python/object/apply:os.getcwd []", "is not a parameter file in YAML"),
])  # fmt: skip
def test_not_a_parameter_file(load, text, message):
    with pytest.raises(ParameterError, match=message):
        load(text)
