"""Every recipe, on trees of published size and on small ones, in every documented layout."""

import csv

import numpy as np
import pandas as pd
import pytest
import soundfile

import hump
from hump import corpora
from hump.corpora import counts
from hump.errors import CorpusError
from hump.params import folders, names

# Files, speakers, utterances of the four shared emotions: the corpora's papers and EmoBox.
TOTALS = {
    "iemocap": (10_039, 10, 5_531), "emodb": (535, 10, 339), "emovo": (588, 6, 336),
    "mesd": (862, 3, 574), "casia": (1_200, 4, 800), "esd_en": (17_500, 10, 14_000),
    "esd_zh": (17_500, 10, 14_000), "ravdess": (1_440, 24, 672), "savee": (480, 4, 300),
    "tess": (2_800, 2, 1_600), "cremad": (7_442, 91, 4_900), "urdu": (400, 29, 400),
    "nemo": (4_481, 9, 3_076),
}  # fmt: skip
LAYOUTS = {
    "iemocap": ["plain", "release"], "emodb": ["plain"], "emovo": ["plain"],
    "mesd": ["named", "flat"], "casia": ["plain", "by_emotion"],
    "esd_en": ["plain", "split", "nested"], "esd_zh": ["plain", "split", "nested"],
    "ravdess": ["plain", "archive"], "savee": ["folders", "flat"], "tess": ["flat", "folders"],
    "cremad": ["plain"], "urdu": ["plain"], "nemo": ["plain"],
}  # fmt: skip
EVERY = [(name, layout) for name, layouts in LAYOUTS.items() for layout in layouts]
# A file's path, and what it means: speaker, sex, emotion_raw, emotion, sentence.
EXAMPLES = {
    "emodb": ("wav/03a01Fa", "03", "m", "happiness", "happy", "a01"),
    "emovo": ("m2/gio-m2-l3", "m2", "m", "joy", "happy", "l3"),
    "mesd": ("Anger_C_A_abajo", "C", None, "Anger", "angry", "A abajo"),
    "casia": ("wangzhe/happy/207", "wangzhe", None, "happy", "happy", "207"),
    "esd_en": ("0012/Happy/train/0012_000702", "0012", "m", "Happy", "happy", "002"),
    "esd_zh": ("0001/Angry/0001_000351", "0001", "f", "Angry", "angry", "001"),
    "ravdess": ("Actor_12/03-01-06-01-02-01-12", "12", "f", "fearful", None, "02"),
    "savee": ("AudioData/JK/su05", "JK", "m", "surprise", None, None),
    "tess": ("YAF_youth_ps", "YAF", "f", "ps", None, "youth"),
    "cremad": ("AudioWAV/1064_IEO_HAP_HI", "1064", "m", "HAP", "happy", "IEO"),
    "nemo": ("samples/MP0_happiness_64", "MP0", "m", "happiness", "happy", "64"),
    "urdu": ("Sad/SF11_F2_S04", "SF11", "f", "Sad", "sad", None),
}  # fmt: skip


def test_every_corpus_has_a_recipe_and_is_tried(trees):
    assert trees.LAYOUTS == {name: tuple(layouts) for name, layouts in LAYOUTS.items()}
    assert set(corpora.RECIPES) == set(corpora.NAMES) == set(folders.CORPORA)
    assert set(TOTALS) == set(LAYOUTS) == set(folders.CORPORA) - set(folders.DEMO)


@pytest.mark.parametrize(("name", "layout"), EVERY)
def test_published_corpus_gives_the_published_totals(full, name, layout):
    rows = full(name, layout)
    table = counts.compare(rows)
    assert len(table) >= 10 and (table["expected"] == table["found"]).all()
    files, speakers, shared = TOTALS[name]
    used = corpora.used(rows)
    assert len(rows) == files and used["speaker"].nunique() == speakers
    silent = name == "cremad"  # its 1076_MTI_SAD_XX
    assert len(used) == shared - silent
    assert rows["utterance_id"].is_unique and rows["utterance_id"].is_monotonic_increasing
    known = corpora.RECIPES[name].emotions
    assert rows["emotion"].equals(rows["emotion_raw"].map(known).astype("string"))


@pytest.mark.parametrize("name", sorted(TOTALS))
def test_layouts_of_a_corpus_are_the_same_corpus(full, name):
    first, *others = (full(name, layout) for layout in LAYOUTS[name])
    columns = ["utterance_id", "speaker", "sex", "emotion_raw", "emotion", "sentence"]
    for other in others:
        pd.testing.assert_frame_equal(other[columns], first[columns])


def test_iemocap_counts_are_those_of_the_field(full):
    used = corpora.used(full("iemocap", "plain"))
    sessions = used["speaker"].str[0].value_counts().sort_index()
    assert sessions.tolist() == [1085, 1023, 1151, 1031, 1241]
    actors = used["speaker"].value_counts().sort_index()
    assert actors.tolist() == [528, 557, 481, 542, 522, 629, 528, 503, 590, 651]
    assert used["emotion"].value_counts().to_dict() == {
        "neutral": 1708, "happy": 1636, "angry": 1103, "sad": 1084,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example_means_what_the_header_says(trees, tmp_path, name):
    path, speaker, *meaning = EXAMPLES[name]
    trees.put(tmp_path / name / f"{path}.wav")
    row = corpora.read(name, tmp_path).iloc[0]
    meant = row[["speaker", "sex", "emotion_raw", "emotion", "sentence"]]
    assert [None if pd.isna(value) else value for value in meant] == [speaker, *meaning]
    assert row["language"] == corpora.RECIPES[name].language


@pytest.mark.parametrize(("name", "layout"), [
    (name, layout) for name, layout in EVERY if TOTALS[name][0] < 900
])  # fmt: skip
def test_full_size_tree_on_disk(trees, tmp_path, name, layout):
    folder = trees.plant(tmp_path, name, layout)
    trees.put(folder / "._hidden.wav")
    (folder / "documents").mkdir()
    (folder / "documents/readme.pdf").write_text("not audio")
    rows = corpora.read(name, tmp_path)
    assert len(rows) == TOTALS[name][0] + 1 and len(corpora.used(rows)) == TOTALS[name][2]
    assert rows.loc[rows["excluded"].notna(), "excluded"].tolist() == ["hidden file"]
    assert counts.shortfall(rows, rows["emotion_raw"].dropna().unique()) == ""


@pytest.mark.parametrize(("name", "path", "code"), [
    ("emodb", "wav/03a01Xa", "X"), ("emodb", "wav/99a01Fa", "99"),
    ("emovo", "f1/xyz-f1-b1", "xyz"), ("emovo", "dis-f4-b1", "f4"),
    ("mesd", "Joy_F_A_abajo", "Joy"), ("mesd", "Anger_X_A_abajo", "X"),
    ("mesd", "Anger_F_C_abajo", "C"),
    ("casia", "wangzhe/bored/201", "bored"), ("casia", "somebody/happy/201", "somebody"),
    ("esd_en", "0011/Bored/0011_000001", "Bored"), ("esd_en", "0021/Angry/0021_000351", "0021"),
    ("esd_zh", "0001/Angry/0001_001751", "001751"),
    ("ravdess", "Actor_01/03-01-09-01-01-01-01", "09"),
    ("ravdess", "Actor_25/03-01-01-01-01-01-25", "25"),
    ("savee", "AudioData/DC/s01", "s"), ("savee", "XY_a01", "XY"),
    ("tess", "OAF_back_bored", "bored"), ("tess", "MAF_back_angry", "MAF"),
    ("cremad", "AudioWAV/1001_DFA_BOR_XX", "BOR"), ("cremad", "AudioWAV/1092_DFA_ANG_XX", "1092"),
    ("cremad", "AudioWAV/1001_XYZ_ANG_XX", "XYZ"), ("cremad", "AudioWAV/1001_DFA_ANG_ZZ", "ZZ"),
    ("nemo", "samples/EB0_bored_1", "bored"), ("nemo", "samples/XY0_anger_1", "XY0"),
    ("urdu", "Bored/SM1_F1_B01", "Bored"), ("urdu", "Angry/SM1_F1_X01", "X"),
    ("demo_german", "de01f/de01f_bored_s01_t1", "bored"),
])  # fmt: skip
def test_unknown_code_excludes_the_file(trees, tmp_path, name, path, code):
    trees.put(tmp_path / name / f"{path}.wav")
    row = corpora.read(name, tmp_path).iloc[0]
    assert row["excluded"] == f"unknown code '{code}' in the file name"
    assert row["path"] == f"{path}.wav" and pd.isna(row["emotion"])


@pytest.mark.parametrize(("name", "path"), [
    ("emovo", "f1/dis-f2-b1"), ("esd_en", "0011/Angry/0011_000001"),
    ("esd_en", "0012/Angry/0011_000351"), ("ravdess", "Actor_02/03-01-01-01-01-01-01"),
    ("casia", "happy/201-sad-wangzhe"), ("savee", "AudioData/DC/JK_a01"),
    ("urdu", "Angry/SM1_F1_H01"),
])  # fmt: skip
def test_path_that_contradicts_itself_is_excluded(trees, tmp_path, name, path):
    trees.put(tmp_path / name / f"{path}.wav")
    row = corpora.read(name, tmp_path).iloc[0]
    assert row["excluded"].startswith("contradicts itself: the folder says '")


@pytest.mark.parametrize("name", sorted(TOTALS))
def test_nested_copy_stray_and_partial_copy(trees, tmp_path, name):
    """A part of a corpus, a copy of it one level deeper, and a file that is not of the corpus."""
    numbers = iter(range(10**6))
    folder = trees.plant(
        tmp_path, name, LAYOUTS[name][0], keep=lambda path: next(numbers) % 97 == 0
    )
    files = sorted(folder.rglob("*.wav"))
    for file in files:
        copy = folder / "copy of it" / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    trees.put(folder / "notes to self.wav")
    rows = corpora.read(name, tmp_path)
    assert len(rows) == 2 * len(files) + 1 and rows["utterance_id"].is_unique
    reasons = rows["excluded"].dropna()
    assert reasons.str.startswith("copy of").sum() == len(files)
    assert reasons.str.startswith("file name does not follow").sum() == 1
    kept = rows[rows["excluded"].isna()]
    assert len(kept) == len(files) and not kept["path"].str.startswith("copy of it").any()
    share = f"partial copy, {len(files)} of {TOTALS[name][0]} utterances"
    assert counts.shortfall(rows, kept["emotion_raw"].unique()).startswith(share)
    table = counts.compare(rows)
    assert (table["found"] <= table["expected"]).all()
    account = counts.account(rows).groupby("status")["files"].sum()
    assert account["found"] == account["used"] + account["excluded"] == len(rows)


def test_known_twins_and_faults(trees, tmp_path):
    """RAVDESS has one recording as two takes; CREMA-D has three under two emotions, one silent."""
    for take in ("01", "02"):
        trees.put(tmp_path / f"ravdess/Actor_07/03-01-03-01-02-{take}-07.wav", seed="twin")
    rows = corpora.read("ravdess", tmp_path)
    assert len(corpora.used(rows)) == 1
    assert rows["excluded"].dropna().tolist() == ["copy of Actor_07/03-01-03-01-02-01-07.wav"]
    for actor, text, pair in (("1006", "TIE", "HAP NEU"), ("1013", "WSI", "DIS SAD")):
        for emotion in pair.split():
            trees.put(tmp_path / f"cremad/AudioWAV/{actor}_{text}_{emotion}_XX.wav", seed=actor)
    trees.put(tmp_path / "cremad/AudioWAV/1076_MTI_SAD_XX.wav")
    trees.put(tmp_path / "cremad/AudioWAV/1040_ITH_SAD_X.wav")
    reasons = corpora.read("cremad", tmp_path).set_index("utterance_id")["excluded"]
    assert reasons["1076_MTI_SAD_XX"] == "no speech in it"
    assert pd.isna(reasons["1040_ITH_SAD_X"])
    conflicts = reasons[reasons.index.str.startswith(("1006", "1013"))]
    assert len(conflicts) == 4 and (conflicts == "same audio under another label or speaker").all()


def test_second_recording_of_an_utterance_is_not_used(trees, tmp_path):
    """A converted nested copy has different audio, and could be in training and in test."""
    trees.put(tmp_path / "ravdess/Actor_07/03-01-03-01-02-01-07.wav", seed="as published")
    trees.put(tmp_path / "ravdess/copy/Actor_07/03-01-03-01-02-01-07.wav", seed="converted")
    trees.put(tmp_path / "ravdess/03-01-03-01-02-01-07.flac", seed="another")
    rows = corpora.read("ravdess", tmp_path)
    kept = corpora.used(rows)
    assert kept["path"].tolist() == ["Actor_07/03-01-03-01-02-01-07.wav"]
    reason = "another recording of the utterance in Actor_07/03-01-03-01-02-01-07.wav"
    assert rows["excluded"].dropna().tolist() == [reason] * 2


def test_tess_spelling_and_savee_letters(trees, tmp_path):
    for stem in ("OA_bite_neutral", "OAF_bite_sad"):
        trees.put(tmp_path / f"tess/{stem}.wav")
    rows = corpora.read("tess", tmp_path)
    assert rows["utterance_id"].tolist() == ["OAF_bite_neutral", "OAF_bite_sad"]
    assert rows["speaker"].tolist() == ["OAF", "OAF"]
    for stem in ("DC/sa01", "DC/su01", "KL/sa01"):
        trees.put(tmp_path / f"savee/AudioData/{stem}.wav")
    rows = corpora.read("savee", tmp_path)
    assert rows["utterance_id"].tolist() == ["DC_sa01", "DC_su01", "KL_sa01"]
    assert rows["emotion_raw"].tolist() == ["sadness", "surprise", "sadness"]


def test_both_halves_of_esd_in_one_folder(trees, tmp_path):
    for path in ("0001/Angry/0001_000351", "0011/Angry/0011_000351", "0011/Sad/0011_001051"):
        trees.put(tmp_path / f"esd/{path}.wav")
    english, mandarin = (corpora.read(name, tmp_path) for name in ("esd_en", "esd_zh"))
    assert corpora.used(english)["speaker"].tolist() == ["0011", "0011"]
    assert corpora.used(mandarin)["speaker"].tolist() == ["0001"]
    assert english["excluded"].dropna().tolist() == ["of the other language, see esd_zh"]
    trees.put(tmp_path / "esd_en/0012/Angry/0012_000351.wav")
    assert corpora.read("esd_en", tmp_path)["speaker"].tolist() == ["0012"], "its own name is first"


def test_accents_may_be_separate_characters(trees, tmp_path):
    trees.put(tmp_path / "mesd/Anger_F_A_a\u0301gil.wav", seed="a")
    trees.put(tmp_path / "mesd/copy/Anger_F_A_\u00e1gil.wav", seed="a")
    rows = corpora.read("mesd", tmp_path)
    assert rows["utterance_id"].tolist() == ["Anger_F_A_\u00e1gil", "Anger_F_A_\u00e1gil#2"]
    assert len(corpora.used(rows)) == 1


@pytest.fixture
def one_dialogue(trees, tmp_path):
    """Two turns of IEMOCAP, by a man and by a woman, and a function that writes their labels."""
    session = tmp_path / "iemocap/Session1"
    for turn in ("F000", "M003"):
        trees.put(session / f"sentences/wav/Ses01F_impro01/Ses01F_impro01_{turn}.wav")
    notes = session / "dialog/EmoEvaluation"
    notes.mkdir(parents=True)

    def write(text, name="Ses01F_impro01.txt"):
        (notes / name).write_text(text)
        return tmp_path

    return write


def line(turn, emotion):
    return f"[6.2901 - 8.2357]\tSes01F_impro01_{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]\n"


def test_iemocap_speaker_is_the_one_who_speaks_not_the_one_with_the_markers(trees, one_dialogue):
    turns = [("Ses01F_impro01_F000", "neu"), ("Ses01F_impro01_M003", "exc")]
    rows = corpora.read("iemocap", one_dialogue(trees.evaluation(turns))).set_index("utterance_id")
    columns = ["speaker", "sex", "emotion_raw", "emotion", "sentence"]
    assert rows.loc["Ses01F_impro01_M003", columns].tolist() == [
        "1M", "m", "exc", "happy", "impro01",
    ]  # fmt: skip
    assert rows.loc["Ses01F_impro01_F000", columns[:3]].tolist() == ["1F", "f", "neu"]


def test_label_files_are_among_the_files_of_a_corpus(one_dialogue, monkeypatch):
    root = one_dialogue(line("F000", "ang"))
    monkeypatch.setenv("HUMP_DATA", str(root))
    paths = corpora.files("iemocap", hump.load_params("params/paper.yaml"))
    assert root / "iemocap/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt" in paths
    assert len(paths) == 3


def test_iemocap_turn_without_a_label_is_accounted_for(one_dialogue):
    rows = corpora.read("iemocap", one_dialogue(line("F000", "ang")))
    assert rows["excluded"].dropna().tolist() == ["no label in dialog/EmoEvaluation"]


@pytest.mark.parametrize(("text", "message"), [
    (line("F000", "bored"), r"Ses01F_impro01\.txt, line 1: emotion='bored': expected one of neu"),
    ("\n" + line("F000", "ang").replace("\t", " "), r"01\.txt, line 2: '\[6.2901 .*: expected '"),
    (line("F000", "ang") + line("F000", "sad"), "2: Ses01F_impro01_F000 is 'sad' here and 'ang' b"),
])  # fmt: skip
def test_iemocap_label_that_cannot_be_right_names_file_and_line(one_dialogue, text, message):
    with pytest.raises(CorpusError, match=message):
        corpora.read("iemocap", one_dialogue(text))


def test_iemocap_comment_in_another_encoding_is_read_over(one_dialogue, tmp_path):
    root = one_dialogue(line("F000", "ang") + line("M003", "sad"))
    file = root / "iemocap/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    file.write_bytes(file.read_bytes() + "C-E4:\tAnger;\t(fiancé)\n".encode("latin-1"))
    assert corpora.read("iemocap", root)["emotion"].tolist() == ["angry", "sad"]


def test_tess_as_distributed(tmp_path):
    """Two of its files are AIFF named .wav, one of them at 96 kHz; one name lacks a letter."""
    (tmp_path / "tess").mkdir()
    noise = np.random.default_rng(1).normal(0, 0.1, (3, 96_000))
    form = {"format": "AIFF"}
    soundfile.write(tmp_path / "tess/OAF_back_angry.wav", noise[0], 96_000, **form)
    soundfile.write(tmp_path / "tess/YAF_back_sad.wav", noise[1], 24_414, **form)
    soundfile.write(tmp_path / "tess/OA_bite_neutral.wav", noise[2], 24_414)
    rows = corpora.read("tess", tmp_path).set_index("utterance_id")
    assert rows["excluded"].isna().all()
    columns = ["speaker", "emotion", "sampling_rate"]
    assert rows.loc["OAF_back_angry", columns].tolist() == ["OAF", "angry", 96_000]
    assert rows.loc["YAF_back_sad", columns].tolist() == ["YAF", "sad", 24_414]
    assert rows.loc["OAF_bite_neutral", columns].tolist() == ["OAF", "neutral", 24_414]


def test_published_tables_agree_with_themselves():
    """Lines of classes, of speakers and of both add up to the same corpus."""
    for name, (files, speakers, _) in TOTALS.items():
        table = counts.published(name)
        whole = table[table["speaker"] == ""]
        assert whole["utterances"].sum() == files, name
        alone = table[table["speaker"].ne("") & ~table["speaker"].str.contains(" ")]
        assert alone["speaker"].nunique() == speakers, name
        covered = files if name != "iemocap" else 5_531
        assert alone["utterances"].sum() == covered, name
        assert set(whole["emotion_raw"]) == set(corpora.RECIPES[name].emotions), name


def test_recipes_say_what_a_message_needs():
    for name, recipe in corpora.RECIPES.items():
        assert recipe.name == name and recipe.layout.startswith(f"{name}/")
        assert recipe.source and recipe.licence and recipe.title
        assert set(filter(None, recipe.emotions.values())) == set(names.EMOTIONS)
    warned = {name for name, recipe in corpora.RECIPES.items() if recipe.warning}
    assert warned == {"mesd", "savee", "urdu"}


def test_csv_files_lie_beside_a_recipe(trees):
    for file in trees.BESIDE.glob("*.csv"):
        assert file.name.split(".")[0] in corpora.RECIPES
        with file.open() as lines:
            assert len(list(csv.DictReader(lines))) >= 2
