"""Corpora are downloaded from a server of this machine that answers well, badly or not at all."""

import hashlib
import http.server
import io
import re
import socket
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import hump
from hump import corpora
from hump.__main__ import main
from hump.corpora import catalogue, fetch, originals
from hump.errors import CorpusError, DiskFullError

STEMS = ("03a01Fa", "03a01Nc", "08a02Wa", "09b01Wa")


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `breaks` says after how many bytes the connection breaks, each time."""

    files, breaks, ranges, continues = {}, [], [], True

    def do_GET(self):  # noqa: N802
        body = self.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.continues else 0
        if begin >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        if self.breaks:
            self.wfile.write(body[begin : begin + self.breaks.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(body[begin:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    handler = type("Handler", (Server,), {"files": {}, "breaks": [], "ranges": []})
    monkeypatch.setattr(fetch, "_PAUSE_S", 0)
    monkeypatch.setattr(fetch, "_CHUNK", 100)  # what is lost when a connection breaks
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as one:
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        handler.address = f"http://127.0.0.1:{one.server_port}"
        yield handler
        one.shutdown()


def zipped(members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def offer(server, trees, tmp_path, monkeypatch):
    """Serve EMODB, four files of it in an archive, which are also listed as its originals."""
    sounds = {stem: trees.tiny_wav(stem) for stem in STEMS}
    table = pd.DataFrame(
        {"file_sha256": [hashlib.sha256(sound).hexdigest()[:8] for sound in sounds.values()],
         "file_size": [len(sound) for sound in sounds.values()]},
        index=pd.Index(sounds, name="utterance_id"),
    )  # fmt: skip
    monkeypatch.setattr(originals, "listed", lambda name: table)

    def serve(content=None, path="/emodb.zip", checksum=None):
        members = {f"wav/{stem}.wav": sound for stem, sound in sounds.items()}
        good = zipped(members | {"erklaerung.txt": b"text"})
        server.files[path] = good if content is None else content
        published = f"md5:{hashlib.md5(good).hexdigest()}" if checksum else None
        address = server.address + path
        one = replace(catalogue.RECIPES["emodb"], archive=address, checksum=published)
        monkeypatch.setitem(catalogue.RECIPES, "emodb", one)
        return server.files[path]

    serve.sounds = sounds
    return serve


def left_over(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("checksum", [True, False])
def test_a_corpus_is_brought_to_the_folder_that_the_recipe_reads(offer, tmp_path, capsys, checksum):
    offer(checksum=checksum)
    said = fetch.fetch("emodb", tmp_path)
    assert said.startswith(f"emodb: {tmp_path / 'emodb'}. It is the original: all 4 files")
    shown = capsys.readouterr().out
    for term in ("Berlin Database", "licence  free to use", "http://emodb.bilderbar.info"):
        assert term in shown
    rows = corpora.read("emodb", tmp_path)
    assert sorted(rows["utterance_id"]) == list(STEMS) and rows["excluded"].isna().all()
    assert left_over(tmp_path) == [*(f"{stem}.wav" for stem in STEMS), "erklaerung.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["emodb"]


def test_terms_are_shown_before_anything_is_asked_of_the_server(offer, tmp_path, monkeypatch):
    offer()
    order = []
    monkeypatch.setattr("builtins.print", lambda text, **more: order.append(text))
    monkeypatch.setattr(fetch, "_retrieve", lambda *asked: order.append("asked") or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fetch.fetch("emodb", tmp_path)
    assert "licence  free to use" in order[0] and order[1:] == ["asked"]


def test_a_corpus_that_is_there_is_left_alone(offer, server, trees, tmp_path):
    offer()
    trees.put(tmp_path / "emodb" / "mine.wav")
    assert "is there already; nothing is downloaded" in fetch.fetch("emodb", tmp_path)
    assert server.ranges == [] and left_over(tmp_path) == ["mine.wav"]
    (tmp_path / "emodb" / "mine.wav").rename(tmp_path / "emodb" / "notes.txt")
    with pytest.raises(CorpusError, match="holds files, but no audio; move it away"):
        fetch.fetch("emodb", tmp_path)


def test_a_broken_download_continues_where_it_stopped(offer, server, tmp_path):
    body = offer(checksum=True)
    server.breaks += [1000, 2000]
    fetch.fetch("emodb", tmp_path)
    assert server.ranges == [None, "bytes=1000-", "bytes=3000-"] and len(body) > 4000


def test_a_server_that_cannot_continue_is_asked_for_all(offer, server, tmp_path):
    offer(checksum=True)
    server.breaks, server.continues = [1000], False
    assert "It is the original" in fetch.fetch("emodb", tmp_path)
    assert server.ranges == [None, "bytes=1000-"]


def test_the_next_run_continues_a_download_that_failed(offer, server, tmp_path):
    offer(checksum=True)
    server.breaks += [100] * fetch._ATTEMPTS
    with pytest.raises(CorpusError, match=r"emodb\.zip: the connection failed 5 times .* run the"):
        fetch.fetch("emodb", tmp_path)
    assert not (tmp_path / "emodb").exists()
    fetch.fetch("emodb", tmp_path)
    assert server.ranges[-1] == "bytes=500-"


def test_a_part_that_is_longer_than_the_file_is_dropped(offer, server, tmp_path):
    body = offer(checksum=True)
    part = tmp_path / ".fetch-emodb" / "emodb.zip.part"
    part.parent.mkdir()
    part.write_bytes(body + b"more")
    assert "It is the original" in fetch.fetch("emodb", tmp_path)
    assert server.ranges == [f"bytes={len(body) + 4}-", None]


def test_no_server(offer, server, tmp_path, monkeypatch):
    offer()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/x.zip"
    one = replace(catalogue.RECIPES["emodb"], archive=nobody)
    monkeypatch.setitem(catalogue.RECIPES, "emodb", one)
    with pytest.raises(CorpusError, match=r"x\.zip: the connection failed 5 times"):
        fetch.fetch("emodb", tmp_path)


def test_an_address_that_is_gone(offer, server, tmp_path):
    offer()
    server.files.clear()
    expected = r"emodb\.zip: the answer is 404 Not Found; get it from http://emodb\.bilderbar\.info"
    with pytest.raises(CorpusError, match=expected):
        fetch.fetch("emodb", tmp_path)
    assert not (tmp_path / "emodb").exists()


@pytest.mark.parametrize("wrong", ["cut", "other"])
def test_wrong_content_does_not_pass_the_checksum(offer, tmp_path, wrong):
    body = offer(checksum=True)
    offer({"cut": body[:-1000], "other": b"x" * len(body)}[wrong], checksum=True)
    with pytest.raises(CorpusError, match="emodb.zip: is not what was published. MD5 hash"):
        fetch.fetch("emodb", tmp_path)
    assert left_over(tmp_path) in ([], ["lock"])
    offer(checksum=True)
    assert "It is the original" in fetch.fetch("emodb", tmp_path), "it starts anew"


@pytest.mark.parametrize("wrong", ["cut", "page", "damaged"])
def test_without_a_checksum_a_bad_archive_is_found(offer, tmp_path, wrong):
    body = offer()
    damaged = bytearray(body)
    damaged[200:400] = bytes(200)
    offer({"cut": body[:-1000], "page": b"<html>moved</html>", "damaged": bytes(damaged)}[wrong])
    with pytest.raises(CorpusError, match="is not a whole ZIP archive"):
        fetch.fetch("emodb", tmp_path)
    assert left_over(tmp_path) == []
    offer()
    assert "It is the original" in fetch.fetch("emodb", tmp_path), "it starts anew"


def test_an_archive_of_something_else_is_refused(offer, trees, tmp_path):
    offer(zipped({f"{stem}.wav": trees.tiny_wav("another") for stem in STEMS[:1]}))
    with pytest.raises(CorpusError, match="holds no original of emodb"):
        fetch.fetch("emodb", tmp_path)
    offer(zipped({"README": b"moved"}))
    with pytest.raises(CorpusError, match="holds no audio file"):
        fetch.fetch("emodb", tmp_path)
    assert left_over(tmp_path) == []


def test_an_archive_that_differs_in_a_file_is_kept_and_told(offer, trees, tmp_path):
    sounds = offer.sounds | {STEMS[0]: trees.tiny_wav("another")}
    offer(zipped({f"wav/{stem}.wav": sound for stem, sound in sounds.items()}))
    assert "Of 4 files, 3 are originals" in fetch.fetch("emodb", tmp_path)


@pytest.mark.parametrize("member", ["../evil.wav", "wav/../../../evil.wav", "/tmp/hump-evil.wav"])
def test_an_archive_cannot_write_elsewhere(offer, tmp_path, member):
    offer(zipped({"wav/03a01Fa.wav": offer.sounds["03a01Fa"], member: b"evil"}))
    with pytest.raises(CorpusError, match=f"holds '{member}', outside of its folder"):
        fetch.fetch("emodb", tmp_path / "my" / "corpora")
    assert left_over(tmp_path) == [] and not Path("/tmp/hump-evil.wav").exists()


def test_files_of_a_folder_are_brought_one_by_one(offer, server, tmp_path):
    for stem, sound in offer.sounds.items():
        offer(sound, path=f"/AudioWAV/{stem}.wav")
    offer(b"", path="/AudioWAV/")
    server.files[f"/AudioWAV/{STEMS[1]}.wav"] = b"other"
    with pytest.raises(
        CorpusError, match=rf"{STEMS[1]}\.wav: has SHA-256 .* and 5 bytes, expected"
    ):
        fetch.fetch("emodb", tmp_path)
    server.files[f"/AudioWAV/{STEMS[1]}.wav"] = offer.sounds[STEMS[1]]
    server.ranges.clear()
    assert "It is the original: all 4 files" in fetch.fetch("emodb", tmp_path)
    assert 1 <= len(server.ranges) <= 3, "what was there is not downloaded again"
    assert sorted(corpora.read("emodb", tmp_path)["utterance_id"]) == list(STEMS)


def test_no_room(offer, tmp_path, monkeypatch):
    offer()
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: type("", (), {"free": 10}))
    with pytest.raises(DiskFullError, match=r"needs 0 MB, 0 MB are free; make room"):
        fetch.fetch("emodb", tmp_path)


def test_two_at_once(offer, tmp_path):
    offer()
    with hump.util.files.lock(tmp_path / ".fetch-emodb" / "lock"):
        with pytest.raises(CorpusError, match="another download into it is running"):
            fetch.fetch("emodb", tmp_path)


def test_where_to_ask_for_a_corpus_that_is_not_free(tmp_path):
    for name in ("iemocap", "esd_en", "esd_zh", "savee", "casia", "emovo"):
        one = catalogue.RECIPES[name]
        with pytest.raises(CorpusError) as error:
            fetch.fetch(name, tmp_path)
        for part in (f"{tmp_path / name}: no free download of {name} is known", one.source,
                     one.licence, one.layout):  # fmt: skip
            assert part in str(error.value)
    with pytest.raises(CorpusError, match="demo_english: no such corpus; choose among iemocap,"):
        fetch.fetch("demo_english", tmp_path)


def test_the_command_brings_what_it_can_and_names_the_rest(offer, tmp_path, capsys, monkeypatch):
    offer()
    monkeypatch.setenv("HUMP_DATA", str(tmp_path))
    assert main(["fetch", "iemocap", "emodb"]) == 1
    out, err = capsys.readouterr()
    assert "It is the original" in out and "no free download of iemocap is known" in err
    assert main(["fetch", "emodb"]) == 0
    assert main(["fetch"]) == 0
    out, _ = capsys.readouterr()
    assert "ravdess  CC BY-NC-SA 4.0: ./run_all.sh fetch ravdess" in out
    assert "iemocap  on request, for research: by hand from https://sail.usc.edu/iemocap/" in out


def test_nothing_else_downloads():
    package = Path(hump.__file__).parent
    users = [file.relative_to(package).as_posix() for file in package.rglob("*.py")
             if re.search(r"import.*\bfetch\b|corpora\.fetch", file.read_text())]  # fmt: skip
    assert users == ["__main__.py"]


def test_addresses_are_those_of_the_sources():
    for one in catalogue.RECIPES.values():
        if one.archive:
            assert re.match(r"https?://", one.archive), one.name
            assert len(originals.listed(one.name)) or one.checksum or one.name == "mesd"
        assert not one.checksum or re.fullmatch(r"md5:[0-9a-f]{32}", one.checksum)
