"""Distillation of another encoder's layers, such as Whisper's first ones, into a small HuBERT.

The student hears parts of pieces of speech, some with noise, and predicts the teacher's hidden
states frame by frame: from its layer k, by a linear map that is thrown away at the end, those of
one of the teacher's layers. `Recipe` says which. On a CPU each core has a process of its own and
its share of every batch; gradients are averaged.

References
----------
Chang, Yang, Lee (2022): DistilHuBERT, ICASSP, arXiv 2110.01900.
Lee, Jang, Kim, Jung, Kim (2022): FitHuBERT, Interspeech, arXiv 2207.00555.
"""

import dataclasses
import hashlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from tqdm.auto import tqdm
from transformers import HubertConfig, HubertModel

from hump.encoder.data import MANIFEST, Recipe, Speech, heard
from hump.encoder.growth import grown
from hump.errors import EncoderError, TrainingError
from hump.features import encoders, hubert, weights
from hump.util import files, parallel, seeds
from hump.util.device import has_bfloat16, in_bfloat16

# Samples from the middle of HuBERT's first frame to that of Whisper's, which is at the very start.
OFFSET = 200
STANDARDISED = 128  # pieces whose statistics standardise the teacher's states
STATEFUL, PROGRESS = ("network", "optimizer"), ("key", "step", "seconds", "evaluations")


def train(recipe: Recipe, *, teacher, speech, start, folder, seed, device):
    """Train a student, from its last checkpoint if there is one.

    Parameters
    ----------
    recipe : Recipe
    teacher : str or Path
        Any encoder; see `hump.features.encoders.find`.
    speech : str or Path
        Folder of recorded speech, see `hump.encoder.data.manifest`.
    start : str or Path
        The HuBERT whose weights the student starts from, made wider where it is narrower; see
        `hump.features.encoders.find`.
    folder : str or Path
        For pieces with the teacher's states, and for the checkpoints ``stage<n>.pt``, which each
        evaluation replaces. Those of another recipe, seed, teacher or start are not used; but
        updates may be added or left out before the learning rate falls.
    seed : int
    device : str
        ``cpu`` or ``cuda``. Matrix products round to bfloat16 where there are instructions for it.

    Returns
    -------
    transformers.HubertModel
        On the CPU, in evaluation mode.
    pandas.DataFrame
        A row an evaluation on held-out speakers: stage, step, hours (of speech heard), seconds
        (of training, interruptions left out), learning_rate, loss, and for each of the teacher's
        layers error_<n> (mean squared, in standard deviations) and cosine_<n>.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    ranks = parallel.workers() if device == "cpu" else 1
    ranks = max(n for n in range(1, ranks + 1) if recipe.batch % n == 0)
    with tempfile.TemporaryDirectory() as meeting:
        settings = (ranks, f"file://{meeting}/ranks", recipe, teacher, speech, start, folder, seed,
                    device)  # fmt: skip
        context = multiprocessing.get_context("spawn")
        others = [context.Process(target=_run, args=(n, *settings)) for n in range(1, ranks)]
        for other in others:
            other.start()
        try:
            with parallel.one_thread():
                return _run(0, *settings)
        finally:
            for other in others:
                other.terminate()


def _run(rank, ranks, meeting, recipe, teacher, speech, start, folder, seed, device):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)
    try:
        layers = sorted({layer for stage in recipe.predicts for _, layer in stage})
        precision = "bfloat16" if has_bfloat16(device) else "float32"
        taught = hubert.load_encoder(teacher, layers=layers, device=device, precision=precision)
        pieces = Pieces(recipe, taught, layers, speech, Path(folder), seed)
        info = encoders.find(start)
        if info.config["model_type"] != "hubert":
            raise EncoderError(f"start={str(start)!r}: is no HuBERT; choose one to start from")
        before = weights.load(info, info.n_layers)
        student = exact_positions(grown(before, config(before.config, recipe), seed))
        evaluations = []
        for stage in (1, 2):
            file = Path(folder) / f"stage{stage}.pt"
            one = _Stage(recipe, stage, pieces, student, file, (seed, info.fingerprint), device)
            one.run()
            evaluations += one.evaluations
        return student.cpu().eval(), pd.DataFrame(evaluations)
    finally:
        dist.destroy_process_group()


def config(start: HubertConfig, recipe: Recipe) -> HubertConfig:
    """Configuration of the student: no dropout, which so short a training does not need.

    Attention is not PyTorch's fused one, whose gradient is slow in bfloat16 on a CPU.
    """
    settings = start.to_dict() | recipe.network
    settings |= {name: 0.0 for name in settings if name.endswith(("dropout", "layerdrop"))}
    settings = HubertConfig.from_dict(settings)
    settings._attn_implementation = "eager"
    return settings


class Pieces:
    """Pieces of speech with the teacher's states, made at their first visit and kept in files.

    Parameters
    ----------
    recipe : Recipe
    teacher : hump.features.hubert.Encoder
    layers : list of int
        The teacher's layers that are predicted.
    speech : str or Path
    folder : Path
    seed : int
    """

    def __init__(self, recipe, teacher, layers, speech, folder, seed):
        self.teacher, self.layers, count = teacher, layers, recipe.pieces
        self.speech = Speech(recipe, speech, seed)
        self.listed = files.sha256(Path(speech) / MANIFEST)
        key = _key(recipe, teacher.info.fingerprint, self.listed, seed)
        shape = (count, recipe.frames, len(layers), teacher.width)
        samples = len(self.speech[0][0])
        self.states = _stored(folder / f"{key}.states", np.float16, shape)
        self.signals = _stored(folder / f"{key}.signals", np.float16, (count, samples))
        self.done = _stored(folder / f"{key}.done", np.uint8, (count,))
        self.mean, self.std = 0.0, 1.0
        first = range(min(STANDARDISED, count))
        self.visit(first[dist.get_rank() :: dist.get_world_size()])
        dist.barrier()
        states = self.states[: len(first)].astype(np.float32)
        self.mean = states.mean(0)
        self.std = (states - self.mean).std((0, 1)) + 1e-4

    def visit(self, numbers):
        """Signals of pieces, shape (pieces, samples), and the teacher's states, standardised.

        Each dimension of each layer has mean 0 and variance 1. The mean is that of a frame's place
        in a piece: a sixth to a quarter of the variance of Whisper's states tells nothing but this
        place, which the student, who hears a part, cannot know.
        """
        numbers = list(numbers)
        for number in numbers:
            if not self.done[number]:
                self.signals[number], self.states[number] = self.made(self.speech[number][0])
                self.done[number] = 1
        return self.signals[numbers].astype(np.float32), self.standardised(self.states[numbers])

    def made(self, signal):
        """A signal and the teacher's states of it, shape (frames, layers, width)."""
        late = OFFSET if self.teacher.info.family.forward == "Whisper" else 0
        states = hubert.extract([signal[late:]], encoder=self.teacher, layers=self.layers)
        return signal, states[0]

    def standardised(self, states):
        """See `visit`."""
        return ((states - self.mean) / self.std).astype(np.float32)


def _stored(path, dtype, shape):
    """An array in a file, of zeros where nothing has been written."""
    with path.open("ab") as file:
        file.truncate(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


class _Stage:
    """One stage: the network with its linear maps, optimiser, checkpoints and evaluations."""

    def __init__(self, recipe, stage, pieces, hubert, file, key, device):
        self.recipe, self.stage, self.pieces = recipe, stage, pieces
        self.file, self.seed, self.device = file, key[0], device
        self.steps, self.predicts = recipe.steps[stage - 1], recipe.predicts[stage - 1]
        self.step, self.seconds, self.evaluations = 0, 0.0, []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.seed_of(self.seed, stage, "maps"))
            width = hubert.config.hidden_size
            maps = [nn.Linear(width, pieces.teacher.width) for _ in self.predicts]
        self.network = nn.ModuleDict({"hubert": hubert, "maps": nn.ModuleList(maps)}).to(device)
        if stage == 2:  # what the first has learnt stands still
            hubert.requires_grad_(False).feature_extractor._freeze_parameters()
            above = max(layer for layer, _ in recipe.predicts[0])
            hubert.encoder.layers[above:].requires_grad_(True)
        self.weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98), fused=True,
        )  # fmt: skip
        before = recipe.steps[: stage - 1]  # what the first stage made of the network
        self.key = _key(recipe, pieces.teacher.info.fingerprint, pieces.listed, before, *key)
        self._restore()

    def run(self):
        """Train until all updates are done."""
        leads = dist.get_rank() == 0
        if self.step == self.steps:
            return
        held_out = self._held_out() if leads else None
        label = f"stage {self.stage}"
        count = {"total": self.steps, "initial": self.step, "unit": "update"}
        with tqdm(desc=label, disable=not leads, **count) as bar:
            started = time.monotonic()
            while self.step < self.steps:
                self._update()
                bar.update()
                due = self.step % self.recipe.evaluate_every == 0 or self.step == self.steps
                if leads and due:
                    self.seconds += time.monotonic() - started
                    self._evaluate(held_out)
                    self._tell(bar)
                    self._save()
                    started = time.monotonic()

    def _held_out(self):
        """Parts of pieces of held-out speakers, the same at each evaluation."""
        speech = Speech(self.recipe, self.pieces.speech.folder, self.seed, held_out=True)
        made = [self.pieces.made(speech[n][0]) for n in range(self.recipe.held_out)]
        signals, states = map(np.stack, zip(*made, strict=True))
        rng = seeds.generator(self.seed, "held out")
        batches = np.array_split(np.arange(len(signals)), max(1, len(signals) // 4))
        states = self.pieces.standardised(states)
        return [heard(signals[some], states[some], self.recipe, rng) for some in batches]

    def _update(self):
        recipe, ranks = self.recipe, dist.get_world_size()
        epoch, place = divmod(self.step, recipe.pieces // recipe.batch)
        order = seeds.generator(self.seed, self.stage, "order", epoch).permutation(recipe.pieces)
        numbers = order[place * recipe.batch :][: recipe.batch][dist.get_rank() :: ranks]
        # All ranks hear parts of the same length.
        rng = seeds.generator(self.seed, self.stage, "part", self.step)
        errors, cosines = self.losses(*heard(*self.pieces.visit(numbers), recipe, rng))
        self.optimizer.zero_grad()
        (errors + recipe.cosine * cosines).mean().backward()
        _average([weight.grad for weight in self.weights if weight.grad is not None], ranks)
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.step()
        self.step += 1

    def _rate(self):
        """Learning rate of the next update: it rises, stays and falls, linearly."""
        falls = (self.steps - self.step) / (self.recipe.decay * self.steps)
        return self.recipe.learning_rate * min(1, (self.step + 1) / self.recipe.warm_up, falls)

    def losses(self, signals, states):
        """Mean squared error and cosine distance of each predicted layer.

        Parameters
        ----------
        signals : numpy.ndarray, shape (pieces, samples), float32
        states : numpy.ndarray, shape (pieces, frames, layers, width)
            The teacher's.

        Returns
        -------
        torch.Tensor, shape (predicted layers,), float32
        torch.Tensor, shape (predicted layers,), float32
        """
        last = max(layer for layer, _ in self.predicts)
        with in_bfloat16(self.device):
            signals = torch.from_numpy(signals).to(self.device)
            hidden = hidden_states(self.network["hubert"], signals, last)
        targets, errors, cosines = torch.from_numpy(states).to(self.device), [], []
        for (layer, taught), linear in zip(self.predicts, self.network["maps"], strict=True):
            target = targets[:, :, self.pieces.layers.index(taught)]
            predicted = linear(hidden[layer].float())
            errors.append((predicted - target).square().mean())
            cosines.append(1 - nn.functional.cosine_similarity(predicted, target, dim=-1).mean())
        return torch.stack(errors), torch.stack(cosines)

    @torch.no_grad()
    def _evaluate(self, held_out):
        parts = zip(*(self.losses(*batch) for batch in held_out), strict=True)
        errors, cosines = (torch.stack(values).mean(0).tolist() for values in parts)
        row = {"stage": self.stage, "step": self.step, "hours": self.recipe.hours(self.step),
               "seconds": self.seconds, "learning_rate": self._rate(),
               "loss": np.mean(errors) + self.recipe.cosine * np.mean(cosines)}  # fmt: skip
        if not np.isfinite(row["loss"]):
            raise TrainingError(
                f"stage {self.stage}, update {self.step}: training diverges, the loss is "
                f"{row['loss']}; lower the recipe's learning_rate"
            )
        for (_, taught), error, cosine in zip(self.predicts, errors, cosines, strict=True):
            row |= {f"error_{taught}": error, f"cosine_{taught}": 1 - cosine}
        self.evaluations.append({name: float(value) for name, value in row.items()})

    def _tell(self, bar):
        """Show the last evaluation beside the bar; print it where nobody sees the bar."""
        status = "{hours:.1f} h of speech, loss {loss:.3f}".format(**self.evaluations[-1])
        bar.set_postfix_str(status)
        if os.environ.get("HUMP_HEADLESS"):
            print(f"stage {self.stage}: update {self.step} of {self.steps}, {status}", flush=True)

    def _save(self):
        states = {name: getattr(self, name).state_dict() for name in STATEFUL}
        with files.atomic(self.file) as file:
            torch.save(states | {name: getattr(self, name) for name in PROGRESS}, file)

    def _restore(self):
        if not self.file.is_file():
            return
        checkpoint = torch.load(self.file, map_location=self.device, weights_only=True)
        if checkpoint["key"] == self.key:
            for name in STATEFUL:
                getattr(self, name).load_state_dict(checkpoint.pop(name))
            vars(self).update(checkpoint)


def _key(recipe, *settings):
    """Hash of what files must have in common with a training that uses them."""
    settings = (dataclasses.replace(recipe, steps=()), *settings)
    return hashlib.sha256(repr(tuple(map(str, settings))).encode()).hexdigest()[:16]


def hidden_states(model: HubertModel, signals, last: int) -> list[torch.Tensor]:
    """What enters the first transformer layer, and the outputs of the layers up to the last."""
    encoder = model.encoder
    hidden = model.feature_projection(model.feature_extractor(signals).transpose(1, 2))
    states = [encoder.layer_norm(hidden + encoder.pos_conv_embed(hidden))]
    for layer in encoder.layers[:last]:
        states.append(layer(states[-1]))
    return states


def _average(gradients, ranks):
    """Replace the gradients of each rank by their mean over ranks."""
    if ranks > 1:
        whole = torch.cat([gradient.flatten() for gradient in gradients]).cpu()
        dist.all_reduce(whole)
        parts = (whole / ranks).split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, parts, strict=True):
            gradient.copy_(mean.view_as(gradient))


def exact_positions(model: HubertModel) -> HubertModel:
    """Keep the convolution over positions in float32 within `in_bfloat16`.

    On a CPU, PyTorch's bfloat16 convolution with few channels a group is wrong: with 8 of them its
    error exceeds the result itself (torch 2.13; with 48, as in HuBERT-base, it is right). A network
    trained through it learns next to nothing.

    Parameters
    ----------
    model : transformers.HubertModel
        Changed in place.

    Returns
    -------
    transformers.HubertModel
    """
    convolution = model.encoder.pos_conv_embed.conv
    convolve = convolution.forward

    def exact(hidden):
        with torch.autocast(hidden.device.type, enabled=False):
            return convolve(hidden.float())

    convolution.forward = exact
    return model
