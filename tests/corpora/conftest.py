"""Corpora of tiny recordings, laid out and named like the published ones, in every known layout."""

import collections
import csv
import functools
import hashlib
import itertools
import random
import struct
import sys
from pathlib import Path

import pytest

import hump
from hump import corpora
from hump.corpora import recipe

BESIDE = Path(hump.__file__).parent / "corpora" / "recipes"
SHORT = 2_000  # samples, at 8 kHz


def tiny_wav(seed: str) -> bytes:
    """A quarter of a second of 8-bit noise at 8 kHz, the same for the same seed."""
    data = hashlib.shake_128(seed.encode()).digest(SHORT)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + SHORT, b"WAVE", b"fmt ", 16, 1, 1,
                       8_000, 8_000, 1, 8, b"data", SHORT)  # fmt: skip
    return head + data


def put(path, seed=None):
    """Write such a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_wav(str(path) if seed is None else seed))


def published(name, *, both=True):
    """Published counts (speaker, emotion_raw, n); `both`: only rows that name both."""
    with (BESIDE / f"{name}.published.csv").open() as file:
        lines = list(csv.DictReader(file))
    rows = [(line["speaker"], line["emotion_raw"], int(line["utterances"])) for line in lines]
    return [row for row in rows if row[0] and row[1]] if both else rows


def filled(speakers, emotions):
    """A table with given margins, (speaker, emotion, n), filled from the largest margins."""
    speakers, emotions = dict(speakers), dict(emotions)
    table = collections.Counter()
    for _ in range(sum(speakers.values())):
        speaker, emotion = max(speakers, key=speakers.get), max(emotions, key=emotions.get)
        speakers[speaker] -= 1
        emotions[emotion] -= 1
        table[speaker, emotion] += 1
    assert not any(speakers.values()) and not any(emotions.values())
    return [(speaker, emotion, n) for (speaker, emotion), n in sorted(table.items())]


def iemocap():
    """Utterances of IEMOCAP: (session, dialogue, turn, label)."""
    rows = published("iemocap", both=False)
    classes = {emotion: n for speaker, emotion, n in rows if not speaker}
    speakers = {speaker: n for speaker, emotion, n in rows if " " in emotion}
    left = {k: n for k, n in classes.items() if k not in ("neu", "hap", "exc", "ang", "sad")}
    for session in "12345":
        pair = f"{session}F {session}M"
        own = {s: n for s, n in speakers.items() if s in pair}
        labels = {emotion: n for speaker, emotion, n in rows if speaker == pair}
        cells = filled(own, labels)
        # Labels outside the study are assigned to sessions round-robin.
        cells += [(f"{session}F", k, len(range(int(session) - 1, n, 5))) for k, n in left.items()]
        count = itertools.count()
        for speaker, label, n in cells:
            for _ in range(n):
                k = next(count)
                scenario = ("impro01", "script01_1", "impro05a", "script03_2b")[k // 900]
                # Named after the woman or the man, whoever speaks.
                dialogue = f"Ses0{session}{'FM'[k // 450 % 2]}_{scenario}"
                yield session, dialogue, f"{dialogue}_{speaker[1]}{k % 900:03d}", label


def evaluation(turns) -> str:
    """An evaluation file of IEMOCAP, with the lines that are not labels."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for k, (turn, label) in enumerate(turns):
        lines += [
            f"[{k}.2901 - {k + 1}.2357]\t{turn}\t{label}\t[2.5000, 2.5000, 2.5000]",
            "C-E2:\tNeutral;\t()", "C-E4:\tAnger; Sadness;\t(really)",
            "A-E3:\tval 3; act 2; dom  2;\t()", "A-M1:\tval 2; act 3; dom  2;\t()", "",
        ]  # fmt: skip
    return "\n".join(lines)


def put_evaluations(folder, place):
    """The label files of IEMOCAP, and the files beside them."""
    dialogues = {}
    for session, dialogue, turn, label in iemocap():
        dialogues.setdefault((session, dialogue), []).append((turn, label))
    for (session, dialogue), turns in dialogues.items():
        notes = folder / f"{place}Session{session}/dialog/EmoEvaluation"
        (notes / "Categorical").mkdir(parents=True, exist_ok=True)
        (notes / f"{dialogue}.txt").write_text(evaluation(turns))
        (notes / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07 not text \xff")
        one_rater = "".join(f"{turn} :Frustration; ()\n" for turn, _ in turns)
        (notes / "Categorical" / f"{dialogue}_e1_cat.txt").write_text(one_rater)


def emodb():
    rows = published("emodb", both=False)
    letters = dict(zip(("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"),
                       "WLEAFTN"))  # fmt: skip
    texts = "a01 a02 a04 a05 a07 b01 b02 b03 b09 b10".split()
    cells = filled({s: n for s, e, n in rows if s}, {e: n for s, e, n in rows if not s})
    for speaker, emotion, n in cells:
        for k in range(n):
            yield f"{speaker}{texts[k % 10]}{letters[emotion]}{'abcdefgh'[k // 10]}"


def numbered(name):
    return ((s, e, k) for s, e, n in published(name) for k in range(n))


def paths(name, layout):
    """Paths of a published corpus without their ending."""
    if name == "iemocap":
        place = IEMOCAP[layout]
        return [f"{place}Session{session}/sentences/wav/{dialogue}/{turn}"
                for session, dialogue, turn, _ in iemocap()]  # fmt: skip
    if name == "emodb":
        return [f"wav/{stem}" for stem in emodb()]
    if name == "emovo":
        code = {"joy": "gio", "fear": "pau", "anger": "rab", "surprise": "sor", "sadness": "tri"}
        sentences = "b1 b2 b3 d1 d2 l1 l2 l3 l4 n1 n2 n3 n4 n5".split()
        return [f"{s}/{code.get(e, e[:3])}-{s}-{sentences[k]}" for s, e, k in numbered(name)]
    if name == "mesd":
        place = {"named": "Mexican Emotional Speech Database (MESD)/", "flat": ""}[layout]
        return [f"{place}{e}_{s}_{'AB'[k // 24]}_ca_fé{k % 24}" for s, e, k in numbered(name)]
    if name == "casia":
        if layout == "by_emotion":
            spell = {"zhaozuoxiang": "ZhaoZuoxiang"}
            return [f"CASIA/{e}/{201 + k}-{e}-{spell.get(s, s)}" for s, e, k in numbered(name)]
        return [f"{s}/{e}/{201 + k}" for s, e, k in numbered(name)]
    if name in ("esd_en", "esd_zh"):
        parts = ["evaluation/", "test/", "train/"] if layout == "split" else [""]
        place = "Emotion Speech Dataset/" if layout == "nested" else ""
        order = ["Neutral", "Angry", "Happy", "Sad", "Surprise"]
        return [f"{place}{s}/{e}/{parts[k % len(parts)]}{s}_{350 * order.index(e) + k + 1:06d}"
                for s, e, k in numbered(name)]  # fmt: skip
    if name == "ravdess":
        codes = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
        place = {"plain": "", "archive": "Audio_Speech_Actors_01-24/"}[layout]
        form = "Actor_{s}/03-01-{e:02d}-{intensity:02d}-{text:02d}-{take:02d}-{s}"
        return [place + form.format(s=s, e=codes.index(e) + 1, intensity=1 + k // 4,
                                    text=1 + k // 2 % 2, take=1 + k % 2)
                for s, e, k in numbered(name)]  # fmt: skip
    if name == "savee":
        code = {"sadness": "sa", "surprise": "su"}
        form = {"folders": "AudioData/{s}/{e}{k:02d}", "flat": "{s}_{e}{k:02d}"}[layout]
        return [form.format(s=s, e=code.get(e, e[0]), k=k + 1) for s, e, k in numbered(name)]
    if name == "tess":
        place = {"flat": "", "folders": "TESS Toronto emotional speech set data/{s}_{e}/"}[layout]
        word = ["".join(pair) for pair in itertools.product("bdfghklmnprst", repeat=2)] + [
            "".join(triple) for triple in itertools.islice(itertools.product("aeiou", repeat=3), 40)
        ]
        return [place.format(s=s, e=e.title()) + f"{s}_{word[k]}_{e}" for s, e, k in numbered(name)]
    if name == "cremad":
        return list(_cremad())
    if name == "nemo":
        return [f"samples/{s}_{e}_{k + 1}" for s, e, k in numbered(name)]
    if name == "urdu":
        return [f"{e}/{s}_F{k + 1}_{e[0]}0{k + 1}" for s, e, k in numbered(name)]
    raise KeyError(name)


def _cremad():
    absent = {("1002", "TIE", "NEU"), ("1076", "ITS", "NEU")}
    absent_texts = {("1008", "WSI"), ("1009", "MTI"), ("1019", "ITH")}
    actors, emotions = map(str, range(1001, 1092)), "ANG DIS FEA HAP NEU SAD".split()
    texts = "IEO TIE IOM IWW TAI MTI IWL ITH DFA ITS TSI WSI".split()
    for actor, text, e in itertools.product(actors, texts, emotions):
        if (actor, text, e) in absent or (actor, text) in absent_texts:
            continue
        levels = ("LO", "MD", "HI") if text == "IEO" and e != "NEU" else ("XX",)
        yield from (f"AudioWAV/{actor}_{text}_{e}_{level}" for level in levels)


IEMOCAP = {"plain": "", "release": "IEMOCAP_full_release/"}
LAYOUTS = {
    "iemocap": ("plain", "release"), "emodb": ("plain",), "emovo": ("plain",),
    "mesd": ("named", "flat"), "casia": ("plain", "by_emotion"),
    "esd_en": ("plain", "split", "nested"), "esd_zh": ("plain", "split", "nested"),
    "ravdess": ("plain", "archive"), "savee": ("folders", "flat"), "tess": ("flat", "folders"),
    "cremad": ("plain",), "urdu": ("plain",), "nemo": ("plain",),
}  # fmt: skip


def plant(root, name, layout, *, folder=None, keep=lambda path: True):
    """Write a corpus under `root`; `keep` chooses among its paths."""
    folder = root / (folder or name)
    if name == "iemocap":
        put_evaluations(folder, IEMOCAP[layout])
    for path in filter(keep, paths(name, layout)):
        put(folder / f"{path}.wav", seed=f"{name} {Path(path).as_posix()}")
    return folder


@pytest.fixture(scope="session")
def trees():
    """The functions of this module."""
    return sys.modules[__name__]


def facts_by_name(file):
    """Made-up facts in place of opening a sound file, so that a full corpus takes a second."""
    digest = hashlib.sha256(str(file).encode()).hexdigest()
    return {"sampling_rate": 16_000, "channels": 1, "duration_s": 1.0, "level_db": -20.0,
            "silence": 0.1, "clipped": 0.0, "audio_sha256": digest}  # fmt: skip


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """Manifest of a full-size corpus, its files listed in random order and not opened."""

    @functools.cache
    def read(name, layout):
        root = tmp_path_factory.mktemp(name)
        (root / name).mkdir()
        if name == "iemocap":
            put_evaluations(root / name, IEMOCAP[layout])
        files = [root / name / f"{path}.wav" for path in paths(name, layout)]
        random.Random(0).shuffle(files)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recipe, "audio_files", lambda folder: iter(files))
            patch.setattr(recipe, "_facts", facts_by_name)
            return corpora.read(name, root)

    return read
