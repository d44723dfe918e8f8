"""What fraction curves say, where the truth is known."""

import pandas as pd
import pytest

from hump.experiments import fractions
from hump.params import names
from hump.report import answers

SYSTEMS = (names.PRETRAINED, names.SCRATCH, "SVM on eGeMAPS", "majority class")


def predicted(rights, corpus="demo_german", speakers=12, kind="speaker_independent"):
    """Predictions of which a given share is right, for every speaker and emotion alike.

    `rights` maps (fraction, system) to how many of ten utterances are right.
    """
    lines = []
    for (fraction, system), right in rights.items():
        for s in range(speakers):
            for e, emotion in enumerate(names.EMOTIONS):
                wrong = names.EMOTIONS[(e + 1) % 4]
                for k in range(10):
                    lines.append({
                        "protocol": kind, "fraction": fraction, "system": system, "repeat": 0,
                        "fold": f"s{s}", "n_train": int(100 * fraction), "corpus": corpus,
                        "utterance_id": f"{s}-{e}-{k}", "speaker": f"s{s}", "emotion": emotion,
                        "predicted": emotion if k < right else wrong,
                    })  # fmt: skip
    return pd.DataFrame(lines)


@pytest.fixture
def curves():
    """Pre-trained is ahead at 10 % and behind at all data; scratch is level at 33 %."""
    rights = {(0.1, SYSTEMS[0]): 6, (0.33, SYSTEMS[0]): 7, (1.0, SYSTEMS[0]): 7,
              (0.1, SYSTEMS[1]): 4, (0.33, SYSTEMS[1]): 7, (1.0, SYSTEMS[1]): 9,
              (0.1, SYSTEMS[3]): 3, (0.33, SYSTEMS[3]): 3, (1.0, SYSTEMS[3]): 3}  # fmt: skip
    return predicted(rights)


def test_transfer_is_told_where_it_is(curves, params):
    table = fractions.transfer(curves, params).set_index("fraction")
    assert table["difference"].round(6).tolist() == [0.2, 0.0, -0.2]
    assert table["verdict"].tolist() == [fractions.HELPS, fractions.OPEN, fractions.HURTS]
    assert table.loc[0.1, "p"] == pytest.approx(2 / 2**12)
    assert table.loc[0.1, "p_holm"] == pytest.approx(3 * 2 / 2**12), "corrected for three"


def test_too_few_speakers_are_said_to_be_too_few(params):
    rights = {(0.1, SYSTEMS[0]): 9, (0.1, SYSTEMS[1]): 1}
    table = fractions.transfer(predicted(rights, speakers=4), params)
    assert table["verdict"].tolist() == ["4 speakers cannot decide it among 1 tests"]


def test_average_pairs_the_speakers_of_all_targets(curves, params):
    both = pd.concat([curves, curves.assign(corpus="demo_mandarin")])
    table = fractions.transfer(both, params)
    assert table.groupby("corpus", sort=False)["speakers"].first().tolist() == [12, 12, 24]
    assert len(table) == 9


def test_without_models_from_scratch_nothing_is_tested(curves, params):
    alone = curves[curves["system"] != names.SCRATCH]
    table = fractions.transfer(alone, params)
    assert table.empty and "verdict" in table


def test_break_point_is_the_smallest_fraction_that_is_enough(curves, params):
    table = fractions.breakpoints(curves, params).set_index("system")
    assert table["breakpoint"].to_dict() == {names.PRETRAINED: 0.33, names.SCRATCH: 1.0}
    assert table["uar_full"].round(6).tolist() == [0.7, 0.9]
    assert (table["breakpoint_low"] == table["breakpoint"]).all(), "all speakers are alike"
    tolerant = params.fraction_curves.model_copy(update={"tolerance": 0.21})
    tolerant = params.model_copy(update={"fraction_curves": tolerant})
    table = fractions.breakpoints(curves, tolerant).set_index("system")
    assert table["breakpoint"].to_dict() == {names.PRETRAINED: 0.1, names.SCRATCH: 0.33}


def test_interval_of_the_break_point_holds_fractions_of_the_study(curves, params, rng):
    noisy = curves.copy()
    flip = rng.random(len(noisy)) < 0.4
    noisy.loc[flip, "predicted"] = rng.choice(names.EMOTIONS, flip.sum())
    table = fractions.breakpoints(noisy, params)
    for column in ("breakpoint", "breakpoint_low", "breakpoint_high"):
        assert set(table[column]) <= {0.1, 0.33, 1.0}
    assert (table["breakpoint_low"] <= table["breakpoint"]).all()
    assert (table["breakpoint"] <= table["breakpoint_high"]).all()


def test_overlap_is_what_the_papers_protocol_adds(params):
    unseen = predicted({(0.1, SYSTEMS[0]): 5, (1.0, SYSTEMS[0]): 6})
    shared = predicted({(0.1, SYSTEMS[0]): 8}, kind="paper")
    table = fractions.overlap(pd.concat([unseen, shared]), params)
    assert table["fraction"].tolist() == [0.1], "all data is run under one protocol"
    assert table[["difference", "difference_low"]].to_numpy() == pytest.approx(0.3)
    assert fractions.overlap(unseen, params).empty


def test_answers_are_those_of_the_tables(curves, params):
    tests, points = fractions.transfer(curves, params), fractions.breakpoints(curves, params)
    text = answers.about_fractions(tests, points, fractions.overlap(curves, params), params)
    assert "at 100 %: negative transfer (-0.200 [-0.200, -0.200]" in text
    assert "**Enough data**, HuMP-CAT pre-trained: 33 % [33 %, 33 %]" in text
    assert "shown in 1 of 3 cells" in text and "Speaker overlap" not in text


def test_a_study_that_did_without_has_an_answer_without(curves, params):
    def answer(rows):
        tables = (fractions.transfer, fractions.breakpoints, fractions.overlap)
        return answers.about_fractions(*(table(rows, params) for table in tables), params)

    part = answer(curves[curves["fraction"] < 1])
    assert "Pre-training on another corpus" in part
    assert "enough" not in part.lower(), "33 % is not all data"
    alone = answer(curves[curves["system"] != names.SCRATCH])
    assert "of the data" in alone and "Pre-training on" not in alone
    least = curves[(curves["system"] == names.PRETRAINED) & (curves["fraction"] == 0.1)]
    assert "neither models from scratch" in answer(least)
