"""The columns of a manifest, and which of its rows the study uses."""

import pandas as pd

# The study's columns; then what is said, facts of the audio, why a row is not used (missing if it
# is used), a hash of the audio, by which copies are detected and splits are checked, and the size
# in bytes and hash of the file, by which it is compared with the original.
COLUMNS = (
    "utterance_id", "corpus", "language", "speaker", "sex", "emotion_raw", "emotion", "path",
    "sampling_rate", "duration_s",
    "sentence", "session", "age", "channels", "level_db", "silence", "clipped", "excluded",
    "audio_sha256", "file_size", "file_sha256",
)  # fmt: skip


def in_use(manifest) -> pd.Series:
    """Whether the study uses a row: it is not excluded and has one of the study's labels.

    Parameters
    ----------
    manifest : pandas.DataFrame

    Returns
    -------
    pandas.Series of bool
    """
    return manifest["excluded"].isna() & manifest["emotion"].notna()


def used(manifest) -> pd.DataFrame:
    """Rows of a manifest that the study uses.

    Parameters
    ----------
    manifest : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        With a fresh index.
    """
    return manifest[in_use(manifest)].reset_index(drop=True)
