"""A user's own corpus: a CSV file, an audio folder of `datasets`, an audformat database."""

import audformat
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

import hump
from hump import corpora
from hump.corpora import splits
from hump.corpora.catalogue import recipe_of
from hump.errors import CorpusError, ParameterError
from hump.run import steps
from hump.util.files import ROOT

LABELS = {"boos": "angry", "blij": "happy", "neutraal": "neutral", "bang": None}


def write(file, number):
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.random.default_rng(number).normal(0, 0.1, 8000), 16_000)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write a corpus and a table, and load a study of it: ``study(table, **entry)``."""
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))

    def load(**entry):
        raw = yaml.safe_load((ROOT / "params/smoke.yaml").read_text())
        entry = {"table": "mine/mine.csv", "language": "nl", "labels": LABELS} | entry
        raw |= {"corpora": {"mine": entry}, "targets": ["mine"]}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
        return hump.load_params(tmp_path / "mine.yaml")

    return load


@pytest.fixture
def table(tmp_path):
    """Four speakers in two sessions, three recordings of each label."""
    rows = [
        (f"a/s{s}_{label}_{n}.wav", f"s{s}", label, "fm"[s % 2], 20 + s, f"day{s // 2}")
        for s in range(4) for label in LABELS for n in range(3)
    ]  # fmt: skip
    for number, row in enumerate(rows):
        write(tmp_path / "mine" / row[0], number)
    return pd.DataFrame(rows, columns=["path", "speaker", "emotion", "sex", "age", "session"])


def save(table, tmp_path, **options):
    table.to_csv(tmp_path / "mine/mine.csv", index=False, **options)


def examine(params):
    """The page of the corpus alone: the study's source is demo speech, which is not made here."""
    return corpora.examinations(params.model_copy(update={"source": "mine", "targets": ()}))["mine"]


def fault(params):
    with pytest.raises(CorpusError) as told:
        recipe_of("mine", params)
    assert corpora.missing(params)[0] == f"mine: {told.value}"
    return str(told.value)


def test_corpus_of_a_table_is_one_like_any_other(study, table, tmp_path):
    save(table, tmp_path)
    params = study()
    assert corpora.missing(params) == []
    page = examine(params)
    rows = page.manifest
    assert rows["emotion"].value_counts().to_dict() == {"angry": 12, "happy": 12, "neutral": 12}
    assert set(rows["excluded"].dropna()) == {"label outside the study: bang"}
    first = rows.set_index("path").loc["a/s1_boos_0.wav"]
    assert first[["speaker", "sex", "age", "session", "language"]].tolist() == [
        "s1", "m", 21, "day0", "nl",
    ]  # fmt: skip
    facts = page.audio.iloc[0]
    assert facts["sex of speakers"] == "f (2), m (2)" and page.remark == "no utterance is sad"
    assert facts["age of speakers (least, median, most)"] == "20, 22, 23"
    assert {"speaker alone", "duration alone"} < set(page.shortcuts["system"])
    assert "mine, listed in mine.csv" in page._repr_html_()


def test_sessions_that_share_no_speaker_are_held_out_whole(study, table, tmp_path):
    save(table, tmp_path)
    used = corpora.used(examine(study()).manifest)
    assert [set(used["speaker"].iloc[fold.test]) for fold in splits.speaker_folds(used, 9)] == [
        {"s0", "s1"}, {"s2", "s3"},
    ]  # fmt: skip
    # A source needs three parts, which two sessions do not give; nor do sessions share speakers.
    assert len(splits.source_folds(used, 9)) == 4
    used.loc[used["speaker"] == "s0", "session"] = ["day0", "day1"] * 4 + ["day0"]
    assert len(splits.speaker_folds(used, 9)) == 4


def test_columns_are_mapped_and_separators_recognised(study, table, tmp_path):
    renamed = table.rename(columns={"path": "file", "speaker": "spk"}).drop(columns="session")
    save(renamed, tmp_path, sep=";", encoding="utf-8-sig")
    params = study(columns={"path": "file", "speaker": "spk"})
    assert len(recipe_of("mine", params).listed) == 48
    message = fault(study(columns={"path": "file"}))
    assert "no column for speaker ('speaker'); it has file, spk, emotion, sex, age. Name" in message
    renamed.to_csv(tmp_path / "mine/mine.tsv", index=False, sep="\t")
    params = study(
        table=str(tmp_path / "mine/mine.tsv"), columns={"path": "file", "speaker": "spk"}
    )
    assert len(recipe_of("mine", params).listed) == 48 and params.folder("mine").name == "mine"


def test_whatever_is_wrong_is_told_at_once(study, table, tmp_path):
    table.loc[3, "emotion"] = "vrolijk"
    table.loc[4, "speaker"] = ""
    table.loc[5, "sex"] = "w"
    table["age"] = table["age"].astype(object)
    table.loc[6, "age"] = "old"
    table.loc[7, "path"] = "a/none.wav"
    table.loc[9, "path"] = table.loc[8, "path"]
    table = table[table["speaker"].isin(["s0", ""]) | (table["emotion"] == "boos")]
    save(table, tmp_path)
    message = fault(study(labels=LABELS | {"droevig": "sad"}))
    for line in (
        "speaker: is empty in line 6; fill it in, or remove the row",
        "emotion='vrolijk': not among labels (boos, blij, neutraal, bang, droevig), in line 5; add",
        "labels: droevig: in no row of the table; correct or remove it",
        "sex='w': line 7; use f, m, other, or leave it",
        "age='old': line 8; write years as a number",
        "path: 1 listed more than once: a/s0_neutraal_2.wav; keep one row for each",
        f"path: 1 of 21 files are missing below {tmp_path}/mine: a/none.wav; a relative path",
        "3 of 4 speakers have a single class: s1, s2, s3",
    ):
        assert f"\n  - {line}" in message, message
    save(table[:0], tmp_path)
    assert "the table has no rows; list one file in each" in fault(study())
    (tmp_path / "mine/mine.csv").unlink()
    assert fault(study()).endswith("names; a relative path starts at HUMP_DATA")


def test_one_speaker_is_too_few(study, table, tmp_path):
    save(table[table["speaker"] == "s0"], tmp_path)
    assert "speaker: 1 with a label in use (s0); folds over unseen speakers need 2" in fault(
        study()
    )


def test_speakers_of_a_single_class_stand_beside_every_result(study, table, tmp_path):
    save(table[(table["speaker"] != "s2") | (table["emotion"] == "boos")], tmp_path)
    assert examine(study()).remark == "no utterance is sad; 1 of 4 speakers have a single class: s2"


def test_parameters_that_contradict_a_table(study):
    with pytest.raises(ParameterError) as told:
        study(labels={"boos": "cross", "blij": "happy"})
    assert "corpora.mine.labels.boos=\"cross\": input should be 'angry', 'happy'" in str(told.value)
    with pytest.raises(ParameterError, match="maps to fewer than two of angry, happy, neutral"):
        study(labels={"boos": "angry", "bang": None})
    with pytest.raises(ParameterError, match="columns.speker.*should be 'path', 'speaker'"):
        study(columns={"speker": "spk"})


def test_a_step_depends_on_the_table_and_its_files_alone(study, table, tmp_path):
    save(table, tmp_path)
    params = study()
    first, before = steps.plan(params)[0], set()
    monkey = params.model_copy(update={"source": "mine", "targets": ()})
    before.add(steps.key(first, monkey))
    write(tmp_path / "mine/not_listed.wav", 99)
    before.add(steps.key(first, monkey))
    assert len(before) == 1
    write(tmp_path / "mine/a/s0_boos_0.wav", 99)
    assert steps.key(first, monkey) not in before


@pytest.mark.parametrize("metadata", [True, False])
def test_audio_folder_of_datasets(study, table, tmp_path, metadata):
    folder = tmp_path / "hf"
    for number, row in enumerate(table.itertuples()):
        write(folder / "train" / row.emotion / f"{number}.wav", number)
    if metadata:
        table["file_name"] = [f"{label}/{n}.wav" for n, label in enumerate(table["emotion"])]
        columns = ["file_name", "speaker", "emotion"]
        table[columns].to_csv(folder / "train/metadata.csv", index=False)
        params = study(table="hf")
        listed = pd.DataFrame(recipe_of("mine", params).listed).set_index("path")
        assert listed.loc["train/boos/12.wav", ["speaker", "emotion"]].tolist() == ["s1", "angry"]
        assert len(examine(params).manifest) == 48
    else:  # folders are the labels, and nothing says who speaks
        assert "no column for speaker ('speaker'); it has label, path" in fault(
            study(table="hf", columns={"emotion": "label"})
        )


def test_database_of_audformat(study, table, tmp_path):
    database = audformat.Database("mine")
    database.schemes["emotion"] = audformat.Scheme("str", labels=list(LABELS))
    people = table.drop_duplicates("speaker").set_index("speaker")
    facts = {n: {"gender": {"f": "female", "m": "male"}[r.sex]} for n, r in people.iterrows()}
    database.schemes["speaker"] = audformat.Scheme("str", labels=facts)
    for name in ("emotion", "speaker"):  # in two tables, as EMODB 1.4 has them
        index = audformat.filewise_index(table["path"])
        database[name] = audformat.Table(index)
        database[name][name] = audformat.Column(scheme_id=name)
        database[name][name].set(table[name].tolist())
    database.save(str(tmp_path / "mine"))
    params = study(table="mine", columns={"sex": "gender"})
    rows = examine(params).manifest.set_index("path")
    row = rows.loc["a/s1_boos_0.wav"]
    assert row[["speaker", "emotion", "sex"]].tolist() == ["s1", "angry", "m"]
    assert rows["emotion"].notna().sum() == 36
    index = audformat.segmented_index(table["path"][:2], ["0s", "0s"], ["0.1s", "0.2s"])
    database["parts"] = audformat.Table(index)
    database["parts"]["emotion"] = audformat.Column(scheme_id="emotion")
    database["parts"]["emotion"].set(["boos", "boos"])
    database.save(str(tmp_path / "mine"))
    assert "its labels are of segments, expected whole files; cut the files first" in fault(params)
