"""Where an encoder's files are, and what they say, without loading its weights.

A study asks for an encoder's identity far more often than for its output: with the features
stored, this module is all of it that runs.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hump import names, params
from hump.errors import EncoderError
from hump.features import hub, untrained

__all__ = ["UNTRAINED", "Found", "check_layers", "find"]

UNTRAINED = "untrained"
CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
_REMEDY = (
    "on a machine with a network, run transformers.HubertModel.from_pretrained(name)"
    ".save_pretrained(folder) and the same with AutoFeatureExtractor, and give the folder"
)


@dataclass(frozen=True)
class Found:
    """An encoder that exists.

    Attributes
    ----------
    label : str
        For people: the hub name, the folder's name, or "untrained encoder".
    trained : bool
    config : dict
        As `transformers.HubertConfig` takes it.
    normalize : bool
        Whether a signal is brought to mean 0 and variance 1 first; as the preprocessor's file
        says, and yes without one, which is the default of `Wav2Vec2FeatureExtractor`.
    weights : Path or None
        The safetensors file; None for the untrained one, which is computed.
    fingerprint : str
        SHA-256 over configuration, preprocessing and weights (of the
        untrained one: configuration and seed).
    """

    label: str
    trained: bool
    config: dict[str, Any]
    normalize: bool
    weights: Path | None
    fingerprint: str

    @property
    def n_layers(self) -> int:
        """Number of transformer layers in full."""
        return self.config["num_hidden_layers"]


def find(encoder) -> Found:
    """Look an encoder up.

    Parameters
    ----------
    encoder : str or Path
        A local folder (relative to the current folder or the project), a hub name such as
        ``facebook/hubert-base-ls960``, or ``untrained``: a small network with fixed random
        weights, as a control.

    Returns
    -------
    Found

    Raises
    ------
    EncoderError
        No such folder or hub name, a file is missing, or the files are not a HuBERT's.
    """
    if str(encoder) == UNTRAINED:
        recipe = {"config": untrained.CONFIG, "seed": untrained.SEED}
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        return Found(names.UNTRAINED, False, untrained.CONFIG, True, None, digest)
    folder = _folder(encoder)
    if folder:
        label, files = folder.name, {name: folder / name for name in (CONFIG, WEIGHTS)}
        files[PREPROCESSOR] = folder / PREPROCESSOR
    else:
        label, files = str(encoder), hub.files(str(encoder), (CONFIG, PREPROCESSOR, WEIGHTS))
    for name in (CONFIG, WEIGHTS):
        if files[name] is None or not files[name].is_file():
            raise EncoderError(f"encoder={str(encoder)!r}: has no {name}; {_REMEDY}")
    config = _read(files[CONFIG])
    if config.get("model_type") != "hubert":
        raise EncoderError(
            f"encoder={str(encoder)!r}: {CONFIG} says model_type={config.get('model_type')!r}: "
            "'hubert' is required; choose a HuBERT"
        )
    has_preprocessor = files[PREPROCESSOR] is not None and files[PREPROCESSOR].is_file()
    preprocessor = _read(files[PREPROCESSOR]) if has_preprocessor else {}
    present = [files[CONFIG], files[WEIGHTS]] + [files[PREPROCESSOR]] * has_preprocessor
    normalize = preprocessor.get("do_normalize", True)
    return Found(label, True, config, normalize, files[WEIGHTS], _digest(present))


def check_layers(found, layers) -> tuple[int, ...]:
    """The layers asked for, or an error that says which there are.

    Raises
    ------
    EncoderError
    """
    layers = tuple(layers)
    wrong = [layer for layer in layers if not 0 <= layer <= found.n_layers]
    if wrong or not layers:
        raise EncoderError(
            f"layers={list(layers)}: {found.label} has layers 0 (the input of the first) to "
            f"{found.n_layers}; choose from these"
        )
    return layers


def _folder(encoder):
    path = Path(encoder).expanduser()
    for candidate in (path, params.ROOT / path):
        if candidate.is_dir():
            return candidate.resolve()
    if path.is_absolute() or str(encoder).startswith((".", "~")) or str(encoder).count("/") != 1:
        raise EncoderError(
            f"encoder={str(encoder)!r}: no such folder; give a folder with {CONFIG} and {WEIGHTS}, "
            f"a hub name such as facebook/hubert-base-ls960, or {names.EMBEDDED}"
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


def _digest(files):
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
