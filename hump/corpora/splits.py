"""Folds and draws: which rows train, validate and test.

Every split is checked when it is made. No speaker and no audio is in two of its parts, and no
sentence is in training and test where a fold keeps sentences apart. Only the ``paper`` protocol
lets speakers be in both parts, in order to measure how much that adds to a result.
"""

from dataclasses import dataclass, replace

import numpy as np

from hump.errors import CorpusError, LeakageError

_NO_ROWS = np.empty(0, int)
# Training speakers of a fold that choose a number of epochs, or a variant; one alone is a gamble.
VALIDATING = 3


@dataclass(frozen=True)
class Fold:
    """The test part of a split, by names.

    Attributes
    ----------
    name : str
    test : tuple of str
        Test speakers.
    sentences : tuple of str
        If not empty, the test part is these sentences by the test speakers, and the training part
        is the other sentences by the other speakers.
    validation : tuple of str
        Speakers that may validate a model of the source, the best choice first.
    """

    name: str
    test: tuple[str, ...]
    sentences: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Positions of rows in a manifest, by the part that they are in.

    Attributes
    ----------
    name : str
        Name of the fold or draw.
    train, validation, test : numpy.ndarray, shape (rows,), int
        `validation` may be empty.
    apart : tuple of str
        Columns of the manifest; no value of them may be in two parts.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    apart: tuple[str, ...] = ("speaker", "audio_sha256")

    def checked(self, rows) -> "Split":
        """Return this split if nothing leaks between its parts.

        Parameters
        ----------
        rows : pandas.DataFrame
            The manifest that the split was made for.

        Returns
        -------
        Split

        Raises
        ------
        LeakageError
            A value of a column in `apart` is in two parts; the message names the first.
        """
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for column in self.apart:
            part_of = {}
            for part, positions in parts.items():
                if column == "sentence" and part == "validation":
                    continue  # validation chooses an epoch and is not reported
                for value in rows[column].iloc[positions].unique():
                    if value in part_of:
                        raise LeakageError(
                            f"{column}={value!r} is in {part_of[value]} and in {part} of fold "
                            f"{self.name!r}: it must be in one; this is a fault of the split"
                        )
                    part_of[value] = part
        return self

    def with_train(self, train, rows, validation=None) -> "Split":
        """Replace the training rows, as by a draw from them, and check the split again.

        Parameters
        ----------
        train : numpy.ndarray, shape (rows,), int
            Positions of the new training rows.
        rows : pandas.DataFrame
            The manifest that the split was made for.
        validation : numpy.ndarray, shape (rows,), int, optional
            Positions of new validation rows; by default they stay.

        Returns
        -------
        Split

        Raises
        ------
        LeakageError
            As `checked`, for example because a test speaker's row was drawn.
        """
        validation = self.validation if validation is None else validation
        return replace(self, train=train, validation=validation).checked(rows)


def speaker_folds(rows, max_folds: int, frozen=()) -> list[Split]:
    """Speaker-independent folds: each speaker is tested once, by models trained on other speakers.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    max_folds : int
        Used without frozen folds: with at most this many speakers each fold leaves one out, else
        speakers are assigned to this many folds round-robin within each sex. Where a table names
        sessions that share no speaker, whole sessions are assigned in their place.
    frozen : sequence of Fold
        Folds that come with the corpus; speakers that a partial copy lacks are left out.

    Returns
    -------
    list of Split
        Checked, without validation rows.

    Raises
    ------
    CorpusError
        There are fewer than two speakers, or one is in no fold.
    """
    folds = _folds(rows, max_folds, frozen, least=2)
    return [_split(rows, fold, validation=_NO_ROWS) for fold in folds]


def source_folds(rows, max_folds: int, frozen=()) -> list[Split]:
    """Folds as `speaker_folds`, with some of the training speakers set aside for validation.

    They are the first present of those that the fold names, then of the test speakers of the folds
    that follow: as many as `validating` takes.

    Parameters
    ----------
    rows, max_folds, frozen
        As in `speaker_folds`.

    Returns
    -------
    list of Split
        Checked.

    Raises
    ------
    CorpusError
        There are fewer than three speakers, or one is in no fold.
    """
    folds = _folds(rows, max_folds, frozen, least=3)
    present, splits = set(rows["speaker"]), []
    for number, fold in enumerate(folds):
        following = folds[number + 1 :] + folds[:number]
        choice = [*fold.validation, *(name for other in following for name in other.test)]
        held = validating(name for name in choice if name in present and name not in fold.test)
        splits.append(_split(rows, fold, np.flatnonzero(rows["speaker"].isin(held))))
    return splits


def validating(speakers) -> list:
    """The first `VALIDATING` of some training speakers, but at most half of them.

    Parameters
    ----------
    speakers : iterable of str
        The best choice first; all training speakers of a fold.

    Returns
    -------
    list of str
    """
    speakers = list(dict.fromkeys(speakers))
    return speakers[: min(VALIDATING, len(speakers) // 2)]


def _split(rows, fold, validation):
    is_test = rows["speaker"].isin(fold.test).to_numpy()
    is_train, apart = ~is_test, Split.apart
    is_train[validation] = False
    if fold.sentences:
        spoken = rows["sentence"].isin(fold.sentences).to_numpy()
        is_train, is_test, apart = is_train & ~spoken, is_test & spoken, (*apart, "sentence")
    train, test = np.flatnonzero(is_train), np.flatnonzero(is_test)
    return Split(fold.name, train, validation, test, apart).checked(rows)


def _folds(rows, max_folds, frozen, least):
    """The frozen folds that have test rows, or folds made round-robin."""
    corpus, present = rows["corpus"].iloc[0], set(rows["speaker"])
    if len(present) < least:
        raise CorpusError(
            f"{corpus}: {len(present)} speakers in use, the protocol needs at least "
            f"{least}; add speakers, or use the corpus in another role"
        )
    if not frozen:
        return _round_robin(rows, max_folds, least)
    if unknown := present - {name for fold in frozen for name in fold.test}:
        raise CorpusError(
            f"{corpus}: speaker={', '.join(sorted(unknown))}: in none of the corpus's folds; "
            "remove the files of that speaker"
        )
    folds = [fold for fold in frozen if _has_test_rows(rows, fold)]
    if len({fold.test for fold in folds}) < least:
        raise CorpusError(
            f"{corpus}: its {len(present)} speakers in use are all in the same {len(folds)} of the "
            f"corpus's folds, the protocol needs {least}; add speakers of the others"
        )
    return folds


def _has_test_rows(rows, fold):
    is_test = rows["speaker"].isin(fold.test)
    return (is_test & rows["sentence"].isin(fold.sentences) if fold.sentences else is_test).any()


def _round_robin(rows, max_folds, least):
    """Speakers by turns, or whole sessions where sessions share no speaker."""
    apart = rows.groupby("speaker")["session"].nunique(dropna=False).lt(2).all()
    apart = apart and rows["session"].notna().all() and rows["session"].nunique() >= least
    unit = "session" if apart else "speaker"
    units = rows[["sex", unit]].sort_values(["sex", unit]).drop_duplicates(unit)
    names = units[unit].tolist()
    folds = min(max_folds, len(names))
    groups = sorted(names[fold::folds] for fold in range(folds))
    if unit == "speaker":
        return [Fold("+".join(group), tuple(group)) for group in groups]
    speakers = rows.groupby("session")["speaker"].unique()
    return [Fold("+".join(g), tuple(sorted(n for s in g for n in speakers[s]))) for g in groups]


def stratified_draw(rows, positions, fraction: float, rng) -> np.ndarray:
    """Draw a fraction of some rows, the same fraction of each emotion.

    At least one utterance of each emotion is drawn. With a generator of the same seed a larger
    draw contains the smaller one, so that the points of a fraction curve are comparable.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    positions : numpy.ndarray, shape (rows,), int
        Rows to draw from.
    fraction : float
        In (0, 1].
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (drawn rows,), int
        Positions, sorted.
    """
    emotion = rows["emotion"].iloc[positions].to_numpy()
    drawn = []
    for label in sorted(set(emotion)):
        candidates = rng.permutation(positions[emotion == label])
        drawn.append(candidates[: max(1, round(fraction * len(candidates)))])
    return np.sort(np.concatenate(drawn))


def paper_split(rows, fraction: float, rng) -> Split:
    """A fraction of all utterances trains and the rest tests, so that speakers overlap.

    A reading of the paper, which does not state whether they do.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    fraction : float
        In (0, 1).
    rng : numpy.random.Generator

    Returns
    -------
    Split
        Checked for audio, not for speakers.
    """
    everything = np.arange(len(rows))
    train = stratified_draw(rows, everything, fraction, rng)
    test = np.setdiff1d(everything, train)
    return Split("all speakers", train, _NO_ROWS, test, apart=("audio_sha256",)).checked(rows)
