"""The card of a model says what the tables and the model say."""

import json
import re

import numpy as np
import pytest

from hump import evaluation, model, results
from hump.experiments import protocol
from hump.model import familiar
from hump.params import names
from hump.report import cards
from hump.training import fit
from hump.util import text


@pytest.fixture
def saved(make_data, params, monkeypatch):
    monkeypatch.setenv("HUMP_WORKERS", "1")
    pretrain = params.pretrain.model_copy(update={"max_folds": 3})
    params, source = params.model_copy(update={"pretrain": pretrain}), make_data("demo_source")
    facts = {"language": "en", "licence": "as hump", "utterances": 80, "speakers": 5}
    listed = results.corpora(params).assign(**facts).drop(columns="note")
    results.write(listed, params, results.CORPORA)
    run = protocol.pretrain_source(source, params)
    folder = protocol.train_final_source(source, params, 1, run.calibration)
    columns = ["corpus", "system"]
    table = evaluation.summarise(run.predictions, columns, source.labels, params.evaluation, seed=1)
    return cards.write(folder, params, table, run.calibration), params, source, run, table


def test_a_model_stores_its_temperature_and_what_is_usual_and_its_card_says_so(saved):
    card, params, source, run, table = saved
    net = model.load(card.parent)
    fitted = run.calibration.set_index("scaling").loc["temperature"]
    assert card.parent == results.model(params) and card.name == "README.md"
    assert net.origin["temperature"] == fitted["temperature"]
    assert fitted["temperature_lowest"] <= fitted["temperature"] <= fitted["temperature_highest"]
    assert fitted["utterances"] == 80, "each utterance is tested once"
    batch = source.batch(np.arange(80))
    far = familiar.distances(net, batch).numpy()
    alone = familiar.distances(net, source.batch(np.array([7])))
    np.testing.assert_allclose(alone.numpy(), far[[7]], rtol=1e-4)
    scaled = (
        source.features.mfcc[7].mean(0) - net.scale_mfcc.mean.numpy()
    ) / net.scale_mfcc.deviation.numpy()
    assert far[7, 1] == pytest.approx(np.sqrt(np.mean(scaled**2)), rel=1e-4)
    for stream, column in zip(("hubert", "mfcc", "prosody"), far.T):
        assert 0 < (column > net.origin["usual"][stream]).mean() <= 0.02, stream
    page = card.read_text(encoding="utf-8")
    assert "| demo_source | en | 80 | 5 | as hump |" in page
    (row,) = table[table["system"] == names.PRETRAINED].itertuples()
    assert f"| 100 % | 80 | 5 | {text.uar(row)} | {text.columns(row, 'wa')}" in page
    assert f"the temperature {fitted['temperature']:.3g}, the median" in page
    assert f"| 100 % | temperature | 80 | {fitted['ece']:.3f} |" in page
    assert "synthetic demo speech; small encoder distilled from Whisper" in page
    assert (
        net.origin["encoder_fingerprint"][:16] in page
        and "6.3 hours of recorded speech, listed" in page
    )
    assert "None" not in page and "nan" not in page and not re.search(r"[{}]", page)
    assert json.loads((card.parent / "config.json").read_text())["origin"] == net.origin


def test_a_stream_that_is_replaced_by_its_mean_says_nothing(saved):
    card, _, source, *_ = saved
    net = model.load(card.parent)
    one, other = (source.batch(np.array([number])) for number in (0, 1))
    for stream in net.config.streams:
        silent = familiar.without(net, one, stream)
        assert familiar.distances(net, silent)[0, net.config.streams.index(stream)] < 1e-3
        assert not np.allclose(net(silent).detach(), net(one).detach(), atol=1e-4)
    source.features.prosody[1] = net.scale_prosody.mean
    expected = fit.predict(net, source, np.array([1]))
    found = net.probabilities(familiar.without(net, other, "prosody")).detach()
    np.testing.assert_allclose(found, expected, atol=1e-6)
