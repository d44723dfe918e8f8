"""Download corpora that anybody may have: ``./run_all.sh fetch NAME...``. Nothing else calls this.

Everything lies in ``.fetch-NAME`` beside the corpora at first: a download that broke continues
there, an archive is unpacked there, and its files are compared with the originals. The corpus gets
its own name when it is whole.
"""

import contextlib
import functools
import shutil
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pooch
import requests
from tqdm.auto import tqdm

from hump.corpora import catalogue, originals, recipe
from hump.errors import CorpusError, DiskFullError, HumpError
from hump.params import folders
from hump.util import files

_ATTEMPTS = 5
_PAUSE_S = 2
_TIMEOUT_S = 60
# Bytes; as many are lost if the connection breaks.
_CHUNK = 2**16
_FILES_AT_ONCE = 4


def overview() -> str:
    """One line for each recorded corpus: its licence, and where it is to be had."""
    lines = []
    for name in _names():
        one = catalogue.RECIPES[name]
        how = f"./run_all.sh fetch {name}" if one.archive else f"by hand from {one.source}"
        lines.append(f"{name:8} {one.licence}: {how}")
    return "\n".join(lines)


def _names():
    return [name for name in folders.CORPORA if name not in folders.DEMO]


def fetch(name: str, root) -> str:
    """Download a corpus, unless it is there; its terms are printed first.

    Parameters
    ----------
    name : str
        Of a recorded corpus.
    root : str or Path
        Folder of corpora; the corpus comes to lie in ``root/name``.

    Returns
    -------
    str
        What was done, and whether the files are the originals.

    Raises
    ------
    CorpusError
        There is no such corpus, or it must be asked for; its address does not answer, breaks off
        again and again, or gives something else. The message says what to do.
    DiskFullError
    """
    if name not in _names():
        raise CorpusError(f"{name}: no such corpus; choose among {', '.join(_names())}")
    one, folder = catalogue.RECIPES[name], folders.corpus_folder(name, root)
    if not recipe.fault_of(folder):
        return f"{name}: {folder} is there already; nothing is downloaded"
    by_hand = f"get it from {one.source} ({one.licence}) and put it there as {one.layout}"
    if not one.archive:
        raise CorpusError(f"{folder}: no free download of {name} is known; {by_hand}")
    if folder.is_dir() and any(folder.iterdir()):
        raise CorpusError(f"{folder}: holds files, but no audio; move it away")
    print(f"{name}: {one.title}\n  licence  {one.licence}, see {one.source}\n"
          f"  from     {one.archive}\n  to       {folder}", flush=True)  # fmt: skip
    work = folder.with_name(f".fetch-{name}")
    with _told(one.archive, work, by_hand), files.lock(work / "lock", wait=False):
        said = _bring(one, work)
        (work / name).replace(folder)
        shutil.rmtree(work)
    return f"{name}: {folder}. {said}"


@contextlib.contextmanager
def _told(address, work, by_hand):
    """Say of errors of the network and the disk what to do."""
    try:
        with files.writing(work):
            yield
    except HumpError:
        raise
    except BlockingIOError:
        raise CorpusError(f"{work}: another download into it is running; wait for it") from None
    except requests.HTTPError as error:
        answer = f"{error.response.status_code} {error.response.reason}"
        raise CorpusError(f"{error.response.url}: the answer is {answer}; {by_hand}") from error
    except requests.RequestException as error:
        raise CorpusError(
            f"{address}: the connection failed {_ATTEMPTS} times ({error}); run the same "
            f"command again, which continues where it stopped, or {by_hand}"
        ) from error


def _bring(one, work):
    """Download a corpus to ``work/name``, check it, and say whether it is the original."""
    archive = work / f"{one.name}.zip"
    if one.archive.endswith("/"):
        _bring_files(one, work)
    else:
        _retrieve(one.archive, archive, one.checksum)
    try:
        if archive.exists():
            _unpack(archive, work / one.name)
        table = originals.compare(catalogue.read(one.name, work), one.sampling_rate)
        if len(table) and not table["state"].isin(["original", "renamed"]).any():
            raise CorpusError(
                f"{one.archive}: holds no original of {one.name}: {table['state'].tolist()}; it "
                f"has changed, see {one.source}"
            )
    except CorpusError:
        shutil.rmtree(work)  # to begin anew, and not with the same archive
        raise
    return originals.verdict(table, one.name)


def _bring_files(one, work):
    """Download the files that are listed as originals, each of which is compared at once."""
    known = originals.listed(one.name)
    (work / one.name).mkdir(exist_ok=True)  # here, since pooch's threads would meet in making it

    def bring(name):
        file = work / one.name / f"{name}.wav"
        _retrieve(f"{one.archive}{file.name}", file)
        found = files.sha256(file)[: originals.DIGITS], file.stat().st_size
        if found != tuple(known.loc[name]):
            file.unlink()
            raise CorpusError(
                f"{one.archive}{file.name}: has SHA-256 {found[0]}... and {found[1]} bytes, "
                f"expected {known.at[name, 'file_sha256']}... and {known.at[name, 'file_size']}"
            )

    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        list(tqdm(pool.map(bring, known.index), total=len(known), desc=one.name, unit="file"))


def _retrieve(url, file, checksum=None):
    """Download an address by pooch, unless the file is there; `CorpusError` if its hash differs."""
    pooch.get_logger().setLevel("ERROR")
    loader = functools.partial(_download, partial=file.with_name(f"{file.name}.part"))
    try:
        pooch.retrieve(url, checksum, file.name, file.parent, downloader=loader)
    except requests.RequestException:
        raise
    except ValueError as error:
        raise CorpusError(f"{url}: is not what was published. {error}") from error


def _download(url, target, _pooch, *, partial):
    """Download to `partial`, in several attempts if the connection breaks; then rename it."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _continue(url, partial)
            break
        except requests.HTTPError:
            raise
        except requests.RequestException:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE_S)
    partial.replace(target)


def _continue(url, partial):
    """Download what is missing of `partial`, or all if the server cannot continue."""
    begun = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if begun and answer.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()  # it is longer than the file that lies there now, or as long
            return _continue(url, partial)
        answer.raise_for_status()
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            begun = 0
        size = int(answer.headers.get("Content-Length", 0))
        bar = {"total": begun + size or None, "initial": begun, "desc": partial.stem, "unit": "B"}
        with partial.open("ab" if begun else "wb") as file:
            _check_space(partial, size)
            with tqdm(**bar, unit_scale=True, delay=1) as progress:
                for chunk in answer.iter_content(_CHUNK):
                    progress.update(file.write(chunk))


def _unpack(archive, folder):
    """Unpack an archive into a new folder, and nothing of it anywhere else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.namelist():
                if not (folder / member).resolve().is_relative_to(folder.resolve()):
                    raise CorpusError(f"{archive}: holds {member!r}, outside of its folder")
            _check_space(folder, sum(member.file_size for member in file.infolist()))
            file.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorpusError(
            f"{archive}: is not a whole ZIP archive ({error}) and is deleted; try again, and if "
            "it happens again, the address gives something else by now"
        ) from error


def _check_space(path, size):
    if (free := shutil.disk_usage(Path(path).parent).free) < size:
        raise DiskFullError(
            f"{path}: needs {size / 1e6:.0f} MB, {free / 1e6:.0f} MB are free; make room"
        )
