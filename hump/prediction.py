"""Emotions in recordings of one's own, by a saved model."""

import functools
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from hump import audio
from hump import model as saved
from hump.errors import AudioError, EncoderError, ModelError, ParameterError
from hump.features import encoders, hubert, mfcc, prosody
from hump.features.recordings import pieces as cut_up
from hump.model import familiar
from hump.params import names
from hump.util import device as devices
from hump.util import parallel
from hump.util.files import ROOT

# A longer recording is no utterance: it is described in windows of about an utterance's length. The
# time that attention takes grows with the square.
LONGEST_S, WINDOW_S, HOP_S = 30.0, 3.0, 1.0
# Seconds of audio that the model reads at once.
BATCH_S = 60.0


@dataclass(frozen=True)
class Model:
    """A saved model with the encoder that it was trained with.

    Attributes
    ----------
    net : HumpCat
    encoder : hump.features.hubert.Encoder
    """

    net: saved.HumpCat
    encoder: Any

    @property
    def labels(self) -> list[str]:
        """Emotions, in the order of probabilities."""
        return list(self.net.config.labels)

    @property
    def temperature(self) -> float | None:
        """What scores are divided by so that probabilities are calibrated; None: not fitted."""
        return self.net.origin.get("temperature")

    def unlike(self, distances) -> list[str]:
        """Streams in which a recording is further from the training than nearly all of it was."""
        usual = self.net.origin.get("usual", {})
        named = zip(self.net.config.streams, distances)
        return [names.STREAMS[stream] for stream, far in named if far > usual.get(stream, np.inf)]

    def batch(self, signals) -> saved.Batch:
        """Signals, each of shape (samples,) at 16 kHz, as the network reads them."""
        origin = self.net.origin
        states = hubert.extract(signals, encoder=self.encoder, layers=origin["layers"])
        frames = [mfcc.extract(signal, **origin.get("mfcc", {})) for signal in signals]
        tensors = {}
        for name, arrays in (("hubert", states), ("mfcc", frames)):
            tensors[name] = torch.from_numpy(np.concatenate(arrays)).float()
            tensors[f"{name}_length"] = torch.tensor([*map(len, arrays)])
        fixed = torch.from_numpy(np.stack([prosody.vector(signal) for signal in signals]))
        return saved.Batch(**tensors, prosody=fixed).to(self.encoder.device)

    @torch.inference_mode()
    def describe(self, batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Calibrated probabilities, embeddings, and distances from the training utterances."""
        embeddings = self.net(batch)
        probabilities = (self.net.head(embeddings) / (self.temperature or 1.0)).softmax(dim=1)
        outputs = (probabilities, embeddings, familiar.distances(self.net, batch))
        return tuple(one.cpu().numpy() for one in outputs)


def load(folder, *, device: str = "auto") -> Model:
    """Load a saved model and its encoder, which is known by what its files hold.

    Parameters
    ----------
    folder : str or Path
    device : str
        ``cpu``, ``cuda`` or ``auto``.

    Returns
    -------
    Model

    Raises
    ------
    ModelError, EncoderError, ParameterError
        As `predict`.
    """
    folder, device = Path(folder).expanduser(), devices.resolve(device)
    net = saved.load(folder, device=device)
    if "encoder" not in net.origin:
        raise ModelError(
            f"{folder}: does not say which encoder it needs, as models in a cache do not; give one "
            "of results/<study>/models"
        )
    place, fingerprint = _find_encoder(net.origin, folder.absolute())
    with hubert.LOADING:
        # Older models do not say in which context.
        context = net.origin.get("context", "own")
        return Model(net, _load(place, fingerprint, tuple(net.origin["layers"]), context, device))


def _find_encoder(origin, folder):
    """Where the encoder lies: beside the model or with this package, or where the model says."""
    name, expected, others = origin["encoder"], origin.get("encoder_fingerprint"), []
    beside = (folder, folder.parent, ROOT / Path(encoders.EMBEDDED).parent) if expected else ()
    places = (place / Path(name).name for place in beside)
    for place in (*(str(place) for place in places if place.is_dir()), name):
        try:
            found = encoders.find(place).fingerprint
        except EncoderError as error:
            others.append(str(error))
            continue
        if expected in (None, found):
            return place, found
        others.append(f"{place}: is another one, {found[:16]}")
    listing = "\n".join(f"  - {other}" for other in others)
    raise ModelError(
        f"{folder}: its encoder, {name} with the fingerprint {str(expected)[:16]}, is not found; "
        f"put the folder of the encoder beside the model's, or train again:\n{listing}"
    )


@functools.lru_cache(maxsize=2)
def _load(name, _fingerprint, layers, context, device):  # which takes seconds
    return hubert.load_encoder(name, layers=layers, context=context, device=device)


def predict(
    recordings,
    *,
    model,
    device: str = "auto",
    timeline: bool = False,
    window_s: float = WINDOW_S,
    hop_s: float = HOP_S,
    abstain_below: float = 0.0,
    abstain_if_unlike: bool = False,
    embeddings: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Emotions of recordings.

    A recording of up to `LONGEST_S` is described as a whole, as utterances are in training. A
    longer one is read and described in windows, so that memory does not grow with it; its
    probabilities are their mean, and the remark says so.

    It uses one core, or the GPU. Threads may call it at once. A process that is forked after a call
    hangs, as it inherits torch without torch's threads: use
    ``multiprocessing.get_context("spawn")``, or joblib.

    Parameters
    ----------
    recordings : str, Path, (array, rate), or iterable of these
        Audio files (see `hump.audio.load`), folders, which stand for all audio files in them, or
        patterns such as ``calls/*.wav``; ``~`` is the home folder. Or samples, of shape (samples,)
        or (samples, channels), with their sampling rate in Hz.
    model : str or Path
        Folder of a model that the study saved, such as ``results/demo/models/demo_german``, or
        what `load` returned. It names its encoder, which is loaded too.
    device : str
        ``cpu``, ``cuda``, or ``auto``: the GPU where there is one.
    timeline : bool
        A row for each window of each recording that is longer than one.
    window_s, hop_s : float
        Length of a window, and time from one to the next, in seconds.
    abstain_below : float
        No emotion is given where the highest probability is below it.
    abstain_if_unlike : bool
        Nor where a recording is unlike the training data: further from their mean, in a stream,
        than 99 % of them. Another corpus, microphone or language often is; the remark says so.
    embeddings : bool
        Add the column ``embedding``, each a numpy.ndarray of shape (d,).
    progress : bool
        Show a bar, if it takes longer than two seconds.

    Returns
    -------
    pandas.DataFrame
        A row for each recording, or window: path, start_s, end_s, emotion, the probability of every
        emotion, remark. Emotion is missing where there is none to give; the remark says why, and
        whatever else should be known. Probabilities are calibrated by the temperature that is
        stored with the model (Guo et al. 2017), which was fitted on whole utterances of speakers
        who were held out of a training.

    Raises
    ------
    ParameterError
        `recordings` is no recording, or none; or a setting is not allowed.
    AudioError
        None of the recordings can be read. If some can, the remarks say what is wrong with others.
    ModelError, EncoderError
        The model or its encoder cannot be loaded, or the encoder is not that of the training.
    """
    if not 0.25 <= window_s <= LONGEST_S or not 0.01 <= hop_s <= window_s:
        raise ParameterError(
            f"window_s={window_s}, hop_s={hop_s}: a window lasts 0.25 to {LONGEST_S:g} s, and hops "
            "by at least 0.01 s and at most its length"
        )
    if not 0 <= abstain_below <= 1:
        raise ParameterError(
            f"abstain_below={abstain_below}: a probability from 0 to 1 is required, such as 0.6"
        )
    cut = {"longest_s": window_s if timeline else LONGEST_S, "window_s": window_s, "hop_s": hop_s}
    pieces = cut_up(recordings, **cut)  # before the model is loaded, which takes seconds
    model = model if isinstance(model, Model) else load(model, device=device)
    described = []
    # Several threads wait for one another: on a busy machine, several times as long.
    with parallel.one_thread(), tqdm(unit="batch", disable=not progress, delay=2) as bar:
        for batch in _batches(pieces):
            described += _described(model, batch)
            bar.update()
            bar.set_postfix_str(f"{batch[-1].path} {batch[-1].end_s:.0f} s".removesuffix(" nan s"))
    if not described:
        raise ParameterError(f"recordings={recordings!r}: is empty; give audio files")
    table = _table(described, model, timeline, (abstain_below, abstain_if_unlike))
    return table if embeddings else table.drop(columns="embedding")


def _batches(pieces):
    batch, samples = [], 0
    for piece in pieces:
        batch.append(piece)
        samples += 0 if piece.signal is None else len(piece.signal)
        if samples >= BATCH_S * audio.SAMPLING_RATE:
            yield batch
            batch, samples = [], 0
    if batch:
        yield batch


def _described(model, batch):
    """Pairs of a piece, without its signal, and what the model gives for it, if there is one."""
    signals = [piece.signal for piece in batch if piece.signal is not None]
    outputs = zip(*model.describe(model.batch(signals))) if signals else iter(())
    given = [None if piece.signal is None else next(outputs) for piece in batch]
    return [(replace(piece, signal=None), output) for piece, output in zip(batch, given)]


def _table(described, model, timeline, doubts):
    recordings = [list(own) for _, own in itertools.groupby(described, lambda one: one[0].number)]
    faulty = [[one for one in own if np.isnan(one[0].start_s)] for own in recordings]
    if all(faulty):
        told = [f"{own[0][0].path}: {own[0][0].remark}" for own in faulty]
        more = f"\nand {len(told) - 10} more" if len(told) > 10 else ""
        raise AudioError("\n".join(told[:10]) + more)
    lines = []
    for own, faults in zip(recordings, faulty):
        whole = own if timeline or len(own) == 1 else [_average(own)]
        lines += [_line(*one, model, *doubts) for one in faults or whole]
    return pd.DataFrame(lines)


def _average(described):
    """A recording by the mean of its windows."""
    windows, outputs = zip(*described)
    heard = [output for output in outputs if output is not None]
    remark = f"average of {len(heard)} windows of {windows[0].end_s:g} s: see timeline=True"
    if len(heard) < len(windows):
        remark += f"; {len(windows) - len(heard)} more are silent"
    whole = replace(windows[0], end_s=windows[-1].end_s, remark=remark)
    return whole, tuple(np.mean(one, axis=0) for one in zip(*heard)) if heard else None


def _line(piece, output, model, abstain_below, abstain_if_unlike):
    labels, remarks, emotion = model.labels, [piece.remark], None
    probabilities, embedding, distances = output or (np.full(len(labels), np.nan), None, ())
    if output:
        unlike = model.unlike(distances)
        emotion, best = labels[probabilities.argmax()], probabilities.max()
        if unlike:
            remarks.append(f"unlike the training data in {', '.join(unlike)}")
        if best < abstain_below:
            remarks.append(f"not sure: {best:.2f} is below {abstain_below:g}")
        if best < abstain_below or (unlike and abstain_if_unlike):
            emotion = None
        if model.temperature is None:
            remarks.append("probabilities are not calibrated")
    return {
        "path": piece.path, "start_s": piece.start_s, "end_s": piece.end_s, "emotion": emotion,
        **dict(zip(labels, probabilities)), "embedding": embedding,
        "remark": "; ".join(filter(None, remarks)),
    }  # fmt: skip
