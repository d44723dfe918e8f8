"""Who trains and who is tested; nothing crosses a split.

Every split is checked when it is made: no speaker and no audio is on both sides, except that the
``paper`` protocol lets speakers overlap, which is what it is there to show.
"""

from dataclasses import dataclass

import numpy as np

from hump.errors import CorpusError, LeakageError

__all__ = ["Split", "paper_split", "source_folds", "speaker_folds", "stratified_draw"]


@dataclass(frozen=True)
class Split:
    """Positions of rows in a manifest.

    Attributes
    ----------
    name : str
        The fold: its test speakers, or the draw.
    train, validation, test : numpy.ndarray of int
        `validation` may be empty.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def checked(self, rows, *, speakers: bool = True) -> "Split":
        """This split, if nothing leaks.

        Parameters
        ----------
        rows : pandas.DataFrame
            The manifest that it was made for.
        speakers : bool
            Whether a speaker may be in one part only; audio always may.

        Returns
        -------
        Split

        Raises
        ------
        LeakageError
            A speaker or an audio hash is in two parts; the message names one.
        """
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for column in ("speaker", "audio_sha256") if speakers else ("audio_sha256",):
            owner = {}
            for part, positions in parts.items():
                for value in rows[column].iloc[positions].unique():
                    if value in owner:
                        raise LeakageError(
                            f"{column}={value!r} is in {owner[value]} and in {part} of fold "
                            f"{self.name!r}: it must be in one; this is a fault of the split"
                        )
                    owner[value] = part
        return self


def speaker_folds(rows, max_folds: int) -> list[Split]:
    """Folds over speakers: each speaker is tested once, by a model that never heard them.

    One speaker out if there are at most `max_folds`; else speakers are dealt to folds in turn,
    sex by sex, so that folds are alike.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    max_folds : int

    Returns
    -------
    list of Split
        Without validation rows.

    Raises
    ------
    CorpusError
        Fewer than two speakers.
    """
    splits = []
    for group in _groups(rows, max_folds, least=2):
        test = rows["speaker"].isin(group).to_numpy()
        train, nobody = np.flatnonzero(~test), np.empty(0, int)
        split = Split("+".join(group), train, nobody, np.flatnonzero(test))
        splits.append(split.checked(rows))
    return splits


def source_folds(rows, max_folds: int) -> list[Split]:
    """Folds as `speaker_folds`, in which one further speaker validates.

    The validation speaker is the first of the next fold's test speakers.

    Parameters
    ----------
    rows : pandas.DataFrame
        Manifest rows in use.
    max_folds : int

    Returns
    -------
    list of Split

    Raises
    ------
    CorpusError
        Fewer than three speakers.
    """
    groups = _groups(rows, max_folds, least=3)
    splits = []
    for group, following in zip(groups, groups[1:] + groups[:1]):
        test = rows["speaker"].isin(group).to_numpy()
        validation = (rows["speaker"] == following[0]).to_numpy()
        split = Split(
            "+".join(group),
            np.flatnonzero(~test & ~validation),
            np.flatnonzero(validation),
            np.flatnonzero(test),
        )
        splits.append(split.checked(rows))
    return splits


def _groups(rows, max_folds, least):
    speakers = rows[["sex", "speaker"]].drop_duplicates().sort_values(["sex", "speaker"])
    names = speakers["speaker"].tolist()
    if len(names) < least:
        raise CorpusError(
            f"{rows['corpus'].iloc[0]}: {len(names)} speakers in use, the protocol needs at least "
            f"{least}; add speakers, or use the corpus in another role"
        )
    folds = min(max_folds, len(names))
    groups = [names[fold::folds] for fold in range(folds)]
    return sorted(groups)


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
    return Split("all speakers", train, np.empty(0, int), test).checked(rows, speakers=False)
