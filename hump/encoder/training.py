"""Training of a small HuBERT on synthetic speech alone, by the recipe of Hsu et al. (2021).

In each of two iterations the network sees speech with spans of frames masked, and predicts the unit
of every frame. Units of the first iteration are clusters of MFCC, those of the second are clusters
of a middle layer of the first's network. `Recipe` says where this departs from the paper, so that
an hour on two cores is enough.

References
----------
Hsu, Bolte, Tsai, Lakhotia, Salakhutdinov, Mohamed (2021): HuBERT, IEEE/ACM Trans. Audio, Speech,
Lang. Process. 29, doi:10.1109/TASLP.2021.3122291. Equations are numbered as there.
"""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm.auto import tqdm
from transformers import HubertConfig, HubertModel, get_linear_schedule_with_warmup

from hump.encoder.data import Recipe, Speech
from hump.encoder.units import Units, exact_positions, in_bfloat16
from hump.errors import TrainingError
from hump.features import encoders, weights
from hump.util import code, files, parallel, seeds

TEMPERATURE = 0.1  # tau of equation (3)
CODE_WIDTH = 128  # of projected states and unit embeddings; the paper's network has 256
STATUS = (
    "{hours:.1f} h of speech, loss {loss_masked:.3f}, units predicted in {accuracy_masked:.1%} of "
    "masked and {accuracy_unmasked:.1%} of unmasked frames"
)


def train(recipe: Recipe, iteration: int, units: Units, *, folder, seed, device, start=None):
    """Train for one iteration, from its last checkpoint if there is one.

    Parameters
    ----------
    recipe : Recipe
    iteration : int
        1 or 2.
    units : Units
        What is predicted.
    folder : str or Path
        For the checkpoint ``iteration<n>.pt``, which each evaluation replaces. One of another
        recipe, seed, start or code is not used.
    seed : int
        Of speech and masked spans, which depend on it and on the number of the update alone.
    device : str
        ``cpu`` or ``cuda``. Matrix products round to bfloat16 where there are instructions for it.
    start : transformers.HubertModel, optional
        Network to start from; by default that of `hump.features.weights.build`.

    Returns
    -------
    transformers.HubertModel
        On the CPU, in evaluation mode.
    pandas.DataFrame
        A row an evaluation on the held-out utterances: iteration, step, hours (of speech trained
        on), seconds (of training, interruptions left out), learning_rate, loss_masked,
        loss_unmasked, accuracy_masked, accuracy_unmasked.
    """
    file = Path(folder) / f"iteration{iteration}.pt"
    training = _Training(recipe, iteration, units, file, seed, device, start)
    threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(parallel.workers())
    try:
        training.run()
    finally:
        torch.set_num_threads(threads)
    return training.network.hubert.cpu().eval(), pd.DataFrame(training.evaluations)


def joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Evaluations of both iterations, with total_hours and total_seconds from the first's start."""
    whole = pd.concat([first, second], ignore_index=True)
    for column in ("hours", "seconds"):
        before = np.where(whole["iteration"] == 1, 0, first[column].iloc[-1])
        whole[f"total_{column}"] = whole[column] + before
    return whole


def config() -> HubertConfig:
    """Configuration of the network: no dropout, which so short a training does not need.

    Attention is not PyTorch's fused one, whose gradient is slow in bfloat16 on a CPU.
    """
    dropouts = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout",
                "layerdrop", "final_dropout")  # fmt: skip
    settings = HubertConfig.from_dict({**encoders.UNTRAINED_CONFIG, **dict.fromkeys(dropouts, 0.0)})
    settings._attn_implementation = "eager"
    return settings


class Network(nn.Module):
    """A HuBERT with a head that turns its last states into logits of units.

    Parameters
    ----------
    config : transformers.HubertConfig
    count : int
        Number of units.
    """

    def __init__(self, config, count):
        super().__init__()
        self.hubert = HubertModel(config)
        exact_positions(self.hubert)
        self.project = nn.Linear(config.hidden_size, CODE_WIDTH)
        self.codes = nn.Parameter(torch.randn(count, CODE_WIDTH))

    def forward(self, signals, masked):
        """Cosine of projected state and unit embedding over a temperature: equation (3).

        Parameters
        ----------
        signals : torch.Tensor, shape (utterances, samples), float32
        masked : torch.Tensor, shape (utterances, frames), bool
            Frames whose content is replaced by the mask embedding.

        Returns
        -------
        torch.Tensor, shape (utterances, frames, units), float32
        """
        states = self.hubert(signals, mask_time_indices=masked).last_hidden_state.float()
        with torch.autocast(signals.device.type, enabled=False):  # bfloat16 rounds to 3 digits
            projected = nn.functional.normalize(self.project(states), dim=-1)
            return projected @ nn.functional.normalize(self.codes, dim=-1).T / TEMPERATURE


def spans(utterances: int, frames: int, *, start: float, span: int, rng) -> np.ndarray:
    """Which frames are masked: spans from random starts, which may overlap.

    Parameters
    ----------
    utterances, frames : int
    start : float
        Share of frames that start a span.
    span : int
        Length of a span in frames.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (utterances, frames), bool
        At least one span in every utterance. With few starts, as in `Recipe`, some frames stay
        unmasked.
    """
    count = max(1, round(start * frames))
    masked = np.zeros((utterances, frames), bool)
    for row in masked:
        for first in rng.choice(frames - span + 1, min(count, frames - span), replace=False):
            row[first : first + span] = True
    return masked


class _Training:
    """One iteration: the network with its optimiser, checkpoints and evaluations."""

    def __init__(self, recipe, iteration, units, file, seed, device, start):
        self.recipe, self.iteration, self.units = recipe, iteration, units
        self.file, self.seed, self.device = file, seed, device
        self.steps = recipe.steps[iteration - 1]
        self.step, self.seconds, self.evaluations = 0, 0.0, []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.seed_of(seed, iteration, "weights"))
            self.network = Network(config(), len(units))
        start = start or weights.build(config())
        self.network.hubert.load_state_dict(start.state_dict())
        self.network.to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.schedule = get_linear_schedule_with_warmup(
            self.optimizer, recipe.warm_up * self.steps, self.steps
        )
        self.key = _key(recipe, iteration, seed, start, units)
        self._restore()

    def run(self):
        """Train until all updates are done, or the loss on held-out speech no longer falls."""
        if not self._goes_on():
            return
        batches = self._speech("held out", self.recipe.held_out).batches("held out", self.device)
        held_out = [(signals, self.units(signals, frames)) for signals, frames in batches]
        speech = self._speech(f"train {self.iteration}", self.steps * self.recipe.batch)
        batches = iter(speech.loader(first=self.step * self.recipe.batch))
        label = f"iteration {self.iteration}"
        with tqdm(total=self.steps, initial=self.step, desc=label, unit="update") as bar:
            started = time.monotonic()
            while self._goes_on():
                signals, frames = (part.to(self.device) for part in next(batches))
                self._update(signals, self.units(signals, frames))
                bar.update()
                if self.step % self.recipe.evaluate_every == 0 or self.step == self.steps:
                    self.seconds += time.monotonic() - started
                    self._evaluate(held_out)
                    self._tell(bar)
                    self._save()
                    started = time.monotonic()

    def _speech(self, role, size):
        with_mfcc = self.units.teacher is None
        return Speech(self.recipe, self.seed, role, size, with_mfcc=with_mfcc)

    def _goes_on(self):
        if self.step >= self.steps:
            return False
        losses = [row["loss_masked"] for row in self.evaluations]
        return not losses or len(losses) - 1 - int(np.argmin(losses)) < self.recipe.patience

    def _update(self, signals, targets):
        self.network.train()
        masked = self._masked(targets.shape, "spans", self.step)
        loss_masked, loss_unmasked, *_ = self._losses(signals, targets, masked)
        ends = self.recipe.unmasked_weight[self.iteration - 1]
        weight = np.interp(self.step / self.steps, (0, 1), ends)
        self.optimizer.zero_grad()
        (loss_masked + weight * loss_unmasked).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1

    def _masked(self, shape, *rng_key):
        rng = seeds.generator(self.seed, self.iteration, *rng_key)
        masked = spans(*shape, start=self.recipe.span_start, span=self.recipe.span, rng=rng)
        return torch.from_numpy(masked).to(self.device)

    def _losses(self, signals, targets, masked):
        """Cross-entropy of masked and unmasked frames, equations (2) and (4); accuracy of both."""
        with in_bfloat16(self.device):
            logits = self.network(signals, masked)
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        hits = (logits.argmax(-1) == targets).float()
        return [values[where].mean() for values in (losses, hits) for where in (masked, ~masked)]

    @torch.no_grad()
    def _evaluate(self, held_out):
        self.network.eval()
        values = []
        for number, (signals, targets) in enumerate(held_out):
            masked = self._masked(targets.shape, "held out", number)
            values.append([float(value) for value in self._losses(signals, targets, masked)])
        measures = ("loss_masked", "loss_unmasked", "accuracy_masked", "accuracy_unmasked")
        means = np.mean(values, axis=0).tolist()
        if not np.isfinite(means[0]):
            raise TrainingError(
                f"iteration {self.iteration}, update {self.step}: training diverges, the loss is "
                f"{means[0]}; lower the recipe's learning_rate"
            )
        self.evaluations.append({
            "iteration": self.iteration,
            "step": self.step,
            "hours": self.recipe.hours(self.step),
            "seconds": self.seconds,
            "learning_rate": self.schedule.get_last_lr()[0],
            **dict(zip(measures, means, strict=True)),
        })  # fmt: skip

    def _tell(self, bar):
        """Show the last evaluation beside the bar; print it where nobody sees the bar."""
        status = STATUS.format(**self.evaluations[-1])
        bar.set_postfix_str(status)
        if os.environ.get("HUMP_HEADLESS"):
            done = f"iteration {self.iteration}: update {self.step} of {self.steps}"
            left = (self.steps - self.step) * self.seconds / self.step / 60
            print(f"{done}, {status}, {left:.0f} min left", flush=True)

    def _parts(self):
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}

    def _save(self):
        checkpoint = {name: part.state_dict() for name, part in self._parts().items()}
        for name in ("key", "step", "seconds", "evaluations"):
            checkpoint[name] = getattr(self, name)
        with files.atomic(self.file) as file:
            torch.save(checkpoint, file)

    def _restore(self):
        if not self.file.is_file():
            return
        checkpoint = torch.load(self.file, map_location=self.device, weights_only=True)
        if checkpoint["key"] != self.key:
            return
        for name, part in self._parts().items():
            part.load_state_dict(checkpoint.pop(name))
        vars(self).update(checkpoint)


def _key(recipe, iteration, seed, start, units):
    """Hash of what a checkpoint must have in common with a training that goes on from it."""
    digest = hashlib.sha256(code.version(__name__).encode())
    digest.update(repr((recipe, iteration, seed)).encode())
    for tensor in [*start.state_dict().values(), units.centres]:
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
