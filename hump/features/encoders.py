"""Which encoder a name stands for: its configuration and files, without loading its weights.

A study asks for an encoder's identity far more often than for its output: with the features
stored, this module is all of it that runs.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from hump.errors import EncoderError
from hump.util import files

# The small trained encoder that comes with the project.
EMBEDDED = "hump/assets/hubert-mini"

# An untrained encoder, the control of the embedded one: the same network, HuBERT-base's at a third
# of its width, with fixed random weights (`weights.build`).
UNTRAINED, UNTRAINED_LABEL = "untrained", "untrained encoder"
UNTRAINED_SEED = 1
UNTRAINED_CONFIG = {
    "model_type": "hubert",
    "hidden_size": 256,
    "num_hidden_layers": 12,
    "num_attention_heads": 4,
    "intermediate_size": 640,
    "conv_dim": [64, 64, 64, 64, 64, 128, 256],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "do_stable_layer_norm": False,
    "num_conv_pos_embeddings": 64,
    "num_conv_pos_embedding_groups": 16,
}

_CONFIG, _WEIGHTS, _PREPROCESSOR = _FILES = (
    "config.json", "model.safetensors", "preprocessor_config.json",
)  # fmt: skip
_REMEDY = (
    "on a machine with a network, run transformers.HubertModel.from_pretrained(name)"
    ".save_pretrained(folder) and the same with AutoFeatureExtractor, and give the folder"
)
# Some older models have only pickled weights on their main branch; the hub's own converter offers
# the same weights, unpickled, in a pull request.
_CONVERSION = ("SFconvertbot", "Adding `safetensors` variant of this model")  # author and title


@dataclass(frozen=True)
class EncoderInfo:
    """An encoder that exists.

    Attributes
    ----------
    label : str
        For people: the hub name, the folder's name, or "untrained encoder".
    trained : bool
    config : dict
        For `transformers.HubertConfig`.
    normalize : bool
        Whether a signal is brought to mean 0 and variance 1 first; as the preprocessor's file
        says, and yes without one, which is the default of `Wav2Vec2FeatureExtractor`.
    weights : Path or None
        The safetensors file; None for the untrained encoder, whose weights are computed.
    fingerprint : str
        SHA-256 over configuration, weights and preprocessing; of the untrained encoder, over
        configuration and seed.
    """

    label: str
    trained: bool
    config: dict[str, Any]
    normalize: bool
    weights: Path | None
    fingerprint: str

    @property
    def n_layers(self) -> int:
        """Number of transformer layers."""
        return self.config["num_hidden_layers"]


def find(encoder) -> EncoderInfo:
    """Look an encoder up.

    Parameters
    ----------
    encoder : str or Path
        A local folder (relative to the current folder or the project), a hub name such as
        ``facebook/hubert-base-ls960``, or ``untrained``: a small network with fixed random
        weights, as a control.

    Returns
    -------
    EncoderInfo

    Raises
    ------
    EncoderError
        No such folder or hub name, a file is missing, or the files are not a HuBERT's.
    """
    if str(encoder) == UNTRAINED:
        recipe = json.dumps({"config": UNTRAINED_CONFIG, "seed": UNTRAINED_SEED}, sort_keys=True)
        digest = hashlib.sha256(recipe.encode()).hexdigest()
        return EncoderInfo(UNTRAINED_LABEL, False, UNTRAINED_CONFIG, True, None, digest)
    folder = _folder(encoder)
    paths = {name: folder / name for name in _FILES} if folder else _hub_files(str(encoder))
    paths = {name: path for name, path in paths.items() if path and path.is_file()}
    for name in (_CONFIG, _WEIGHTS):
        if name not in paths:
            raise EncoderError(f"encoder={str(encoder)!r}: has no {name}; {_REMEDY}")
    config = _read(paths[_CONFIG])
    if config.get("model_type") != "hubert":
        raise EncoderError(
            f"encoder={str(encoder)!r}: {_CONFIG} says model_type={config.get('model_type')!r}: "
            "'hubert' is required; choose a HuBERT"
        )
    preprocessor = _read(paths[_PREPROCESSOR]) if _PREPROCESSOR in paths else {}
    digest = hashlib.sha256(b"".join(bytes.fromhex(files.sha256(p)) for p in paths.values()))
    return EncoderInfo(
        label=folder.name if folder else str(encoder),
        trained=True,
        config=config,
        normalize=preprocessor.get("do_normalize", True),
        weights=paths[_WEIGHTS],
        fingerprint=digest.hexdigest(),
    )


def about(encoder: str) -> str | None:
    """What tables and figures must say of an encoder, by the last part of its name, if anything."""
    remarks = {
        UNTRAINED: UNTRAINED_LABEL,
        PurePath(EMBEDDED).name: "small encoder distilled from Whisper",
    }
    return remarks.get(PurePath(encoder).name)


def check_layers(info: EncoderInfo, layers) -> tuple[int, ...]:
    """The layers asked for, or an error that says which there are.

    Raises
    ------
    EncoderError
    """
    layers = tuple(layers)
    if not layers or not all(0 <= layer <= info.n_layers for layer in layers):
        raise EncoderError(
            f"layers={list(layers)}: {info.label} has layers 0 (the input of the first) to "
            f"{info.n_layers}; choose from these"
        )
    return layers


def _folder(encoder):
    path = Path(encoder).expanduser()
    for candidate in (path, files.ROOT / path):
        if candidate.is_dir():
            return candidate.resolve()
    if path.is_absolute() or str(encoder).startswith((".", "~")) or str(encoder).count("/") != 1:
        raise EncoderError(
            f"encoder={str(encoder)!r}: no such folder; give a folder with {_CONFIG} and "
            f"{_WEIGHTS}, a hub name such as facebook/hubert-base-ls960, or {EMBEDDED}"
        )
    return None


def _read(file):
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(f"{file}: is not JSON ({error}); download it again") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{file}: holds no configuration; download it again")
    return content


def _hub_files(name):
    """A model's files on the Hugging Face hub, cached or downloaded; None for those it lacks."""
    import httpx
    from huggingface_hub import errors

    try:
        cached = {file: _cached(name, file) for file in _FILES}
        if all(cached.values()):
            return cached
        return {file: path or _download(name, file) for file, path in cached.items()}
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, httpx.TransportError) as e:
        if isinstance(e, errors.LocalEntryNotFoundError) and cached[_CONFIG] and cached[_WEIGHTS]:
            return cached
        raise EncoderError(
            f"encoder={name!r}: is not in the local cache and the hub cannot be reached; download "
            f"it where there is a network and give the folder, or use encoder: {EMBEDDED}, "
            "which comes with the project"
        ) from e
    except (errors.HfHubHTTPError, errors.HFValidationError) as error:
        raise EncoderError(
            f"encoder={name!r}: the hub has no such model, or does not let you read it "
            f"({type(error).__name__}); check the name, or give a local folder"
        ) from error


def _cached(name, file):
    from huggingface_hub import constants, file_download, try_to_load_from_cache

    folder = file_download.repo_folder_name(repo_id=name, repo_type="model")
    refs = Path(constants.HF_HUB_CACHE) / folder / "refs"
    for ref in sorted(path for path in refs.rglob("*") if path.is_file()):
        path = try_to_load_from_cache(name, file, revision=ref.relative_to(refs).as_posix())
        if isinstance(path, str):
            return Path(path)
    return None


def _download(name, file):
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(name, file))
    except errors.LocalEntryNotFoundError:
        raise
    except errors.EntryNotFoundError:
        revision = _conversion(name) if file == _WEIGHTS else None
        return Path(hf_hub_download(name, file, revision=revision)) if revision else None


def _conversion(name):
    """Git reference of the hub's own conversion of a model's weights, if there is one."""
    from huggingface_hub import get_repo_discussions

    return next((
        discussion.git_reference for discussion in get_repo_discussions(name)
        if discussion.is_pull_request and (discussion.author, discussion.title) == _CONVERSION
    ), None)  # fmt: skip
