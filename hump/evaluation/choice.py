"""A choice among conditions is made in each fold, on speakers that this fold does not test."""

from hump.errors import LeakageError
from hump.evaluation.metrics import speaker_uar
from hump.params.names import CHOSEN


def nested(validation, tested, by, column, candidates):
    """Choose in every fold by the UAR of its validation speakers; test what was chosen.

    A choice that is made on all validation rows together must not be reported on the same corpus:
    who validates in one fold is tested in another.

    Parameters
    ----------
    validation, tested : pandas.DataFrame
        Predictions of each candidate: columns corpus, repeat, fold, speaker, emotion, predicted,
        `column`, and those of `by`.
    by : list of str
        Columns within which the choice is made anew, such as the fraction.
    column : str
        Column that holds the condition.
    candidates : list of str
        Conditions to choose from; among equals the first.

    Returns
    -------
    predictions : pandas.DataFrame
        Rows of `tested`, with `CHOSEN` as the condition.
    chosen : pandas.Series of str
        The condition chosen, indexed by `by`, corpus, repeat and fold.

    Raises
    ------
    LeakageError
        A speaker validates and is tested in the same fold.
    """
    runs = [*by, "corpus", "repeat", "fold"]
    sides = [rows[[*runs, "speaker"]].drop_duplicates() for rows in (validation, tested)]
    both = sides[0].merge(sides[1])
    if len(both):
        corpus, fold, speaker = both.iloc[0][["corpus", "fold", "speaker"]]
        raise LeakageError(
            f"{corpus}: speaker={speaker!r} chooses among {column}s and is tested in fold "
            f"{fold!r}: choose on other speakers of this fold"
        )
    uars = speaker_uar(validation, [*runs, column]).unstack(column)[list(candidates)]
    # Differences in the last digits do not count.
    chosen = uars.round(9).idxmax(axis=1).rename(column)
    predictions = tested.merge(chosen.reset_index(), on=[*runs, column])
    return predictions.assign(**{column: CHOSEN}), chosen
