"""A copy is compared with the hashes of the original."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from hump import corpora
from hump.corpora import counts, originals
from hump.params import folders

STEMS = ("03a01Fa", "03a01Nc", "03a01Wa", "08a02Fa", "08a02Wa", "09b01Fa", "09b01Wa", "10a01Na")


@pytest.fixture
def copy(trees, tmp_path, monkeypatch):
    """A folder of eight recordings that a list names as the originals of EMODB, at 16 kHz."""
    folder = tmp_path / "emodb" / "wav"
    folder.mkdir(parents=True)
    lines = []
    for seed, stem in enumerate(STEMS):
        file = folder / f"{stem}.wav"
        soundfile.write(file, np.random.default_rng(seed).uniform(-0.3, 0.3, 8_000), 16_000)
        content = file.read_bytes()
        lines.append([stem, hashlib.sha256(content).hexdigest()[:8], len(content)])
    table = tmp_path / "list.csv.xz"
    pd.DataFrame(lines, columns=["utterance_id", "file_sha256", "file_size"]).to_csv(
        table, index=False
    )
    monkeypatch.setattr(originals, "place", lambda name: table)
    originals.listed.cache_clear()
    yield folder
    originals.listed.cache_clear()


def states(folder):
    rows = corpora.read("emodb", folder.parents[1])
    table = originals.compare(rows, 16_000)
    assert table["corpus"].eq("emodb").all()
    return {row.state: (row.files, row.example) for row in table.itertuples()}, table


def convert(file, target, rate=16_000, **form):
    values, _ = soundfile.read(file)
    file.unlink()
    soundfile.write(target, values, rate, **form)


def test_the_original_is_known_in_any_folder(copy):
    (copy.parent / "more").mkdir()
    (copy / "03a01Fa.wav").rename(copy.parent / "more" / "03a01Fa.wav")
    found, table = states(copy)
    assert found == {"original": (8, "more/03a01Fa.wav")}
    assert originals.verdict(table, "emodb") == "It is the original: all 8 files have its hashes"


def test_each_way_to_alter_a_file_is_named(copy):
    convert(copy / "03a01Nc.wav", copy / "03a01Nc.flac")
    convert(copy / "03a01Wa.wav", copy / "03a01Wa.opus", format="OGG", subtype="OPUS")
    convert(copy / "08a02Fa.wav", copy / "08a02Fa.wav", rate=8_000)
    values, rate = soundfile.read(copy / "08a02Wa.wav")
    soundfile.write(copy / "08a02Wa.wav", values[:6_000], rate)
    values, rate = soundfile.read(copy / "09b01Fa.wav")
    soundfile.write(copy / "09b01Fa.wav", values / 2, rate)
    (copy / "09b01Wa.wav").rename(copy / "my favourite.wav")
    (copy / "10a01Na.wav").unlink()
    soundfile.write(copy / "11a01Na.wav", -values, rate)
    found, table = states(copy)
    assert found == {
        "original": (1, "wav/03a01Fa.wav"), "converted": (2, "wav/03a01Nc.flac"),
        "resampled": (1, "wav/08a02Fa.wav"), "smaller": (1, "wav/08a02Wa.wav"),
        "changed": (1, "wav/09b01Fa.wav"), "not listed": (1, "wav/11a01Na.wav"),
        "renamed": (1, "wav/my favourite.wav is 09b01Wa"), "missing": (1, "10a01Na"),
    }  # fmt: skip
    verdict = originals.verdict(table, "emodb")
    assert verdict.startswith("Of 8 files, 1 are originals (of 535 files, 8 are listed); ")
    assert "2 converted" in verdict and "1 missing" in verdict


def test_two_originals_that_changed_names_are_renamed(copy):
    (copy / "03a01Fa.wav").rename(copy / "x.wav")
    (copy / "03a01Nc.wav").rename(copy / "03a01Fa.wav")
    (copy / "x.wav").rename(copy / "03a01Nc.wav")
    found, _ = states(copy)
    assert found["renamed"] == (2, "wav/03a01Fa.wav is 03a01Nc") and found["original"][0] == 6
    assert "missing" not in found


def test_a_second_copy_and_a_pointer_are_compared_too(copy):
    (copy / "again").mkdir()
    (copy / "again" / "03a01Fa.wav").write_bytes((copy / "03a01Fa.wav").read_bytes())
    (copy / "10a01Na.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    found, _ = states(copy)
    assert found["original"][0] == 8 and found["smaller"] == (1, "wav/10a01Na.wav")


def test_equal_hash_and_other_size_is_another_file(copy):
    table = originals.listed("emodb")
    table.loc["03a01Fa", "file_size"] += 1
    assert states(copy)[0]["smaller"] == (1, "wav/03a01Fa.wav")


def test_lists_have_each_published_utterance_once():
    sizes = {}
    for name in set(folders.CORPORA) - set(folders.DEMO):
        table = originals.listed(name)
        if len(table):
            sizes[name] = len(table)
            assert table.index.is_unique and table["file_size"].gt(1_000).all(), name
            assert all(re.fullmatch("[0-9a-f]{8}", digits) for digits in table["file_sha256"]), name
    published = {name: counts.published(name) for name in sizes}
    total = {name: t.loc[t["speaker"] == "", "utterances"].sum() for name, t in published.items()}
    # Hashes are known of the first five speakers of ESD.
    assert sizes.pop("esd_zh") == 5 * 1750 and total.pop("esd_zh") == 10 * 1750
    assert sizes == total and set(sizes) == {
        "casia", "cremad", "emodb", "emovo", "nemo", "ravdess", "tess", "urdu",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["casia", "cremad", "emodb", "emovo", "nemo", "ravdess"])
def test_lists_have_the_published_speakers_and_labels(name):
    """The names in a list are those that the recipe gives to the files, so its counts hold."""
    recipe, ids = corpora.RECIPES[name], originals.listed(name).index
    if name == "casia":
        ids = ids.str.replace("-", "/")
    said = [recipe.decode(recipe.said(utterance)) for utterance in ids]
    rows = pd.DataFrame(said).assign(corpus=name, utterance_id=ids)
    assert counts.mismatches(counts.compare(rows)).empty


def test_identical_originals_are_not_renamed():
    """Three pairs of CREMA-D are byte-identical under two names, and each is what it should be."""
    known = originals.listed("cremad")
    rows = pd.DataFrame({
        "corpus": "cremad", "utterance_id": known.index, "path": known.index + ".wav",
        "file_sha256": known["file_sha256"] + "0" * 56, "file_size": known["file_size"],
        "sampling_rate": 16_000,
    }).reset_index(drop=True)  # fmt: skip
    assert known.duplicated().sum() == 3
    assert originals.compare(rows, 16_000)["state"].tolist() == ["original"]


def test_without_a_list_nothing_is_claimed(trees, tmp_path):
    trees.put(tmp_path / "savee" / "DC_a01.wav")
    table = originals.compare(corpora.read("savee", tmp_path), 44_100)
    expected = "Whether it is the original: no list of hashes is known of this corpus"
    assert table.empty and originals.verdict(table, "savee") == expected
