"""The teacher: hidden states of Whisper's encoder, on the frames of the student.

Radford et al. (2023), arXiv 2212.04356, by transformers. It looks at a recording alone, without
padding it to 30 s.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hump.audio import SAMPLING_RATE
from hump.errors import EncoderError
from hump.util.device import in_bfloat16

OFFSET = 200  # samples: half a frame of HuBERT; Whisper's first frame is centred on its first


class Teacher:
    """Whisper's encoder.

    Parameters
    ----------
    name : str or Path
        A folder with ``config.json`` and ``model.safetensors`` of a `WhisperEncoder`, or the hub
        name of a whole Whisper, such as ``openai/whisper-base``.
    layers : sequence of int
        The hidden states asked for; 0 is the output of the convolutions, without positions.
    device : str

    Raises
    ------
    EncoderError
        The files are not those of Whisper's encoder, or it has fewer layers.
    """

    def __init__(self, name, layers, device="cpu"):
        self.name, self.layers, self.device = str(name), list(layers), device
        self.encoder = _load(name).float().to(device).eval().requires_grad_(False)
        config = self.encoder.config
        if max(self.layers) > config.encoder_layers:
            raise EncoderError(
                f"teacher={str(name)!r}: has {config.encoder_layers} layers; layer "
                f"{max(self.layers)} is asked for"
            )
        self.width = config.d_model
        self.mel = WhisperFeatureExtractor(feature_size=config.num_mel_bins)

    @torch.no_grad()
    def __call__(self, signals) -> torch.Tensor:
        """Hidden states of signals of one length.

        Parameters
        ----------
        signals : numpy.ndarray, shape (signals, samples), float32
            16 kHz, at the level of the recording.

        Returns
        -------
        torch.Tensor, shape (signals, frames, layers, width), float32
            Each frame is centred where HuBERT's is.
        """
        mel = self.mel(
            list(signals[:, OFFSET:]), sampling_rate=SAMPLING_RATE, padding="longest",
            return_tensors="pt",
        )["input_features"].to(self.device)  # fmt: skip
        with in_bfloat16(self.device):
            hidden = nn.functional.gelu(self.encoder.conv1(mel))
            hidden = nn.functional.gelu(self.encoder.conv2(hidden)).transpose(1, 2)
            states = [hidden]
            hidden = hidden + self.encoder.embed_positions.weight[: hidden.shape[1]]
            for layer in self.encoder.layers[: max(self.layers)]:
                hidden = layer(hidden, None)
                states.append(hidden)
        return torch.stack([states[layer].float() for layer in self.layers], dim=2)


def _load(name):
    folder = Path(name)
    try:
        if not folder.is_dir():
            return WhisperModel.from_pretrained(str(name), use_safetensors=True).encoder
        config = WhisperConfig.from_json_file(folder / "config.json")
        config._attn_implementation = "eager"
        with torch.random.fork_rng(devices=[]):
            encoder = WhisperEncoder(config)
        encoder.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise EncoderError(
            f"teacher={str(name)!r}: cannot be read as Whisper's encoder ({error}); give a folder "
            "with config.json and model.safetensors of a transformers.WhisperEncoder, or, with a "
            "network, a name on the hub such as openai/whisper-base"
        ) from error
    return encoder
