import json

import httpx
import huggingface_hub.constants
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import errors

from hump.errors import EncoderError
from hump.features import encoders

NAME = "somebody/hubert"


@pytest.fixture
def folder(tmp_path):
    """A folder with all that `find` reads of an encoder."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    config = {"model_type": "hubert", "num_hidden_layers": 2}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def online(monkeypatch, tmp_path):
    """A hub with an empty cache: a function of what it holds, {(file, revision): path or error}."""

    def serve(holds):
        def download(name, file, revision=None):
            answer = holds.get((file, revision), make_error(errors.RemoteEntryNotFoundError))
            if isinstance(answer, Exception):
                raise answer
            return str(answer)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return serve


def test_the_embedded_encoder_is_one_like_any_other():
    info = encoders.find(encoders.EMBEDDED)
    assert (info.label, info.trained, info.n_layers, info.normalize) == (
        "hubert-mini", True, 12, True
    )  # fmt: skip
    assert info.config.items() >= encoders.UNTRAINED_CONFIG.items()
    folder = info.weights.parent
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 16 * 2**20
    tensors = safetensors.numpy.load_file(info.weights)
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float16"}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    card = (folder / "README.md").read_text()
    for word in ("updates", "hours", "seconds", "held-out speakers", "code", "Not good for"):
        assert word in card
    assert "OpenAI" in (folder / "LICENSE.teacher").read_text()


def make_error(kind):
    request = httpx.Request("GET", "https://hub.invalid")
    return kind("answered so", response=httpx.Response(404, request=request))


def test_folder_is_found_relative_to_the_project(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(encoders.files, "ROOT", tmp_path)
    info = encoders.find("encoder")
    assert (info.label, info.n_layers, info.normalize) == ("encoder", 2, True)
    assert info.weights == folder / "model.safetensors"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(EncoderError, match=rf"has no {name}; .*save_pretrained"):
        encoders.find(folder)


@pytest.mark.parametrize("name", ["nowhere", "./nowhere", "/no/where", "a/b/c"])
def test_unknown_folder_is_named(name):
    with pytest.raises(EncoderError, match=rf"{name}'?: no such folder; .*hub name"):
        encoders.find(name)


def test_another_kind_of_model_is_refused(folder):
    (folder / "config.json").write_text('{"model_type": "wavlm"}')
    with pytest.raises(EncoderError, match="model_type='wavlm': 'hubert' is required"):
        encoders.find(folder)


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_damaged_configuration_is_named(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(EncoderError, match=r"config\.json: .*download it again"):
        encoders.find(folder)


def test_hub_model_is_downloaded(folder, online):
    online({(file, None): folder / file for file in ("config.json", "model.safetensors")})
    info = encoders.find(NAME)
    assert (info.label, info.normalize) == (NAME, True)
    assert info.fingerprint == encoders.find(folder).fingerprint


def test_pickled_hub_model_is_taken_from_the_hubs_conversion(folder, online, monkeypatch):
    online(
        {
            ("config.json", None): folder / "config.json",
            ("model.safetensors", "refs/pr/7"): folder / "model.safetensors",
        }
    )

    class Discussion:
        title, is_pull_request, git_reference = encoders._CONVERSION[1], True, "refs/pr/7"

        def __init__(self, author):
            self.author = author

    monkeypatch.setattr(
        huggingface_hub,
        "get_repo_discussions",
        lambda name: [Discussion("a stranger"), Discussion("SFconvertbot")],
    )
    assert encoders.find(NAME).weights == folder / "model.safetensors"
    monkeypatch.setattr(
        huggingface_hub, "get_repo_discussions", lambda name: [Discussion("a stranger")]
    )
    with pytest.raises(EncoderError, match=r"has no model\.safetensors; .*save_pretrained"):
        encoders.find(NAME)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.LocalEntryNotFoundError("offline"), "hub cannot be reached.*give the folder"),
        (errors.OfflineModeIsEnabled("offline"), "hub cannot be reached.*hump/assets/hubert-mini"),
        (httpx.ConnectError("no route"), "hub cannot be reached.*give the folder"),
        (make_error(errors.RepositoryNotFoundError), "no such model.*check the name"),
        (make_error(errors.GatedRepoError), "does not let you read it.*local folder"),
        (errors.HFValidationError("bad name"), "no such model.*check the name"),
    ],
)
def test_unreachable_or_unknown_hub_model_is_named(online, error, message):
    online({("config.json", None): error})
    with pytest.raises(EncoderError, match=rf"{NAME}.*{message}"):
        encoders.find(NAME)


def test_cached_hub_model_needs_no_network(folder, online, tmp_path):
    online({("preprocessor_config.json", None): errors.LocalEntryNotFoundError("offline")})
    cache = tmp_path / "hub" / "models--somebody--hubert"
    for ref, commit, file in (
        ("main", "a" * 40, "config.json"),
        ("refs/pr/7", "b" * 40, "model.safetensors"),
    ):
        (cache / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (cache / "refs" / ref).write_text(commit)
        (cache / "snapshots" / commit).mkdir(parents=True)
        (cache / "snapshots" / commit / file).write_bytes((folder / file).read_bytes())
    assert encoders.find(NAME).fingerprint == encoders.find(folder).fingerprint
