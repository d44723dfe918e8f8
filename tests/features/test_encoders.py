import json

import httpx2
import huggingface_hub.constants
import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import errors

from hump.errors import EncoderError
from hump.features import encoders, hub

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
    request = httpx2.Request("GET", "https://hub.invalid")
    return kind("answered so", response=httpx2.Response(404, request=request))


def test_folder_is_found_relative_to_the_project(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(encoders.files, "ROOT", tmp_path)
    info = encoders.find("encoder")
    assert (info.label, info.n_layers, info.normalize) == ("encoder", 2, True)
    assert info.weights == folder / "model.safetensors"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(
        EncoderError, match=rf"has no {name} \(found .*pytorch_model\.bin\); .*save_pretrained"
    ):
        encoders.find(folder)


@pytest.mark.parametrize("name", ["nowhere", "./nowhere", "/no/where", "a/b/c", "hump/assetz"])
def test_unknown_folder_is_named_and_the_network_left_alone(name, monkeypatch):
    monkeypatch.setattr(encoders.hub, "get", lambda *_: pytest.fail("went to the hub"))
    tried = encoders.files.ROOT / name
    with pytest.raises(
        EncoderError, match=rf"'{name}': no such folder; tried .*{tried}; .*hub name"
    ):
        encoders.find(name)


def test_another_kind_of_model_is_refused(folder):
    (folder / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 2}')
    with pytest.raises(EncoderError, match="model_type='bert': one of hubert, .*whisper is req"):
        encoders.find(folder)
    (folder / "config.json").write_text('{"model_type": "whisper", "num_hidden_layers": 2}')
    with pytest.raises(EncoderError, match="encoder_layers=None: a number of layers is required"):
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
        title, is_pull_request, git_reference = hub._CONVERSION[1], True, "refs/pr/7"

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
    with pytest.raises(EncoderError, match=r"has no model\.safetensors .*save_pretrained"):
        encoders.find(NAME)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.LocalEntryNotFoundError("offline"), "hub cannot be reached.*give the folder"),
        (errors.OfflineModeIsEnabled("offline"), "hub cannot be reached.*hump/assets/hubert-mini"),
        (httpx2.ConnectError("no route"), "hub cannot be reached.*give the folder"),
        (make_error(errors.RepositoryNotFoundError), "no such model.*check the name"),
        (make_error(errors.GatedRepoError), "does not let you read it.*local folder"),
        (errors.HFValidationError("bad name"), "no such model.*check the name"),
    ],
)
def test_unreachable_or_unknown_hub_model_is_named(online, error, message):
    online({("config.json", None): error})
    with pytest.raises(EncoderError, match=rf"{NAME}.*{message}"):
        encoders.find(NAME)


def test_a_revision_may_be_pinned(folder, online, tmp_path):
    pin = "c" * 40
    online({
        ("config.json", pin): folder / "config.json",
        ("model.safetensors", pin): folder / "model.safetensors",
        ("config.json", None): tmp_path / "another",
    })  # fmt: skip
    info = encoders.find(f"{NAME}@{pin}")
    assert (info.label, info.fingerprint) == (f"{NAME}@{pin}", encoders.find(folder).fingerprint)
    cache = tmp_path / "hub" / "models--somebody--hubert" / "snapshots" / pin
    cache.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (cache / name).write_bytes((folder / name).read_bytes())
    online({("preprocessor_config.json", pin): errors.LocalEntryNotFoundError("offline")})
    assert encoders.find(f"{NAME}@{pin}").fingerprint == info.fingerprint


def test_weights_divided_into_files_are_downloaded(folder, online):
    shards = {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    (folder / "model.safetensors").unlink()
    for name in shards.values():
        (folder / name).write_text(name)
    names = ("config.json", "model.safetensors.index.json", *shards.values())
    online({(name, None): folder / name for name in names})
    assert encoders.find(NAME).fingerprint == encoders.find(folder).fingerprint


def test_the_beginning_of_whisper_comes_with_the_project():
    info = encoders.find(encoders.WHISPER)
    assert (info.label, info.n_layers, info.norm_after) == ("whisper-base-3", 3, 6)
    folder = info.weights.parent
    assert "Copyright (c) 2022 OpenAI" in (folder / "LICENSE").read_text()
    card = (folder / "README.md").read_text()
    for word in ("openai/whisper-base", "MIT", "first three", "680,000 hours", "Not good for"):
        assert word in card
    assert encoders.about(encoders.WHISPER) == "encoder: first three layers of Whisper base"


def test_cached_hub_model_needs_no_network(folder, online, tmp_path):
    online({("preprocessor_config.json", None): errors.LocalEntryNotFoundError("offline")})
    cache = tmp_path / "hub" / "models--somebody--hubert"
    for ref, commit, file in (
        ("main", "a" * 40, "config.json"),
        ("refs/pr/7", "b" * 40, "model.safetensors"),
        ("dev", "c" * 40, "config.json"),  # which somebody asked for by name
    ):
        (cache / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (cache / "refs" / ref).write_text(commit)
        (cache / "snapshots" / commit).mkdir(parents=True)
        held = (folder / file).read_bytes() if ref != "dev" else b"{}"
        (cache / "snapshots" / commit / file).write_bytes(held)
    with pytest.warns(UserWarning, match=r"see whether it has preprocessor_config\.json"):
        assert encoders.find(NAME).fingerprint == encoders.find(folder).fingerprint
