"""Who trains and who is tested; nothing crosses a split.

Every split is checked when it is made: no speaker and no audio is on both sides, and no sentence
where the folds say so; only the ``paper`` protocol lets speakers overlap, which is what it is
there to show.
"""

from dataclasses import dataclass

import numpy as np

from hump.errors import CorpusError, LeakageError

__all__ = ["Fold", "Split", "paper_split", "source_folds", "speaker_folds", "stratified_draw"]


@dataclass(frozen=True)
class Fold:
    """Whom a fold tests.

    Attributes
    ----------
    name : str
    test : tuple of str
        Speakers.
    sentences : tuple of str
        If there are any, these speakers are tested on these sentences, and the others train on
        the other sentences.
    validation : tuple of str
        Speakers that may validate a model of the source, the best choice first.
    """

    name: str
    test: tuple[str, ...]
    sentences: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Positions of rows in a manifest.

    Attributes
    ----------
    name : str
        The fold, or the draw.
    train, validation, test : numpy.ndarray of int
        `validation` may be empty.
    apart : tuple of str
        Columns of the manifest of which no value may be in two parts.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    apart: tuple[str, ...] = ("speaker", "audio_sha256")

    def checked(self, rows) -> "Split":
        """This split, if nothing leaks.

        Parameters
        ----------
        rows : pandas.DataFrame
            The manifest that it was made for.

        Returns
        -------
        Split

        Raises
        ------
        LeakageError
            A value that must stay apart is in two parts; the message names one.
        """
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for column in self.apart:
            owner = {}
            for part, positions in parts.items():
                if column == "sentence" and part == "validation":
                    continue  # it chooses an epoch and is not reported
                for value in rows[column].iloc[positions].unique():
                    if value in owner:
                        raise LeakageError(
                            f"{column}={value!r} is in {owner[value]} and in {part} of fold "
                            f"{self.name!r}: it must be in one; this is a fault of the split"
                        )
                    owner[value] = part
        return self


def speaker_folds(rows, max_folds: int, frozen=()) -> list[Split]:
    """Folds over speakers: each utterance is tested once, by a model that never heard its speaker.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    max_folds : int
        Without frozen folds: one speaker out if there are at most so many; else speakers are
        dealt to folds in turn, sex by sex, so that folds are alike.
    frozen : sequence of Fold
        The corpus's own folds; speakers that a partial copy lacks are left out.

    Returns
    -------
    list of Split
        Without validation rows.

    Raises
    ------
    CorpusError
        Fewer than two speakers, or one that is in no fold.
    """
    nobody = np.empty(0, int)
    return [
        _split(rows, fold, nobody).checked(rows)
        for fold in _folds(rows, max_folds, frozen, least=2)
    ]


def source_folds(rows, max_folds: int, frozen=()) -> list[Split]:
    """Folds as `speaker_folds`, in which one further speaker validates.

    It is the first of the fold's own choice who is there, else of the next folds' test speakers.

    Parameters
    ----------
    rows, max_folds, frozen
        As `speaker_folds`.

    Returns
    -------
    list of Split

    Raises
    ------
    CorpusError
        Fewer than three speakers, or one that is in no fold.
    """
    folds = _folds(rows, max_folds, frozen, least=3)
    present, splits = set(rows["speaker"]), []
    for number, fold in enumerate(folds):
        following = folds[number + 1 :] + folds[:number]
        choice = [*fold.validation, *(name for other in following for name in other.test)]
        speaker = next(name for name in choice if name in present and name not in fold.test)
        validation = np.flatnonzero(rows["speaker"] == speaker)
        splits.append(_split(rows, fold, validation).checked(rows))
    return splits


def _split(rows, fold, validation):
    tested = rows["speaker"].isin(fold.test).to_numpy()
    heard = ~tested
    heard[validation] = False
    if not fold.sentences:
        return Split(fold.name, np.flatnonzero(heard), validation, np.flatnonzero(tested))
    spoken = rows["sentence"].isin(fold.sentences).to_numpy()
    return Split(
        fold.name,
        np.flatnonzero(heard & ~spoken),
        validation,
        np.flatnonzero(tested & spoken),
        apart=("speaker", "audio_sha256", "sentence"),
    )


def _folds(rows, max_folds, frozen, least):
    """The folds that have somebody to test."""
    corpus, present = rows["corpus"].iloc[0], set(rows["speaker"])
    if len(present) < least:
        raise CorpusError(
            f"{corpus}: {len(present)} speakers in use, the protocol needs at least "
            f"{least}; add speakers, or use the corpus in another role"
        )
    if not frozen:
        return _dealt(rows, max_folds)
    if strange := present - {name for fold in frozen for name in fold.test}:
        raise CorpusError(
            f"{corpus}: speaker={', '.join(sorted(strange))}: in none of the corpus's folds; "
            "remove the files of that speaker"
        )
    folds = [fold for fold in frozen if _tested(rows, fold).any()]
    if len({fold.test for fold in folds}) < least:
        raise CorpusError(
            f"{corpus}: its {len(present)} speakers in use are all in the same {len(folds)} of the "
            f"corpus's folds, the protocol needs {least}; add speakers of the others"
        )
    return folds


def _tested(rows, fold):
    tested = rows["speaker"].isin(fold.test)
    return tested & rows["sentence"].isin(fold.sentences) if fold.sentences else tested


def _dealt(rows, max_folds):
    speakers = rows[["sex", "speaker"]].drop_duplicates().sort_values(["sex", "speaker"])
    names = speakers["speaker"].tolist()
    folds = min(max_folds, len(names))
    groups = sorted(names[fold::folds] for fold in range(folds))
    return [Fold("+".join(group), tuple(group)) for group in groups]


def stratified_draw(rows, positions, fraction: float, rng) -> np.ndarray:
    """Part of some rows, with the share of each emotion kept.

    A larger fraction drawn with a generator of the same seed holds the smaller one, so that
    fraction curves compare like with like. At least one utterance of each emotion is drawn.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    positions : numpy.ndarray of int
        Rows to draw from.
    fraction : float
        In (0, 1].
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of int
        Sorted positions.
    """
    emotion = rows["emotion"].iloc[positions].to_numpy()
    chosen = []
    for label in sorted(set(emotion)):
        candidates = rng.permutation(positions[emotion == label])
        chosen.append(candidates[: max(1, round(fraction * len(candidates)))])
    return np.sort(np.concatenate(chosen))


def paper_split(rows, fraction: float, rng) -> Split:
    """The paper's protocol: a fraction of all utterances trains, the rest tests; speakers overlap.

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
    """
    train = stratified_draw(rows, np.arange(len(rows)), fraction, rng)
    test = np.setdiff1d(np.arange(len(rows)), train)
    split = Split("all speakers", train, np.empty(0, int), test, apart=("audio_sha256",))
    return split.checked(rows)
