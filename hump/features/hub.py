"""Files of an encoder on the Hugging Face hub, from its local cache or downloaded."""

import warnings
from pathlib import Path

from hump.errors import EncoderError
from hump.util.files import ROOT

CONFIG, WEIGHTS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"
# Names the files that large weights are divided into.
INDEX = "model.safetensors.index.json"
# Some older models have only pickled weights on their main branch; the hub's own converter offers
# the same weights, unpickled, in a pull request.
_CONVERSION = ("SFconvertbot", "Adding `safetensors` variant of this model")  # author and title


def get(encoder: str, file: str) -> Path | None:
    """A file of a model, None if the model has none of that name.

    Parameters
    ----------
    encoder : str
        ``owner/model``, or ``owner/model@revision``.
    file : str

    Returns
    -------
    Path or None

    Raises
    ------
    EncoderError
        The hub has no such model, or cannot be reached.
    """
    from httpx2 import TransportError
    from huggingface_hub import errors, try_to_load_from_cache

    name, _, revision = encoder.partition("@")
    try:
        return _cached(name, revision, file) or _fetch(name, revision or None, file)
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, TransportError) as e:
        if file == PREPROCESSOR and isinstance(e, errors.LocalEntryNotFoundError):
            if try_to_load_from_cache(name, file, revision=revision or None) is None:
                warnings.warn(
                    f"encoder={encoder!r}: the hub cannot be reached to see whether it has "
                    f"{PREPROCESSOR}; its usual settings are taken. Download it once to be sure",
                    stacklevel=2,
                )
            return None
        raise EncoderError(
            f"encoder={encoder!r}: is no folder here or in {ROOT} and not in the local cache, and "
            "the hub cannot be reached; download it where there is a network and give the folder, "
            "or use one that comes with the project: hump/assets/hubert-mini or "
            "hump/assets/whisper-base-3"
        ) from e
    except (errors.HfHubHTTPError, errors.HFValidationError) as error:
        raise EncoderError(
            f"encoder={encoder!r}: is no folder here or in {ROOT}, and the hub has no such model "
            f"or revision, or does not let you read it ({type(error).__name__}); check the name, "
            "or give a local folder"
        ) from error


def _cached(name, revision, file):
    from huggingface_hub import constants, file_download, try_to_load_from_cache

    folder = file_download.repo_folder_name(repo_id=name, repo_type="model")
    refs = Path(constants.HF_HUB_CACHE) / folder / "refs"
    # Weights may be of a conversion; other branches are what a user has asked for by name.
    offered = refs.glob("refs/pr/*") if file in (WEIGHTS, INDEX) else ()
    known = ["main", *sorted(path.relative_to(refs).as_posix() for path in offered)]
    for ref in [revision] if revision else known:
        path = try_to_load_from_cache(name, file, revision=ref)
        if isinstance(path, str):
            return Path(path)
    return None


def _fetch(name, revision, file):
    if file == WEIGHTS and _cached(name, revision, INDEX):
        return None
    path = _download(name, revision, file)
    if file == WEIGHTS and not path and not revision and not _download(name, revision, INDEX):
        converted = _conversion(name)
        path = _download(name, converted, file) if converted else None
    return path


def _download(name, revision, file):
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(name, file, revision=revision))
    except errors.LocalEntryNotFoundError:
        raise
    except errors.EntryNotFoundError:
        return None


def _conversion(name):
    """Git reference of the hub's own conversion of a model's weights, if there is one."""
    from huggingface_hub import get_repo_discussions

    return next((
        discussion.git_reference for discussion in get_repo_discussions(name)
        if discussion.is_pull_request and (discussion.author, discussion.title) == _CONVERSION
    ), None)  # fmt: skip
