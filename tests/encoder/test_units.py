"""What the encoder predicts: nearest cluster centres."""

import numpy as np
import torch

from hump.encoder import units


def test_frames_of_a_cluster_have_the_number_of_their_nearest_centre():
    """However differently the dimensions are scaled."""
    rng = np.random.default_rng(3)
    spots = np.array([[0, 0], [10, 0], [0, 1000]], np.float32)
    frames = torch.from_numpy(np.repeat(spots, 400, axis=0))
    frames = frames + torch.from_numpy(rng.normal(0, [0.1, 10], (1200, 2)).astype(np.float32))
    frames = frames.reshape(3, 400, 2)
    clusters = units.cluster(frames, 3, seed=0, device="cpu")
    assert len(clusters) == 3
    numbers = clusters(None, frames)
    assert numbers.shape == (3, 400)
    assert all(len(row.unique()) == 1 for row in numbers) and len(numbers.unique()) == 3
