"""Batches hold what the features hold."""

import numpy as np
import pytest
import torch

from hump.errors import FeatureError
from hump.features import Features, Ragged
from hump.training import fit
from hump.training.dataset import Data

LAYERS = 4


@pytest.fixture
def stored(make_data):
    """The made-up corpus as stored features of four layers."""
    made = make_data()
    own = made.features
    hubert = [np.tile(h, (1, LAYERS // 2, 1)) + np.arange(LAYERS)[:, None] for h in own.hubert]
    hubert = [h.astype(np.float32) for h in hubert]
    streams = {
        "hubert": Ragged(np.concatenate(hubert), [len(h) for h in hubert]),
        "mfcc": Ragged(np.concatenate(own.mfcc), [len(m) for m in own.mfcc]),
        "prosody": own.prosody, "egemaps": own.egemaps,
    }  # fmt: skip
    features = Features(
        utterance_ids=own.utterance_ids, corpus="demo_source", streams=streams,
        encoder="made-up encoder", trained=True, layers=tuple(range(LAYERS)), fingerprint="stored",
    )  # fmt: skip
    return Data(made.rows, features, made.labels)


def test_utterances_follow_one_another_in_order(make_data):
    data = make_data()
    batch = data.batch([7, 3])
    for stream in ("hubert", "mfcc"):
        arrays = [getattr(data.features, stream)[position] for position in (7, 3)]
        assert getattr(batch, f"{stream}_length").tolist() == list(map(len, arrays))
        np.testing.assert_array_equal(getattr(batch, stream), np.concatenate(arrays))
        assert getattr(batch, stream).dtype == torch.float32
    np.testing.assert_array_equal(batch.prosody, data.features.prosody[[7, 3]])


def test_crop_takes_the_same_piece_of_both_sequences(make_data):
    data, found = make_data(), set()
    for i, hubert in enumerate(data.features.hubert):
        hubert[:] = np.arange(len(hubert))[:, None, None]
        data.features.mfcc[i][:] = np.arange(len(data.features.mfcc[i]))[:, None]
    rows = np.arange(40)
    batch = data.batch(rows, crop_s=0.2, rng=np.random.default_rng(0))
    pieces = batch.hubert[:, 0, 0].split(batch.hubert_length.tolist())
    mfcc_pieces = batch.mfcc[:, 0].split(batch.mfcc_length.tolist())
    assert max(map(len, pieces)) == 10 and max(map(len, mfcc_pieces)) == 20
    for row, piece, mfcc in zip(rows, pieces, mfcc_pieces):
        own = len(data.features.hubert[row])
        assert len(piece) == min(own, 10)
        np.testing.assert_array_equal(torch.diff(piece), np.ones(len(piece) - 1))
        first, mfcc_first = piece[0].item(), mfcc[0].item()
        assert abs(mfcc_first - 2 * first) <= 2
        found.add(first / max(own - 10, 1))
    assert min(found) == 0 and max(found) > 0.8, "pieces begin anywhere"


def test_crop_leaves_shorter_utterances_whole(make_data):
    data = make_data()
    whole, cropped = data.batch([0, 1]), data.batch([0, 1], crop_s=9, rng=np.random.default_rng(0))
    assert torch.equal(whole.hubert, cropped.hubert) and torch.equal(whole.mfcc, cropped.mfcc)


def test_classes_follow_the_labels(make_data):
    data = make_data()
    assert data.target([0, 4, 8, 12]).tolist() == [0, 1, 2, 3]
    assert data.rows["emotion"].iloc[[0, 4, 8, 12]].tolist() == list(data.labels)


def test_pooled_is_mean_and_standard_deviation_over_time(make_data):
    data = make_data()
    hubert = data.features.hubert[5]
    expected = np.r_[hubert.mean(0).ravel(), hubert.std(0).ravel()]
    np.testing.assert_allclose(data.pooled[5], expected, rtol=1e-5)


def test_moments_are_those_of_known_values(stored):
    features, moments = stored.features, stored.moments
    for stream in ("hubert", "mfcc", "prosody"):
        values = features[stream][5].astype(float)
        values = values[None] if stream == "prosody" else values.reshape(len(values), -1)
        sums = [(~np.isnan(values)).sum(0), np.nansum(values, 0), np.nansum(values**2, 0)]
        np.testing.assert_allclose(moments[stream][5], sums, rtol=1e-13)
    assert np.isnan(features.prosody).any() and moments["prosody"][:, 0].min() == 0


def test_layers_are_selected_without_a_copy(stored):
    some = stored.of_layers((3, 0))
    whole = stored.features.hubert[5]
    np.testing.assert_array_equal(some.features.hubert[5], whole[:, [3, 0]])
    assert some.features.layers == (3, 0)
    assert some.features.fingerprint != stored.features.fingerprint
    assert stored.of_layers(range(LAYERS)) is stored
    with pytest.raises(FeatureError, match=r"layers=\[1, 9\]: these features are of layers \[0, 1"):
        stored.of_layers((1, 9))


def moments_again(data):
    """Moments from the features themselves."""
    return Data(data.rows, data.features, data.labels).moments


def test_scaled_features_have_mean_0_and_variance_1(stored):
    stored.features.prosody[:, 5] = 3.0  # constant
    stored.features.prosody[:, 6] = np.nan
    before = {name: np.array(stored.features[name][5]) for name in ("hubert", "mfcc", "prosody")}
    scaled = stored.scaled()
    for stream in ("hubert", "mfcc"):
        values = [scaled.features[stream][i] for i in range(len(stored.rows))]
        assert {v.shape for v in values} == {w.shape for w in stored.features[stream]}
        values = np.concatenate(values).astype(float)
        np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(0), 1, rtol=1e-5)
    prosody = scaled.prosody
    assert (prosody[:, 5] == 0).all() and np.isnan(prosody[:, 6]).all()
    assert (np.isnan(prosody) == np.isnan(stored.prosody)).all()
    rest = np.delete(prosody, [5, 6], axis=1)
    np.testing.assert_allclose(np.nanmean(rest, 0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(rest, 0), 1, rtol=1e-5)
    for stream, moments in moments_again(scaled).items():
        np.testing.assert_allclose(scaled.moments[stream], moments, rtol=1e-4, atol=1e-4)
    again = Data(scaled.rows, scaled.features, scaled.labels)
    np.testing.assert_allclose(scaled.pooled, again.pooled, rtol=1e-4, atol=1e-4)
    for name, values in before.items():
        np.testing.assert_array_equal(
            stored.features[name][5], values, "the original is left alone"
        )
    assert scaled.fingerprint != stored.fingerprint


def test_some_utterances_are_what_they_were(stored):
    rows = np.array([7, 3, 20])
    some = stored.only(rows)
    assert some.rows["utterance_id"].tolist() == stored.rows["utterance_id"].iloc[rows].tolist()
    assert some.classes.tolist() == stored.classes[rows].tolist()
    torch.testing.assert_close(some.batch([0, 2]).hubert, stored.batch([7, 20]).hubert)
    for stream, moments in moments_again(some).items():
        np.testing.assert_array_equal(some.moments[stream], moments)


def test_shuffling_exchanges_a_stream_among_the_rows_named(stored):
    rows = np.arange(8, 20)
    for stream in ("mfcc", "prosody"):
        mixed = stored.shuffled(stream, rows, np.random.default_rng(0))
        before = [getattr(stored.features, stream)[i] for i in range(80)]
        after = [getattr(mixed.features, stream)[i] for i in range(80)]
        same = [a.shape == b.shape and np.array_equal(a, b, equal_nan=True)
                for a, b in zip(before, after)]  # fmt: skip
        assert [i for i, kept in enumerate(same) if not kept] == rows.tolist()
        assert sorted(np.nansum(a) for a in after) == pytest.approx(
            sorted(np.nansum(a) for a in before)
        )
    assert mixed.features.mfcc is stored.features.mfcc


def test_an_averaged_stream_is_zero_to_the_model(stored, params):
    net = fit.build(stored, params, seed=0)
    fit.fit_scaling(net, stored, range(40))
    dull = stored.averaged("mfcc", net.scale_mfcc.mean.numpy())
    dull = dull.averaged("prosody", net.scale_prosody.mean.numpy())
    batch = dull.batch([3])
    assert batch.mfcc.shape == stored.batch([3]).mfcc.shape
    torch.testing.assert_close(net.scale_mfcc(batch.mfcc), torch.zeros_like(batch.mfcc))
    torch.testing.assert_close(net.scale_prosody(batch.prosody), torch.zeros(1, 103))
