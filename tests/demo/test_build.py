"""Building a demo corpus: names, sizes, determinism, reuse, interruption, errors."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile

from hump import demo
from hump.demo import corpus, synthesis
from hump.errors import CorpusError, DiskFullError, HumpError, ParameterError
from hump.params.folders import DEMO
from hump.params.names import EMOTIONS
from hump.util import code

SMALL = {"seed": 1, "actors": 2, "sentences": 1, "takes": 1, "progress": False}


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*/*.wav")
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return demo.build("demo_german", tmp_path_factory.mktemp("small"), **SMALL)


def test_names_and_format(small):
    expected = {
        f"{speaker}/{speaker}_{emotion}_s01_t1.wav"
        for speaker in ("de01f", "de02m")
        for emotion in EMOTIONS
    }
    assert set(digests(small)) == expected
    for path in small.glob("*/*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")


def test_stamp_says_what_was_built(small):
    stamp = json.loads((small / "corpus.json").read_text())
    assert stamp["note"] == "synthetic demo speech"
    assert (stamp["name"], stamp["seed"], stamp["utterances"]) == ("demo_german", 1, 8)


def test_stamp_changes_with_all_that_decides_how_a_corpus_sounds_and_nothing_else():
    """The stamp holds the code version of `hump.demo.synthesis`: this is what that covers."""
    modules, libraries = code.closure("hump.demo.synthesis")
    folder = Path(demo.__file__).parent
    own = {f"hump.demo.{file.stem}" for file in folder.glob("*.py")}
    outside = {"hump.demo.__init__", "hump.demo.corpus"}  # files and progress
    assert modules == own - outside | {"hump.errors", "hump.params.names"}
    assert libraries == {"espeakng_loader", "numpy", "scipy", "yaml"}


def test_larger_corpus_holds_the_smaller(small, tmp_path):
    larger = demo.build(
        "demo_german", tmp_path, seed=1, actors=3, sentences=2, takes=2, progress=False
    )
    made = digests(larger)
    assert len(made) == 3 * 2 * 2 * 4
    assert digests(small).items() <= made.items()
    assert len(set(made.values())) == len(made)


def test_other_process_makes_the_same_bytes(small, tmp_path):
    script = (
        "import sys; from hump import demo;"
        f"demo.build('demo_spanish', sys.argv[1], **{SMALL!r});"
        f"demo.build('demo_german', sys.argv[1], **{SMALL!r})"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert digests(tmp_path / "demo_german") == digests(small)


def test_order_does_not_matter():
    last = {"seed": 5, "number": 4, "emotion": "sad", "sentence": 2, "take": 1}
    alone = synthesis.synthesise("demo_italian", **last)
    synthesis.synthesise("demo_mandarin", **{**last, "emotion": "angry"})
    assert synthesis.synthesise("demo_italian", **last).tobytes() == alone.tobytes()


def test_seed_changes_every_utterance(small, tmp_path):
    other = digests(demo.build("demo_german", tmp_path, **{**SMALL, "seed": 2}))
    assert not set(other.values()) & set(digests(small).values())


def test_reused_when_the_stamp_agrees(small, monkeypatch):
    monkeypatch.setattr(corpus, "synthesise", lambda *_, **__: pytest.fail("synthesised again"))
    assert demo.build("demo_german", small.parent, **SMALL) == small


@pytest.mark.parametrize("damage", ["recipe", "file", "sound", "stamp"])
def test_rebuilt_after_a_change(damage, small, tmp_path, monkeypatch):
    folder = demo.build("demo_german", tmp_path, **SMALL)
    if damage == "recipe":
        monkeypatch.setattr(corpus.code, "version", lambda module: f"another {module}")
    elif damage == "file":
        next(folder.glob("*/*.wav")).unlink()
    elif damage == "sound":
        next(folder.glob("*/*.wav")).write_bytes(b"RIFF")
    else:
        (folder / "corpus.json").write_text("{")
    extra = folder / "de01f" / "stale.txt"
    extra.touch()
    demo.build("demo_german", tmp_path, **SMALL)
    assert not extra.exists()
    assert digests(folder) == digests(small)


def test_killed_build_leaves_nothing_half_used(small, tmp_path):
    script = (
        "import os, sys; from hump import demo; from hump.demo import corpus\n"
        "real, count = corpus.soundfile.write, [0]\n"
        "def write(*a, **k):\n"
        "    count[0] += 1\n"
        "    if count[0] == 4: os._exit(9)\n"
        "    real(*a, **k)\n"
        "corpus.soundfile.write = write\n"
        f"demo.build('demo_german', sys.argv[1], **{SMALL!r})"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == 9
    assert not (tmp_path / "demo_german").exists()
    assert (tmp_path / ".demo_german.building").is_dir()
    assert digests(demo.build("demo_german", tmp_path, **SMALL)) == digests(small)
    assert not (tmp_path / ".demo_german.building").exists()


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError, match=r"t1\.wav: cannot be written, the disk is full; free"):
        demo.build("demo_german", tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [".demo_german.lock"]


def test_failed_build_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise HumpError("disc full")

    monkeypatch.setattr(corpus, "synthesise", fail)
    with pytest.raises(HumpError, match="disc full"):
        demo.build("demo_german", tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [".demo_german.lock"]


def test_two_builders_at_once(small, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        builds = [pool.submit(demo.build, "demo_german", tmp_path, **SMALL) for _ in range(2)]
    assert {build.result() for build in builds} == {tmp_path / "demo_german"}
    assert digests(tmp_path / "demo_german") == digests(small)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actors": 13}, r"actors=13: demo_german allows 1 to 12"),
        ({"sentences": 11}, r"sentences=11: demo_german allows 1 to 10"),
        ({"takes": 0}, r"takes=0: demo_german allows 1 to 99"),
        ({"seed": -1}, r"seed=-1: must be 0 or more"),
        ({"name": "demo_dutch"}, r"name='demo_dutch': .* allowed are demo_source, demo_english"),
    ],
)
def test_impossible_requests(change, message, tmp_path):
    with pytest.raises(ParameterError, match=message):
        demo.build(**{"name": "demo_german", "root": tmp_path, **SMALL, **change})
    assert not list(tmp_path.iterdir())
    sizes = {key: value for key, value in SMALL.items() if key != "progress"}
    with pytest.raises(ParameterError, match=message):
        demo.check(**{"name": "demo_german", **sizes, **change})


def test_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "demo_german").mkdir()
    (tmp_path / "demo_german" / "mine.wav").touch()
    with pytest.raises(CorpusError, match=r"has no corpus\.json.*move it away"):
        demo.build("demo_german", tmp_path, **SMALL)
    assert (tmp_path / "demo_german" / "mine.wav").exists()


def test_describe_has_a_row_per_corpus():
    table = demo.describe()
    assert tuple(table.index) == DEMO
    assert list(table.columns) == [
        "language",
        "actors",
        "sentences",
        "bandwidth",
        "noise",
        "room",
        "acting",
    ]
    assert (table["actors"] >= 10).all()


def test_scripts():
    scripts = ("english", "english_target", "german", "italian", "spanish", "mandarin")
    texts = [demo.SENTENCES[script] for script in scripts]
    assert all(len(set(text)) == 10 for text in texts)
    assert not set(texts[0]) & set(texts[1])
