"""The audit finds a shortcut that is there, and none that is not."""

import numpy as np
import soundfile

from hump import audio, shortcuts


def test_duration_and_loudness(make_data, params, tmp_path):
    rows = make_data().rows
    rng = np.random.default_rng(0)
    level = {"angry": 0.3, "happy": 0.1, "neutral": 0.03, "sad": 0.01}
    rows["path"] = rows["utterance_id"] + ".wav"
    for row in rows.itertuples():
        noise = rng.normal(0, level[row.emotion] / 3, audio.SAMPLING_RATE // 2)
        soundfile.write(tmp_path / row.path, noise, audio.SAMPLING_RATE)
    rows["duration_s"] = rng.uniform(1, 2, len(rows))
    table = shortcuts.audit(rows, tmp_path, params).set_index("system")
    assert table.loc["loudness alone", "uar"] > 0.95
    assert table.loc["duration alone", "uar"] < 0.5
    assert (table["utterances"] == len(rows)).all()
