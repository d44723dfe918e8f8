"""What a small HuBERT predicts: of every frame, the nearest of some cluster centres."""

from dataclasses import dataclass

import torch
from sklearn.cluster import MiniBatchKMeans
from transformers import HubertModel

__all__ = ["Units", "cluster", "exact_positions", "in_bfloat16"]


@dataclass(frozen=True)
class Units:
    """Cluster centres of MFCC, or of a network's states.

    Attributes
    ----------
    centres : torch.Tensor, float32, shape (units, width)
        In standardised coordinates.
    mean, deviation : torch.Tensor, float32, shape (width,)
    teacher : transformers.HubertModel or None
        Whose last states are clustered; None for MFCC.
    """

    centres: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor
    teacher: HubertModel | None = None

    def __len__(self):
        return len(self.centres)

    @torch.no_grad()
    def __call__(self, signals, frames):
        """Units of a batch.

        Parameters
        ----------
        signals : torch.Tensor, float32, shape (pieces, samples)
            16 kHz; not listened to without a teacher.
        frames : torch.Tensor, float32, shape (pieces, frames, 39)
            MFCC; not looked at with a teacher.

        Returns
        -------
        torch.Tensor of int64, shape (pieces, frames)
        """
        values = frames if self.teacher is None else self._states(signals)
        scaled = (values - self.mean) / self.deviation
        # |x - c|^2 less |x|^2, which is the same for all centres.
        distance = self.centres.square().sum(1) - 2 * scaled @ self.centres.T
        return distance.argmin(-1)

    def _states(self, signals):
        with in_bfloat16(signals.device.type):
            return self.teacher(signals).last_hidden_state.float()


def in_bfloat16(device: str):
    """Context in which matrix products round to bfloat16, where the device has instructions for it.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    torch.autocast
    """
    able = torch.cpu.get_capabilities()
    has = device == "cuda" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=has)


def exact_positions(model: HubertModel) -> None:
    """Let the convolution over positions stay in float32 within `in_bfloat16`.

    On a CPU, PyTorch's bfloat16 convolution of few channels a group is not rough but wrong: with 8
    of them, as here, it is off by more than the result itself (torch 2.13; with 48, as in
    HuBERT-base, it is right). A network trained through it learns next to nothing.

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


def cluster(frames, count: int, *, seed: int, device: str, teacher=None) -> Units:
    """Find the centres, every dimension weighing the same.

    Parameters
    ----------
    frames : torch.Tensor, float32, shape (..., width)
    count : int
        Centres.
    seed : int
    device : str
        Where the units will be used.
    teacher : transformers.HubertModel, optional
        Whose states the frames are.

    Returns
    -------
    Units
    """
    flat = frames.reshape(-1, frames.shape[-1]).double().cpu().numpy()
    mean, deviation = flat.mean(0), flat.std(0) + 1e-6
    found = MiniBatchKMeans(count, n_init=3, batch_size=4096, max_iter=100, random_state=seed)
    found.fit((flat - mean) / deviation)
    values = (found.cluster_centers_, mean, deviation)
    tensors = (torch.tensor(value, dtype=torch.float32, device=device) for value in values)
    return Units(*tensors, teacher)
