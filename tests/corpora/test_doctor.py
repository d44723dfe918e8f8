"""What the doctor reports of copies with known faults."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import soundfile

from hump import audio, corpora, results
from hump.corpora import counts, doctor
from hump.errors import CorpusError
from hump.features import prosody
from hump.report import cards


@pytest.fixture
def urdu(trees, tmp_path):
    trees.plant(tmp_path, "urdu", "plain")
    return corpora.examine("urdu", tmp_path)


def test_urdu_speaker_alone_predicts_the_label(urdu):
    """But for SM3, SM5 and SM6 the speaker gives the label: of 384 of 400 clips."""
    table = urdu.shortcuts.set_index(["condition", "system"])
    alone = table.loc[("speakers shared", "speaker alone")]
    assert alone["wa"] == alone["uar"] == 0.96
    assert table.loc[("speakers unseen", "speaker alone"), "uar"] == pytest.approx(0.25)
    assert "sentence alone" not in set(urdu.shortcuts["system"]), "file names do not contain it"
    assert "the speaker predicts the label" in urdu.remark


def test_complete_copy_is_reported_as_complete(urdu):
    assert urdu.mismatches.empty and urdu.problems.empty
    for text in (str(urdu), urdu._repr_html_()):
        assert "All 37 published counts are met" in text
        assert urdu.fingerprint in text and "Clipped" not in text
        assert "Of 400 files, 0 are originals; " in text and "missing" in text


def test_the_card_of_a_corpus_says_what_was_examined(urdu, params):
    line = {"corpus": "urdu", "role": "target", "remark": urdu.remark, "folds": "clips",
            "fingerprint": urdu.fingerprint}  # fmt: skip
    results.write(pd.DataFrame([line]), params, results.CORPORA, encoder=False)
    card = cards.write_data(urdu, corpora.RECIPES["urdu"], params)
    text = card.read_text(encoding="utf-8")
    assert card == params.results / "cards" / "urdu.md"
    assert text.startswith(f"# {urdu.title}\n\nRecorded speech\n\nURDU")
    assert "Latif" in text, "who recorded it"
    assert "; 400 utterances of 29 speakers, language `ur`, " in text and urdu.fingerprint in text
    assert "the speaker predicts the label" in text and "Folds: clips." in text
    for raw, label in (("Angry", "angry"), ("Sad", "sad")):
        assert f"| {raw} | {label} | 100 |" in text
    headings = [f"\n## {heading}\n" for heading, table in urdu.sections() if len(table)]
    assert all(heading in text for heading in headings) and len(headings) >= 4
    scores = urdu.shortcuts.set_index(["condition", "system"])
    assert scores.loc[("speakers shared", "speaker alone"), "uar"] == 0.96
    assert "| speakers shared | speaker alone | 0.96 | 0.96 |" in text


def test_faults_are_detected_and_named(trees, tmp_path):
    folder = trees.plant(tmp_path, "emodb", "plain", keep=lambda path: "wav/16" not in path)
    files = sorted((folder / "wav").glob("*.wav"))
    (folder / "copy/wav").mkdir(parents=True)
    (folder / "copy/wav" / files[0].name).write_bytes(files[0].read_bytes())
    files[1].write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    files[2].write_bytes(b"")
    other = next(f for f in files[4:] if f.stem[5] != files[3].stem[5])
    other.write_bytes(files[3].read_bytes())
    one = corpora.examine("emodb", tmp_path)
    reasons = one.problems.set_index("path")["excluded"]
    assert reasons[f"copy/wav/{files[0].name}"] == f"copy of wav/{files[0].name}"
    assert reasons[f"wav/{files[1].name}"].startswith("audio is a git-LFS pointer, not audio")
    assert reasons[f"wav/{files[2].name}"].startswith("audio is empty (0 bytes)")
    for file in (files[3], other):
        assert reasons[f"wav/{file.name}"] == "same audio under another label or speaker"
    assert len(reasons) == 5
    absent = one.mismatches[one.mismatches["speaker"] == "16"]
    assert absent[["emotion_raw", "expected", "found"]].to_numpy().tolist() == [["all", 71, 0]]
    assert one.remark.startswith("partial copy, 464 of 535 utterances")
    text = str(one)
    assert text.endswith(f"Fingerprint of utterances, labels and audio: {one.fingerprint}")
    assert "git-LFS pointer" in text and one.remark in text
    assert "git-LFS pointer" in one._repr_html_()


def test_conflicts_are_listed_before_copies(trees, tmp_path):
    folder = trees.plant(tmp_path, "emodb", "plain")
    files = sorted((folder / "wav").glob("*.wav"))
    (folder / "a").mkdir()
    for file in files[:25]:
        (folder / "a" / file.name).write_bytes(file.read_bytes())
    trees.put(folder / "b" / files[-1].name, seed="another")
    one = corpora.examine("emodb", tmp_path)
    assert len(one.problems) == 26 and "Files with a fault, 20 of 26" in str(one)
    first = one.problems["excluded"].iloc[0]
    assert first == f"another recording of the utterance in b/{files[-1].name}"
    assert one.problems["excluded"].iloc[1:].str.startswith("copy of").all()


def test_page_escapes_file_names_and_shows_them_whole(trees, tmp_path):
    folder = trees.plant(tmp_path, "emodb", "plain")
    name = "<script>alert('hump')<script> & a long name that goes on and on and on and on"
    trees.put(folder / "notes" / f"{name}.wav")
    page = corpora.examine("emodb", tmp_path)._repr_html_()
    assert "<script>" not in page
    assert "notes/&lt;script&gt;alert('hump')&lt;script&gt; &amp; a long name" in page
    assert "on and on and on.wav" in page, "nothing is cut off"


def test_title_and_remark_are_escaped(urdu):
    odd = dataclasses.replace(urdu, title="A <b>", remark="C & D")
    page = odd._repr_html_()
    assert "<h3>A &lt;b&gt;</h3>" in page and "<b>C &amp; D</b>" in page
    assert str(odd).startswith("A <b>\n\nNOTE: C & D\n\n")


def test_audio_in_use_is_described(urdu):
    facts = urdu.audio.iloc[0]
    assert facts["utterances"] == 400 and facts["speakers"] == 29
    assert facts["sampling rate"] == "8000 Hz; published: 44100 Hz"
    assert facts["channels"] == "1" and facts["clipped utterances"] == 0
    assert facts["seconds (least, median, most)"] == "0.25, 0.25, 0.25"


def test_recordings_that_lack_prosody_are_counted(urdu, tmp_path):
    rows = corpora.used(urdu.manifest).head(40)
    facts = doctor.diagnose(rows, corpora.RECIPES["urdu"], tmp_path / "urdu").audio.iloc[0]
    found = [prosody.clean(extracted(tmp_path / "urdu" / path)) for path in rows["path"]]
    families = prosody.undefined_families(np.array(found))
    assert facts["without prosody (no F0)"] == families.all(axis=1).sum() > 0, "noise has no F0"
    counts = ", ".join(f"{name} ({n})" for name, n in zip(prosody.FAMILIES, families.sum(axis=0)))
    assert facts["without a family of prosody"] == counts


def extracted(file):
    try:
        return prosody.extract(audio.load(file))
    except prosody.NoProsody:
        return np.full(prosody.WIDTH, np.nan)


def test_converted_copy_is_named(trees, tmp_path, urdu):
    assert urdu.audio["format"].item() == "wav" and "converted" not in urdu.remark
    for number, file in enumerate(sorted((tmp_path / "urdu").rglob("*.wav"))):
        if number % 2:
            values, rate = soundfile.read(file)
            soundfile.write(file.with_suffix(".opus"), values, rate, format="OGG", subtype="OPUS")
            file.unlink()
    one = corpora.examine("urdu", tmp_path)
    assert one.audio["format"].item() == "opus (200), wav (200); published: wav"
    assert one.remark.startswith("converted copy (opus); the speaker predicts the label")
    assert one.mismatches.empty and one.problems.empty


def test_fingerprint_is_of_utterances_labels_and_audio(trees, tmp_path):
    for stem in ("03a01Fa", "03a01Nc", "08a02Wa"):
        trees.put(tmp_path / f"a/emodb/wav/{stem}.wav", seed=stem)
        trees.put(tmp_path / f"b/emodb/deeper/{stem}.wav", seed=stem)
        trees.put(tmp_path / f"b/emodb/wav/{stem}.wav", seed=stem)
    one, other = (corpora.used(corpora.read("emodb", tmp_path / n)) for n in "ab")
    print_of = doctor.fingerprint
    assert len(print_of(one)) == 16
    assert print_of(one) == print_of(other) == print_of(one.sample(frac=1, random_state=1))
    assert print_of(one) != print_of(one.iloc[1:])
    for column in ("utterance_id", "emotion", "audio_sha256"):
        changed = one.copy()
        changed.loc[0, column] = "other"
        assert print_of(changed) != print_of(one), column


def test_nothing_to_examine(trees, tmp_path):
    trees.put(tmp_path / "emodb/wav/03a01La.wav")
    expected = r"(?s)none of 1 files can be used:\n.*label outside the study: boredom"
    with pytest.raises(CorpusError, match=expected):
        corpora.examine("emodb", tmp_path)


def test_a_label_without_any_utterance_has_one_row_for_all_speakers():
    table = pd.DataFrame(
        [("", "fear", 20, 0), ("", "joy", 20, 19), ("a", "fear", 10, 0), ("b", "fear", 10, 0),
         ("a", "joy", 10, 9), ("b", "joy", 10, 10)],
        columns=["speaker", "emotion_raw", "expected", "found"],
    ).assign(corpus="c")  # fmt: skip
    rows = counts.mismatches(table)[["speaker", "emotion_raw", "found"]].to_numpy().tolist()
    assert rows == [["all", "fear", 0], ["all", "joy", 19], ["a", "joy", 9]]
