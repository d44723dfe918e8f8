"""Recipes on small generated trees."""

import numpy as np
import pandas as pd
import pytest
import soundfile

import hump
from hump import corpora
from hump.corpora.recipe import COLUMNS
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
    """Demo speech is tested by itself; here a corpus of one file stands for it."""
    put(tmp_path / "demo" / "demo_source/us01f/us01f_angry_s01_t1.wav", seed=1)
    monkeypatch.setattr(corpora.demo_speech, "build", lambda *a, **k: None)
    root = corpora._root
    monkeypatch.setattr(
        corpora, "_root", lambda n, p: tmp_path / "demo" if n == "demo_source" else root(n, p)
    )


def test_emodb_names_mean_what_the_paper_says(emodb):
    rows = corpora.read("emodb", emodb).set_index("utterance_id")
    assert list(rows.index) == sorted(rows.index)
    assert rows.loc["03a01Fa", ["speaker", "sex", "emotion_raw", "emotion"]].tolist() == [
        "03", "m", "happiness", "happy",
    ]  # fmt: skip
    assert rows.loc["16b10Td", ["speaker", "sex", "emotion"]].tolist() == ["16", "f", "sad"]
    assert rows.loc["08a05Lb", "emotion_raw"] == "boredom"
    assert pd.isna(rows.loc["08a05Lb", "emotion"])
    assert (rows["path"] == "wav/" + rows.index + ".wav").all()
    assert rows["duration_s"].eq(0.5).all() and rows["sampling_rate"].eq(16_000).all()


def test_columns(emodb):
    assert tuple(corpora.read("emodb", emodb).columns) == COLUMNS


def test_ravdess_names_mean_what_the_paper_says(ravdess):
    rows = corpora.read("ravdess", ravdess).set_index("utterance_id")
    assert rows.loc["03-01-05-02-02-02-12", ["speaker", "sex", "emotion"]].tolist() == [
        "12", "f", "angry",
    ]  # fmt: skip
    assert rows.loc["03-01-01-01-01-01-01", ["sex", "emotion"]].tolist() == ["m", "neutral"]


@pytest.mark.parametrize("nest", ["", "Audio_Speech_Actors_01-24/"])
def test_ravdess_nested_copy_is_used_once(tmp_path, nest):
    for folder in ("", nest, f"{nest}copy/"):
        put(tmp_path / f"ravdess/{folder}Actor_01/03-01-03-01-01-01-01.wav", seed=1)
    rows = corpora.read("ravdess", tmp_path)
    assert len(corpora.used(rows)) == 1
    assert rows["utterance_id"].is_unique
    account = corpora.account(rows).set_index("status")["utterances"]
    assert account["found"] == account["used"] + account["excluded"]


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
    totals = account.groupby("status")["utterances"].sum()
    assert totals["found"] == 8 == totals["used"] + totals["excluded"]


def test_song_is_not_speech(ravdess):
    put(ravdess / "ravdess/Actor_01/03-02-03-01-01-01-01.wav")
    rows = corpora.read("ravdess", ravdess)
    assert "song, not speech" in rows["excluded"].dropna().tolist()


@pytest.mark.parametrize(("corpus", "name", "code"), [
    ("emodb", "wav/03a01Xa.wav", "X"), ("emodb", "wav/99a01Fa.wav", "99"),
    ("ravdess", "Actor_01/03-01-09-01-01-01-01.wav", "09"),
    ("ravdess", "Actor_25/03-01-01-01-01-01-25.wav", "25"),
    ("demo_german", "de01f/de01f_bored_s01_t1.wav", "bored"),
])  # fmt: skip
def test_unknown_code_names_the_file(tmp_path, corpus, name, code):
    put(tmp_path / corpus / name)
    with pytest.raises(CorpusError, match=f"{name}: unknown code '{code}' in the file name"):
        corpora.read(corpus, tmp_path)


def test_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusError, match="emodb: no such folder; .*emodb.bilderbar.info"):
        corpora.read("emodb", tmp_path)
    (tmp_path / "emodb").mkdir()
    with pytest.raises(CorpusError, match="holds no .wav file; expected the layout emodb/wav"):
        corpora.read("emodb", tmp_path)
    with pytest.raises(CorpusError, match="corpus='emodbb': no such corpus; choose one of emodb"):
        corpora.read("emodbb", tmp_path)


def test_all_missing_corpora_are_named_at_once(tmp_path, monkeypatch):
    params = hump.load_params("params/open.yaml")
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    messages = corpora.missing(params)
    assert [m.split(":")[0] for m in messages] == ["ravdess", "emodb"]
    assert "zenodo.org" in messages[0] and "CC BY-NC-SA" in messages[0]


def test_partial_corpus_is_marked(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    expected = "emodb: partial corpus, 5 of 535 utterances .*anger 1 of 127"
    with pytest.warns(UserWarning, match=expected):
        rows = corpora.manifests(params)["emodb"]
    assert rows["excluded"].dropna().tolist() == ["label outside the study: boredom"]


def test_complete_corpus_is_not_marked(tmp_path):
    letters = {"W": 127, "L": 81, "E": 46, "A": 69, "F": 71, "T": 62, "N": 79}
    number = 0
    for letter, count in letters.items():
        for k in range(count):
            name = f"03a{k // 26:02d}{letter}{chr(97 + k % 26)}.wav"
            put(tmp_path / "emodb/wav" / name, seed=(number := number + 1), seconds=0.25)
    rows = corpora.read("emodb", tmp_path)
    assert len(rows) == 535 and corpora.partial(rows) == ""


def test_too_much_bad_audio_stops_with_the_list(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    (emodb / "emodb/wav/03a05Wa.wav").write_bytes(b"")
    expected = "1 of 6 files cannot be used, max_excluded=0.02"
    with pytest.raises(CorpusError, match=expected) as error:
        corpora.manifests(params)["emodb"]
    assert "wav/03a05Wa.wav: audio is empty" in str(error.value)


def test_native_labels(emodb, params, monkeypatch):
    monkeypatch.setenv("HUMP_DATA", str(emodb))
    native = params.model_copy(update={"labels": "native"})
    with pytest.warns(UserWarning, match="partial"):
        rows = corpora.manifests(native)["emodb"]
    assert set(rows["emotion"]) == {"anger", "boredom", "happiness", "neutral", "sadness"}
    assert rows["excluded"].isna().all()
