"""Which encoder a name stands for: its configuration and files, without loading its weights.

A study asks for an encoder's identity far more often than for its output: with the features
stored, this module is all of it that runs.
"""

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from hump.errors import EncoderError
from hump.features import hub
from hump.util import files


class Family(NamedTuple):
    """A family of encoders: transformers' class, ours in `families`, and the key of the depth."""

    model: str
    forward: str
    depth: str = "num_hidden_layers"


# By model_type in config.json.
FAMILIES = {
    "hubert": Family("HubertModel", "Wav2Vec2"),
    "wav2vec2": Family("Wav2Vec2Model", "Wav2Vec2"),
    "unispeech-sat": Family("UniSpeechSatModel", "Wav2Vec2"),
    "data2vec-audio": Family("Data2VecAudioModel", "Data2Vec"),
    "wavlm": Family("WavLMModel", "WavLM"),
    "wav2vec2-bert": Family("Wav2Vec2BertModel", "Wav2Vec2Bert"),
    "whisper": Family(
        "models.whisper.modeling_whisper.WhisperEncoder", "Whisper", depth="encoder_layers"
    ),
}

# Encoders that come with the project: a small HuBERT, and the first layers of Whisper base.
EMBEDDED = "hump/assets/hubert-mini"
WHISPER = "hump/assets/whisper-base-3"

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

# A name on the hub, perhaps with a revision.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")
_REMEDY = (
    "on a machine with a network, run transformers.AutoModel.from_pretrained(name)"
    ".save_pretrained(folder) and the same with AutoFeatureExtractor, and give the folder"
)


@dataclass(frozen=True)
class EncoderInfo:
    """An encoder that exists.

    Attributes
    ----------
    label : str
        For people: the hub name, the folder's name, or "untrained encoder".
    trained : bool
    config : dict
        Of config.json.
    preprocessor : dict
        Of preprocessor_config.json; empty without one.
    weights : Path or None
        The safetensors file, or the index of several; None for the untrained encoder, whose weights
        are computed.
    fingerprint : str
        SHA-256 over configuration, weights and preprocessing; of the untrained encoder, over
        configuration and seed.
    """

    label: str
    trained: bool
    config: dict[str, Any]
    preprocessor: dict[str, Any]
    weights: Path | None
    fingerprint: str

    @property
    def family(self) -> Family:
        """What runs it."""
        return FAMILIES[self.config["model_type"]]

    @property
    def n_layers(self) -> int:
        """Number of transformer layers."""
        return self.config[self.family.depth]

    @property
    def norm_after(self) -> int:
        """Layer after which Whisper's last norm comes: beyond those of a Whisper cut short."""
        return self.config.get("layers_before_cut", self.n_layers)

    @property
    def normalize(self) -> bool:
        """Whether a signal is brought to mean 0 and variance 1 first.

        As the preprocessor's file says, and yes without one, as in `Wav2Vec2FeatureExtractor`.
        """
        return self.preprocessor.get("do_normalize", True)


def find(encoder) -> EncoderInfo:
    """Look an encoder up.

    Parameters
    ----------
    encoder : str or Path
        A local folder (relative to the current folder or the project); a hub name such as
        ``facebook/hubert-base-ls960``, which ``@`` and a revision may follow; or ``untrained``: a
        small network with fixed random weights, as a control.

    Returns
    -------
    EncoderInfo

    Raises
    ------
    EncoderError
        No such folder or hub name, a file is missing, or the files are not those of an encoder of
        `FAMILIES`.
    """
    if str(encoder) == UNTRAINED:
        recipe = json.dumps({"config": UNTRAINED_CONFIG, "seed": UNTRAINED_SEED}, sort_keys=True)
        digest = hashlib.sha256(recipe.encode()).hexdigest()
        return EncoderInfo(UNTRAINED_LABEL, False, UNTRAINED_CONFIG, {}, None, digest)
    folder = _folder(encoder)
    paths = _paths(functools.partial(_local if folder else hub.get, folder or str(encoder)))
    if missing := [name for name, path in paths.items() if not path and name != hub.PREPROCESSOR]:
        there = [path.name for path in folder.iterdir()] if folder else filter(paths.get, paths)
        raise EncoderError(
            f"encoder={str(encoder)!r}: has no {missing[0]} (found "
            f"{', '.join(sorted(there)[:9]) or 'no file'}); {_REMEDY}"
        )
    config = _checked(encoder, _read(paths[hub.CONFIG]))
    preprocessor = paths[hub.PREPROCESSOR]
    hashes = [bytes.fromhex(files.sha256(path)) for path in paths.values() if path]
    return EncoderInfo(
        label=folder.name if folder else str(encoder),
        trained=True,
        config=config,
        preprocessor=_read(preprocessor) if preprocessor else {},
        weights=paths.get(hub.WEIGHTS) or paths[hub.INDEX],
        fingerprint=hashlib.sha256(b"".join(hashes)).hexdigest(),
    )


def _local(folder, name):
    return folder / name if (folder / name).is_file() else None


def _checked(encoder, config):
    """A configuration, if it is of an encoder of a family that is known here."""
    said = f"encoder={str(encoder)!r}: {hub.CONFIG} says"
    if (kind := config.get("model_type")) not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise EncoderError(
            f"{said} model_type={kind!r}: one of {known} is required; choose such an encoder"
        )
    if not isinstance(found := config.get(depth := FAMILIES[kind].depth), int):
        raise EncoderError(
            f"{said} {depth}={found!r}: a number of layers is required; save the model with "
            "transformers again"
        )
    return config


def about(encoder: str) -> str | None:
    """What tables and figures must say of an encoder, by the last part of its name, if anything."""
    remarks = {
        UNTRAINED: UNTRAINED_LABEL,
        PurePath(EMBEDDED).name: "small encoder distilled from Whisper",
        PurePath(WHISPER).name: "encoder: first three layers of Whisper base",
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
    tried = dict.fromkeys((path.absolute(), files.ROOT / path))
    for candidate in tried:
        if candidate.is_dir():
            return candidate.resolve()
    # A name on the hub has an owner, which is no folder here.
    if not _HUB_NAME.fullmatch(str(encoder)) or any(folder.parent.is_dir() for folder in tried):
        raise EncoderError(
            f"encoder={str(encoder)!r}: no such folder; tried {' and '.join(map(str, tried))}; "
            f"give a folder with {hub.CONFIG} and {hub.WEIGHTS}, a hub name such as "
            f"facebook/hubert-base-ls960, {EMBEDDED} or {WHISPER}"
        )
    return None


def _paths(get):
    """The files of an encoder, in a fixed order; `get` gives the path of a name, or None."""
    config, weights = get(hub.CONFIG), {hub.WEIGHTS: get(hub.WEIGHTS)}
    if not weights[hub.WEIGHTS] and (index := get(hub.INDEX)):
        names = sorted(set(_read(index).get("weight_map", {}).values()))
        weights = {hub.INDEX: index} | {name: get(PurePath(name).name) for name in names}
    return {hub.CONFIG: config, **weights, hub.PREPROCESSOR: get(hub.PREPROCESSOR)}


def _read(file):
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(f"{file}: is not JSON ({error}); download it again") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{file}: holds no configuration; download it again")
    return content
