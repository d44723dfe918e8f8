"""Batches hold what the features hold."""

import numpy as np
import torch


def test_padding_and_order(make_data):
    data = make_data()
    batch = data.batch([7, 3])
    for row, position in enumerate([7, 3]):
        hubert, mfcc = data.features.hubert[position], data.features.mfcc[position]
        assert batch.hubert_length[row] == len(hubert) and batch.mfcc_length[row] == len(mfcc)
        np.testing.assert_array_equal(batch.hubert[row, : len(hubert)], hubert)
        assert not batch.hubert[row, len(hubert) :].any()
        np.testing.assert_array_equal(batch.mfcc[row, : len(mfcc)], mfcc)
    np.testing.assert_array_equal(batch.prosody, data.features.prosody[[7, 3]])


def test_crop_takes_the_same_piece_of_both_sequences(make_data):
    data, found = make_data(), set()
    for i, hubert in enumerate(data.features.hubert):
        hubert[:] = np.arange(len(hubert))[:, None, None]
        data.features.mfcc[i][:] = np.arange(len(data.features.mfcc[i]))[:, None]
    rows = np.arange(40)
    batch = data.batch(rows, crop_s=0.2, rng=np.random.default_rng(0))
    assert batch.hubert.shape[1] == 10 and batch.mfcc.shape[1] == 20
    for row in rows:
        own, length = len(data.features.hubert[row]), batch.hubert_length[row]
        assert length == min(own, 10)
        piece = batch.hubert[row, :length, 0, 0]
        np.testing.assert_array_equal(torch.diff(piece), np.ones(length - 1))
        first, mfcc_first = piece[0].item(), batch.mfcc[row, 0, 0].item()
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


def test_pooled_is_mean_and_deviation_over_time(make_data):
    data = make_data()
    hubert = data.features.hubert[5]
    expected = np.r_[hubert.mean(0).ravel(), hubert.std(0).ravel()]
    np.testing.assert_allclose(data.pooled[5], expected, rtol=1e-5)
