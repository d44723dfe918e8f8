"""The corpora of a study: labels, copies, stray files, and when it stops."""

import dataclasses
import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import hump
from hump import Params, corpora, results
from hump.corpora import study
from hump.corpora.manifest import COLUMNS
from hump.errors import CorpusError


def put(path, seed=None, seconds=0.5):
    """Write noise; equal seeds are equal audio."""
    seed = abs(hash(str(path))) % 2**32 if seed is None else seed
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(16_000 * seconds))
    soundfile.write(path, noise, 16_000)


@pytest.fixture
def emodb(tmp_path):
    for number, name in enumerate(["03a01Fa", "03a01Nc", "03a02Wa", "16b10Td", "08a05Lb"]):
        put(tmp_path / "emodb/wav" / f"{name}.wav", seed=number)
    return tmp_path


@pytest.fixture
def ravdess(tmp_path):
    for number, name in enumerate(["03-01-01-01-01-01-01", "03-01-05-02-02-02-12"]):
        put(tmp_path / f"ravdess/Actor_{name[-2:]}" / f"{name}.wav", seed=number)
    return tmp_path


@pytest.fixture
def params():
    """A study that reads EMODB alone."""
    params = hump.load_params("params/open.yaml")
    return params.model_copy(update={"source": "demo_source", "targets": ("emodb",)})


@pytest.fixture(autouse=True)
def no_synthesis(monkeypatch, tmp_path):
    """A corpus of one file in place of demo speech, which has its own tests."""
    put(tmp_path / "demo" / "demo_source/us01f/us01f_angry_s01_t1.wav", seed=99)
    monkeypatch.setattr(study.demo, "build", lambda *a, **k: None)
    root = Params.root
    monkeypatch.setattr(
        Params, "root", lambda p, n: tmp_path / "demo" if n == "demo_source" else root(p, n)
    )


def test_columns(emodb):
    assert tuple(corpora.read("emodb", emodb).columns) == COLUMNS


def test_same_audio_under_two_labels_is_not_used(emodb):
    put(emodb / "emodb/wav/03a04Ta.wav", seed=0)
    rows = corpora.read("emodb", emodb).set_index("utterance_id")
    for name in ("03a01Fa", "03a04Ta"):
        assert rows.loc[name, "excluded"] == "same audio under another label or speaker"


def test_strays_are_accounted_for(emodb):
    put(emodb / "emodb/wav/._03a01Fa.wav", seed=7)
    put(emodb / "emodb/wav/notes.wav", seed=8)
    (emodb / "emodb/wav/03a05Wa.wav").write_bytes(b"")
    (emodb / "emodb/readme.txt").write_text("hello")
    rows = corpora.read("emodb", emodb).set_index("utterance_id")
    assert rows.loc["._03a01Fa", "excluded"] == "hidden file"
    assert rows.loc["notes", "excluded"].startswith("file name does not follow emodb/wav")
    assert rows.loc["03a05Wa", "excluded"].startswith("audio is empty (0 bytes)")
    account = corpora.account(rows.reset_index())
    totals = account.groupby("status")["files"].sum()
    assert totals["found"] == 8 == totals["used"] + totals["excluded"]


def test_song_is_not_speech(ravdess):
    put(ravdess / "ravdess/Actor_01/03-02-03-01-01-01-01.wav")
    rows = corpora.read("ravdess", ravdess)
    assert "song, not speech" in rows["excluded"].dropna().tolist()


def test_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusError, match="emodb: no such folder; .*emodb.bilderbar.info"):
        corpora.read("emodb", tmp_path)
    (tmp_path / "emodb").mkdir()
    with pytest.raises(CorpusError, match="holds no audio file; expected EMODB.* as emodb/wav/SS"):
        corpora.read("emodb", tmp_path)
    with pytest.raises(CorpusError, match="corpus='emodbb': no such corpus; choose one of iemocap"):
        corpora.read("emodbb", tmp_path)


def test_all_missing_corpora_are_named_at_once(tmp_path, monkeypatch):
    params = hump.load_params("params/open.yaml")
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    (tmp_path / "emodb").mkdir()
    messages = corpora.missing(params)
    assert len(messages) == 7
    assert messages[0].startswith(f"ravdess: {tmp_path}/ravdess: no such folder. RAVDESS")
    assert messages[1].startswith(f"emodb: {tmp_path}/emodb: holds no audio file. EMODB")
    for line in ("from     https://zenodo.org", "licence  CC BY-NC-SA", "layout   ravdess/Actor"):
        assert line in messages[0]
    put(tmp_path / "emodb/x.wav")
    assert len(corpora.missing(params)) == 6


@pytest.fixture
def examined(params, monkeypatch, tmp_path):
    """A study of a complete and a partial corpus, after `01_data`."""
    monkeypatch.setattr("hump.params.schema.ROOT", tmp_path)
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    for speaker, emotion in itertools.product(("us01f", "us02m"), ("angry", "happy", "sad")):
        put(tmp_path / f"demo/demo_source/{speaker}/{speaker}_{emotion}_s01_t1.wav")
    examined = corpora.examinations(params)
    results.write(corpora.overview(examined, params), params, results.CORPORA, encoder=False)
    return params, examined


def test_partial_corpus_and_missing_class_are_marked_in_every_result(emodb, examined):
    params, examined = examined
    remark = (
        "emodb: partial copy, 5 of 535 utterances, of labels in use 4 of 339; "
        "at 0 % nothing can be recognised as neutral, which the source lacks"
    )
    source = "demo_source: no utterance is neutral"
    rows = examined["emodb"].manifest
    assert rows["excluded"].dropna().tolist() == ["label outside the study: boredom"]
    made_of = "synthetic demo speech; encoder: first three layers of Whisper base"
    assert results.note(params) == f"{made_of}; {source}; {remark}"
    assert results.note(params, about=["demo_source"]) == f"{made_of}; {source}"
    table = pd.DataFrame({"corpus": ["demo_source", "emodb", "average of targets"], "uar": 0.5})
    results.write(table, params, "x")
    written = pd.read_csv(params.results / "tables/x.csv")
    both = f"{made_of}; {source}; {remark}"
    assert written["note"].tolist() == [f"{made_of}; {source}", both, both]
    assert written["fingerprint"].unique().tolist() == [results.fingerprint(params)]


def test_overview_is_what_results_cite(emodb, examined):
    params, examined = examined
    table = results.corpora(params).set_index("corpus")
    facts = table.loc["emodb", ["role", "language", "folds"]]
    assert facts.tolist() == ["target", "de", "speakers"]
    assert table["folds"]["demo_source"] == "dealt"
    assert table["fingerprint"].to_dict() == {k: v.fingerprint for k, v in examined.items()}
    before = results.fingerprint(params)
    (emodb / "emodb/wav/03a01Fa.wav").unlink()
    again = corpora.overview(corpora.examinations(params), params)
    results.write(again, params, results.CORPORA, encoder=False)
    assert results.fingerprint(params) != before


def test_links_are_followed_once(emodb):
    folder = emodb / "emodb"
    (folder / "wav/up").symlink_to(folder)
    (folder / "wav/03a05Wa.wav").symlink_to("03a05Wa.wav")
    (folder / "wav/03a07Wa.wav").symlink_to("nothing.wav")
    (emodb / "elsewhere").mkdir()
    put(emodb / "elsewhere/03b01Wa.wav", seed=11)
    (folder / "linked").symlink_to(emodb / "elsewhere")
    rows = corpora.read("emodb", emodb).set_index("utterance_id")
    assert len(rows) == 5 + 3 and pd.isna(rows.loc["03b01Wa", "excluded"])
    assert rows.loc["03a05Wa", "excluded"].startswith("audio cannot be opened (Too many levels")
    assert rows.loc["03a07Wa", "excluded"].startswith("audio is a link to nothing")


def test_recording_at_the_published_rate_is_preferred(emodb):
    folder, noise = emodb / "emodb", np.random.default_rng(1).normal(0, 0.1, 12_000)
    (folder / "original/wav").mkdir(parents=True)
    soundfile.write(folder / "original/wav/03a05Wa.wav", noise, 16_000)
    soundfile.write(folder / "03a05Wa.wav", noise, 22_050)
    rows = corpora.read("emodb", emodb).set_index("path")["excluded"]
    assert pd.isna(rows["original/wav/03a05Wa.wav"])
    reason = "another recording of the utterance in original/wav/03a05Wa.wav"
    assert rows["03a05Wa.wav"] == reason


@pytest.mark.parametrize("place", ["a b", "it's", 'say "hi"', "-rf", "$(x); y", "語音"])
def test_odd_folder_names(emodb, place, tmp_path):
    (emodb / "emodb/wav").rename(emodb / "emodb" / place)
    rows = corpora.read("emodb", emodb)
    assert rows["excluded"].isna().all() and (rows["path"].str.startswith(f"{place}/")).all()


def test_name_in_another_encoding_is_accounted_for(emodb):
    name = os.fsencode(emodb / "emodb/wav") + b"/03a05Wa\xe4.wav"
    Path(os.fsdecode(name)).write_bytes((emodb / "emodb/wav/03a01Fa.wav").read_bytes())
    rows = corpora.read("emodb", emodb)
    assert rows["excluded"].dropna().tolist() == ["file name is not valid UTF-8"]
    rows.to_csv(emodb / "manifest.csv")


def test_folder_that_cannot_be_read_stops(emodb, monkeypatch):
    def scandir(place):
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(CorpusError, match=r"emodb: cannot be read \(Permission denied\); make"):
        corpora.read("emodb", emodb)


@pytest.mark.parametrize("ending", [".wav", ".WAV", ".flac", ".ogg", ".mp3", ".aiff"])
def test_any_format_is_read(emodb, ending):
    noise = np.random.default_rng(5).normal(0, 0.1, 16_000)
    kind = {".mp3": "MP3", ".ogg": "OGG"}.get(ending)
    soundfile.write(emodb / f"emodb/wav/03a05Wa{ending}", noise, 16_000, format=kind)
    rows = corpora.read("emodb", emodb).set_index("utterance_id")
    assert rows.loc["03a05Wa", ["emotion", "path"]].tolist() == ["angry", f"wav/03a05Wa{ending}"]
    assert pd.isna(rows.loc["03a05Wa", "excluded"])


def test_too_much_bad_audio_stops_with_the_list(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    (emodb / "emodb/wav/03a05Wa.wav").write_bytes(b"")
    expected = "1 of 6 files cannot be used, max_excluded=0.02"
    with pytest.raises(CorpusError, match=expected) as error:
        corpora.manifests(params)["emodb"]
    assert "wav/03a05Wa.wav: audio is empty" in str(error.value)


def test_every_corpus_that_stops_the_study_is_named(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    (emodb / "emodb/wav/03a05Wa.wav").write_bytes(b"")
    put(emodb / "tess/OAF_back_bored.wav")
    both = params.model_copy(update={"targets": ("emodb", "tess")})
    with pytest.raises(CorpusError, match="(?s)emodb: 1 of 6 files cannot.*unknown code 'bored'"):
        corpora.manifests(both)


def test_a_recording_in_two_corpora_stops_the_study(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    place = emodb / "ravdess/Actor_05/03-01-05-01-01-01-05.wav"
    place.parent.mkdir(parents=True)
    shutil.copyfile(next((emodb / "emodb/wav").glob("03a01F*.wav")), place)
    both = params.model_copy(update={"targets": ("emodb", "ravdess")})
    said = r"Actor_05/03-01-05-01-01-01-05\.wav of ravdess \(recordings in two corpora: 1\)"
    with pytest.raises(CorpusError, match=f"emodb: wav/03a01F.* is the same recording as {said}"):
        corpora.manifests(both)


def test_stray_files_do_not_stop_a_corpus(emodb, params, monkeypatch):
    """A file that contradicts itself and one of an unknown code: excluded, listed, counted."""
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    put(emodb / "emodb/wav/03a01Xa.wav")
    put(emodb / "ravdess/Actor_05/03-01-05-01-01-01-05.wav")
    put(emodb / "ravdess/Actor_05/03-01-05-01-01-01-02.wav")  # as in a public copy
    lenient = params.model_copy(update={"max_excluded": 0.5, "targets": ("emodb", "ravdess")})
    found = corpora.manifests(lenient)
    reasons = found["emodb"].set_index("path")["excluded"].dropna()
    assert reasons["wav/03a01Xa.wav"] == "unknown code 'X' in the file name"
    account = corpora.counts.account(found["ravdess"]).iloc[-1]
    assert account.tolist() == ["ravdess", "excluded", "contradicts itself", 1]
    assert len(corpora.used(found["ravdess"])) == 1
    with pytest.raises(CorpusError, match=r"(?s)emodb: 1 of 6 .*\n  wav/03a01Xa.*ravdess: 1 of 2 "):
        corpora.manifests(lenient.model_copy(update={"max_excluded": 0.02}))


def test_native_labels(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    native = params.model_copy(update={"labels": "native"})
    rows = corpora.manifests(native)["emodb"]
    assert set(rows["emotion"]) == {"anger", "boredom", "happiness", "neutral", "sadness"}
    assert rows["excluded"].isna().all()
    monkeypatch.setattr(study, "recipe_of", lambda name, params: dataclasses.replace(
        hump.corpora.RECIPES[name], no_emotions=("boredom",)))  # fmt: skip
    rows = corpora.manifests(native)["emodb"]
    assert set(rows["emotion"].dropna()) == {"anger", "happiness", "neutral", "sadness"}
    assert rows["excluded"].notna().sum() == 1, "what is no emotion is in no study"
    assert hump.corpora.RECIPES["iemocap"].no_emotions == ["oth", "xxx"]
