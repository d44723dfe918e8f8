"""Files of a model on the Hugging Face hub: from its cache, else over the network."""

from pathlib import Path

from hump import names
from hump.errors import EncoderError

__all__ = ["files"]

# Some older models have nothing but pickled weights on their main branch; the hub's own converter
# offers the same weights, unpickled, in a pull request.
CONVERTER, CONVERSION = "SFconvertbot", "Adding `safetensors` variant of this model"


def files(name, wanted) -> dict[str, Path | None]:
    """Get files of a model.

    Parameters
    ----------
    name : str
        ``owner/model``.
    wanted : sequence of str
        File names; ``*.safetensors`` are also looked for in the hub's own conversion.

    Returns
    -------
    dict
        Path of each file, or None if the model has none of that name.

    Raises
    ------
    EncoderError
        The hub cannot be reached and the cache does not hold the model, or there is no such
        model, or it may not be read.
    """
    import httpx
    from huggingface_hub import errors

    try:
        cached = {file: _cached(name, file) for file in wanted}
        if all(cached[file] for file in wanted):
            return cached
        return {file: cached[file] or _download(name, file) for file in wanted}
    except errors.LocalEntryNotFoundError as error:
        if all(cached[file] for file in wanted if file != "preprocessor_config.json"):
            return cached
        raise EncoderError(_unreachable(name)) from error
    except (httpx.TransportError, errors.OfflineModeIsEnabled) as error:
        raise EncoderError(_unreachable(name)) from error
    except (errors.HfHubHTTPError, errors.HFValidationError) as error:
        raise EncoderError(
            f"encoder={name!r}: the hub has no such model, or does not let you read it "
            f"({type(error).__name__}); check the name, or give a local folder"
        ) from error


def _unreachable(name):
    return (
        f"encoder={name!r}: is not in the local cache and the hub cannot be reached; download it "
        f"where there is a network and give the folder, or use encoder: {names.EMBEDDED}, "
        "which comes with the project"
    )


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
        revision = _conversion(name) if file.endswith(".safetensors") else None
        return Path(hf_hub_download(name, file, revision=revision)) if revision else None


def _conversion(name):
    from huggingface_hub import get_repo_discussions

    for discussion in get_repo_discussions(name):
        made_by_hub = discussion.author == CONVERTER and discussion.title == CONVERSION
        if made_by_hub and discussion.is_pull_request:
            return discussion.git_reference
    return None
