"""What the network learns to predict: of every frame, the nearest of some cluster centres."""

from dataclasses import dataclass

import torch
from sklearn.cluster import MiniBatchKMeans
from transformers import HubertConfig, HubertModel

from hump.encoder.data import Recipe, Speech
from hump.util import seeds
from hump.util.device import has_bfloat16


@dataclass(frozen=True)
class Units:
    """Cluster centres of MFCC, or of a network's states.

    Attributes
    ----------
    centres : torch.Tensor, shape (units, width), float32
        In standardised coordinates.
    mean, std : torch.Tensor, shape (width,), float32
    teacher : transformers.HubertModel or None
        The network whose last states are clustered; None for MFCC.
    """

    centres: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    teacher: HubertModel | None = None

    def __len__(self):
        return len(self.centres)

    @torch.no_grad()
    def __call__(self, signals, frames):
        """Units of a batch.

        Parameters
        ----------
        signals : torch.Tensor, shape (utterances, samples), float32
            16 kHz; not used without a teacher.
        frames : torch.Tensor, shape (utterances, frames, 39), float32
            MFCC; not used with a teacher.

        Returns
        -------
        torch.Tensor, shape (utterances, frames), int64
        """
        values = frames if self.teacher is None else _states(self.teacher, signals)
        scaled = (values - self.mean) / self.std
        # |x - c|^2 without |x|^2, which is the same for all centres.
        distance = self.centres.square().sum(1) - 2 * scaled @ self.centres.T
        return distance.argmin(-1)


def acoustic_units(recipe: Recipe, *, seed: int, device: str) -> Units:
    """Units of the first iteration: clusters of 39-d MFCC.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    device : str

    Returns
    -------
    Units
    """
    utterances = Speech(recipe, seed, "bank", recipe.clustered, with_mfcc=True)
    frames = [frames for _, frames in utterances.batches("MFCC to cluster", device)]
    return cluster(torch.cat(frames), recipe.units[0], seed=seed, device=device)


def hidden_units(model: HubertModel, recipe: Recipe, *, seed: int, device: str) -> Units:
    """Units of the second iteration: clusters of a middle layer.

    Parameters
    ----------
    model : transformers.HubertModel
        The first iteration's; left as it is.
    recipe : Recipe
    seed : int
    device : str

    Returns
    -------
    Units
    """
    teacher = _first_layers(model, recipe.layer).to(device)
    utterances = Speech(recipe, seed, "bank", recipe.clustered, with_mfcc=False)
    batches = utterances.batches(f"layer {recipe.layer} to cluster", device)
    states = torch.cat([_states(teacher, signals) for signals, _ in batches])
    return cluster(states, recipe.units[1], seed=seed, device=device, teacher=teacher)


def cluster(frames, count: int, *, seed: int, device: str, teacher=None) -> Units:
    """Cluster frames by k-means, with all dimensions scaled to the same variance.

    Parameters
    ----------
    frames : torch.Tensor, shape (..., width), float32
    count : int
        Number of centres.
    seed : int
    device : str
        Where the units will be used.
    teacher : transformers.HubertModel, optional
        The network whose states the frames are.

    Returns
    -------
    Units
    """
    flat = frames.reshape(-1, frames.shape[-1]).double().cpu().numpy()
    mean, std = flat.mean(0), flat.std(0) + 1e-6
    random_state = seeds.seed_of(seed, "k-means") % 2**31
    kmeans = MiniBatchKMeans(
        count, n_init=3, batch_size=4096, max_iter=100, random_state=random_state
    ).fit((flat - mean) / std)
    values = (kmeans.cluster_centers_, mean, std)
    tensors = (torch.tensor(value, dtype=torch.float32, device=device) for value in values)
    return Units(*tensors, teacher)


def in_bfloat16(device: str) -> torch.autocast:
    """Context in which matrix products round to bfloat16, on a device that has instructions for it.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    torch.autocast
    """
    return torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device))


def exact_positions(model: HubertModel) -> None:
    """Keep the convolution over positions in float32 within `in_bfloat16`.

    On a CPU, PyTorch's bfloat16 convolution with few channels a group is wrong: with 8 of them, as
    here, its error exceeds the result itself (torch 2.13; with 48, as in HuBERT-base, it is right).
    A network trained through it learns next to nothing.

    Parameters
    ----------
    model : transformers.HubertModel
        Changed in place.
    """
    convolution = model.encoder.pos_conv_embed.conv
    convolve = convolution.forward

    def exact(hidden):
        with torch.autocast(hidden.device.type, enabled=False):
            return convolve(hidden.float())

    convolution.forward = exact


@torch.no_grad()
def _states(teacher, signals):
    with in_bfloat16(signals.device.type):
        return teacher(signals).last_hidden_state.float()


def _first_layers(model, count):
    config = HubertConfig.from_dict({**model.config.to_dict(), "num_hidden_layers": count})
    with torch.random.fork_rng(devices=[]):
        teacher = HubertModel(config)
    teacher.load_state_dict(model.state_dict(), strict=False)
    exact_positions(teacher)
    return teacher.eval().requires_grad_(False)
