"""How often an emotion is predicted, beside how often it occurs."""

import pandas as pd

from hump.experiments import bias


def test_label_rates(params):
    true = ["neutral", "sad"] * 4
    said = ["neutral"] * 6 + ["sad"] * 2
    rows = pd.DataFrame({
        "protocol": "speaker_independent", "fraction": 0.0, "system": "x", "corpus": "demo_german",
        "repeat": 0, "speaker": list("aabbccdd"), "utterance_id": range(8), "emotion": true,
        "predicted": said,
    })  # fmt: skip
    other = rows.assign(protocol="paper", predicted="sad")
    table = bias.label_rates(pd.concat([rows, other]), ("neutral", "sad"), params)
    neutral = table.set_index("emotion").loc["neutral"]
    assert neutral["true_rate"] == 0.5 and neutral["predicted_rate"] == 0.75
    assert neutral["difference"] == 0.25 and neutral["utterances"] == 8
    assert neutral["difference_low"] < 0.25 < neutral["difference_high"]
    assert table.set_index("emotion").loc["sad", "difference"] == -0.25
    twice = bias.label_rates(
        pd.concat([rows, rows.assign(repeat=1, predicted="sad")]), ("neutral", "sad"), params
    )
    assert twice["predicted_rate"].tolist() == [0.375, 0.625], "the mean over repeats"
