"""A small HuBERT, trained from scratch on synthetic speech by the recipe of Hsu et al. (2021).

Two iterations: units found by k-means on MFCC, then by k-means on a middle layer of the first
iteration's network; each time the network predicts the units of spans of frames that it does not
see. Departures from the paper, made so that an hour on two cores suffices, are those of `Recipe`.

References
----------
Hsu, Bolte, Tsai, Lakhotia, Salakhutdinov, Mohamed (2021): HuBERT, IEEE/ACM Trans. Audio, Speech,
Lang. Process. 29, doi:10.1109/TASLP.2021.3122291. "Equation" below is one of it.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import time
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import threadpoolctl
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from hump import babble, cores, seeds, units
from hump.errors import ParameterError
from hump.features import mfcc, untrained
from hump.units import Units

__all__ = [
    "Recipe",
    "Units",
    "acoustic_units",
    "card",
    "code_version",
    "config",
    "device_of",
    "examples",
    "export",
    "hidden_units",
    "joined",
    "spans",
    "train",
]

TEMPERATURE = 0.1  # tau of equation (3)
CODE_WIDTH = 128  # of projected states and unit embeddings; the paper's network has 256
FRAME = 320  # samples from one frame to the next
LOADED_AHEAD = 4  # batches a worker prepares
FEW = 32  # pieces that are made sooner than a process starts
CARD_ROWS = (
    ("updates", "step", "%d"),
    ("speech heard, hours", "hours", "%.1f"),
    ("training, seconds", "seconds", "%.0f"),
    ("loss on hidden frames", "loss_hidden", "%.3f"),
    ("loss on seen frames", "loss_seen", "%.3f"),
    ("hidden units predicted", "accuracy_hidden", "%.3f"),
    ("seen units predicted", "accuracy_seen", "%.3f"),
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained, on how much.

    Attributes
    ----------
    scale : float
        Share of the real run that `scaled` has made this.
    steps : tuple of int
        Updates of the two iterations. The second goes on from the first's network with new unit
        embeddings, where the paper starts anew: a start from scratch costs the first's steps again.
    units : tuple of int
        Clusters of the two iterations (the paper: 100 and 500).
    layer : int
        Whose states are clustered for the second.
    bank : int
        Pieces of speech that are clustered.
    held_out : int
        Pieces that are never trained on, for the curves and the early stop.
    seconds : float
        Length of a piece.
    batch : int
        Pieces of an update.
    rate, warm_up, weight_decay : float
        AdamW: peak rate, share of steps in which it rises to it (it then falls to 0, both
        linearly), weight decay.
    span_start, span : float, int
        Share of frames that start a hidden span, and its length in frames, as in the paper.
    unmasked : tuple of tuple of float
        Weight of the loss on seen frames (1 - alpha against alpha in equation (2), the loss on
        hidden frames having weight 1) at each iteration's start and end. The paper has 0; a small
        run then stays where it predicts the commonest units.
    every : int
        Updates between looks at the held-out pieces; each saves a checkpoint.
    patience : int
        Looks without a lower loss on hidden frames before an iteration ends early.
    """

    scale: float = 1.0
    steps: tuple[int, int] = (2800, 2200)
    units: tuple[int, int] = (100, 200)
    layer: int = 6
    bank: int = 600
    held_out: int = 64
    seconds: float = 2.0
    batch: int = 16
    rate: float = 1.5e-3
    warm_up: float = 0.08
    weight_decay: float = 0.01
    span_start: float = 0.08
    span: int = 10
    unmasked: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 1.0), (1.0, 0.5))
    every: int = 100
    patience: int = 10

    @classmethod
    def scaled(cls, scale: float) -> "Recipe":
        """The recipe on a share of the data: 1 is the real run, 0.004 a smoke test.

        Raises
        ------
        ParameterError
            Not a positive number.
        """
        if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
            raise ParameterError(
                f"scale={scale!r}: a positive number is required, the share of the real run (1)"
            )
        whole = cls()

        def part(number, least):
            return max(least, round(number * scale))

        return dataclasses.replace(
            whole,
            scale=scale,
            steps=tuple(part(steps, 10) for steps in whole.steps),
            bank=part(whole.bank, 20),
            held_out=part(whole.held_out, 8),
            every=part(whole.every, 5),
        )

    @property
    def frames(self) -> int:
        """Frames of a piece: windows of 400 samples, 320 apart."""
        return (int(self.seconds * babble.SAMPLING_RATE) - 400) // FRAME + 1

    def hours(self, steps: int) -> float:
        """Speech heard in so many updates."""
        return steps * self.batch * self.seconds / 3600

    def table(self) -> pd.DataFrame:
        """What differs between the iterations, and from the paper's base network."""
        hours = [f"{self.hours(steps):.1f}" for steps in self.steps]
        rows = {
            "updates": (*self.steps, "250,000 and 400,000"),
            "units": (*self.units, "100 and 500"),
            "hours of speech": (*hours, "960, many times"),
            "weight of the loss on seen frames": (
                *("{} to {}".format(*weights) for weights in self.unmasked), "0",
            ),
            "starts from": ("random weights", "iteration 1", "random weights"),
        }  # fmt: skip
        columns = ["iteration 1", "iteration 2", "Hsu et al., base"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


class Speech(Dataset):
    """Pieces of random speech, brought to mean 0 and variance 1, each a function of its number."""

    def __init__(self, recipe, seed, role, size, *, with_mfcc):
        self.recipe, self.seed, self.role = recipe, seed, role
        self.size, self.with_mfcc = size, with_mfcc

    def __len__(self):
        return self.size

    def __getitem__(self, number):
        take = babble.speak(self.seed, self.role, number, seconds=self.recipe.seconds)
        signal = (take.signal - take.signal.mean()) / np.sqrt(take.signal.var() + 1e-7)
        if not self.with_mfcc:
            return torch.from_numpy(signal), torch.zeros(0)
        # Every other frame of 10 ms: those centred within HuBERT's.
        frames = mfcc.extract(signal)[1::2][: self.recipe.frames]
        return torch.from_numpy(signal), torch.from_numpy(frames)

    def loader(self, first=0):
        """Batches from a number on, made by other processes while this one computes."""
        numbers = range(first, self.size)
        beside = {} if len(numbers) <= FEW else {
            "num_workers": cores.workers(),
            "prefetch_factor": LOADED_AHEAD,
            "multiprocessing_context": "spawn",
            "worker_init_fn": _give_way,
        }  # fmt: skip
        return DataLoader(self, batch_size=self.recipe.batch, sampler=numbers, **beside)

    def batches(self, label, device):
        """All of it, with a bar: signals and MFCC, moved to a device."""
        with tqdm(total=self.size, desc=label, unit="piece") as bar:
            for signals, frames in self.loader():
                yield signals.to(device), frames.to(device)
                bar.update(len(signals))


def _give_way(_):
    """Make speech when the trainer leaves a core alone, and while it waits for some."""
    os.nice(19)
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)


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
    speech = Speech(recipe, seed, "bank", recipe.bank, with_mfcc=True)
    frames = [frames for _, frames in speech.batches("MFCC to cluster", device)]
    return units.cluster(
        torch.cat(frames), recipe.units[0], seed=_clustering(seed), device=device
    )


def hidden_units(model: HubertModel, recipe: Recipe, *, seed: int, device: str) -> Units:
    """Units of the second iteration: clusters of a middle layer.

    Parameters
    ----------
    model : transformers.HubertModel
        Of the first iteration; left as it is.
    recipe : Recipe
    seed : int
    device : str

    Returns
    -------
    Units
    """
    teacher = _upto(model, recipe.layer).to(device)
    speech = Speech(recipe, seed, "bank", recipe.bank, with_mfcc=False)
    states = []
    with torch.no_grad(), units.in_bfloat16(device):
        for signals, _ in speech.batches(f"layer {recipe.layer} to cluster", device):
            states.append(teacher(signals).last_hidden_state.float())
    return units.cluster(
        torch.cat(states), recipe.units[1], seed=_clustering(seed), device=device, teacher=teacher
    )


def _clustering(seed):
    return seeds.seed_of(seed, "k-means") % 2**31


def _upto(model, layer):
    config = HubertConfig.from_dict({**model.config.to_dict(), "num_hidden_layers": layer})
    with torch.random.fork_rng(devices=[]):
        cut = HubertModel(config)
    cut.load_state_dict(model.state_dict(), strict=False)
    units.exact_positions(cut)
    return cut.eval().requires_grad_(False)


class Network(nn.Module):
    """A HuBERT with what turns its last states into logits over units."""

    def __init__(self, config, count):
        super().__init__()
        self.hubert = HubertModel(config)
        units.exact_positions(self.hubert)
        self.project = nn.Linear(config.hidden_size, CODE_WIDTH)
        self.codes = nn.Parameter(torch.randn(count, CODE_WIDTH))

    def forward(self, signals, hidden):
        """Cosine of projected state and unit embedding over a temperature: equation (3).

        Parameters
        ----------
        signals : torch.Tensor, shape (pieces, samples)
        hidden : torch.Tensor of bool, shape (pieces, frames)
            Frames whose content is replaced by the mask embedding.

        Returns
        -------
        torch.Tensor, shape (pieces, frames, units)
        """
        states = self.hubert(signals, mask_time_indices=hidden).last_hidden_state.float()
        with torch.autocast(signals.device.type, enabled=False):  # logits reach 10: three digits
            projected = nn.functional.normalize(self.project(states), dim=-1)
            return projected @ nn.functional.normalize(self.codes, dim=-1).T / TEMPERATURE


def spans(pieces: int, frames: int, *, start: float, span: int, rng) -> np.ndarray:
    """Which frames are hidden: spans that may overlap, from random starts.

    Parameters
    ----------
    pieces, frames : int
    start : float
        Share of frames that start a span.
    span : int
        Frames of one.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of bool, shape (pieces, frames)
        At least one span in every piece, and at least one frame seen.
    """
    count = max(1, round(start * frames))
    hidden = np.zeros((pieces, frames), bool)
    for piece in hidden:
        for first in rng.choice(frames - span + 1, min(count, frames - span), replace=False):
            piece[first : first + span] = True
    return hidden


def train(recipe: Recipe, iteration: int, units: Units, *, folder, seed, device, start=None):
    """Train for one iteration, going on from a checkpoint if there is one.

    Parameters
    ----------
    recipe : Recipe
    iteration : int
        1 or 2.
    units : Units
        What is predicted.
    folder : Path
        Of checkpoints: ``iteration<n>.safetensors``, replaced at every look.
    seed : int
        Of speech and hidden spans: every update's depend on its number alone.
    device : str
        ``cpu`` or ``cuda``. Matrix products round to bfloat16 where there are instructions for it.
    start : transformers.HubertModel, optional
        Network to go on from; by default that of `hump.features.untrained`.

    Returns
    -------
    transformers.HubertModel
        On the CPU, in evaluation mode.
    pandas.DataFrame
        A row a look at the held-out pieces: iteration, step, hours (of speech heard), seconds (of
        training, across interruptions), rate, loss_hidden, loss_seen, accuracy_hidden,
        accuracy_seen.
    """
    file = Path(folder) / f"iteration{iteration}.safetensors"
    training = _Training(recipe, iteration, units, file, seed, device, start)
    with _threads(device):
        training.run()
    return training.network.hubert.cpu().eval(), pd.DataFrame(training.looks)


class _Training:
    def __init__(self, recipe, iteration, units, file, seed, device, start):
        self.recipe, self.iteration, self.units = recipe, iteration, units
        self.file, self.seed, self.device = file, seed, device
        self.steps = recipe.steps[iteration - 1]
        self.step, self.seconds, self.looks = 0, 0.0, []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.seed_of(seed, iteration, "weights"))
            self.network = Network(_trainable(config()), len(units))
        begin = start or untrained.build(HubertConfig.from_dict(config()))
        self.network.hubert.load_state_dict(begin.state_dict())
        self.network.to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay,
            betas=(0.9, 0.98), fused=True,
        )  # fmt: skip
        self.key = _key(recipe, iteration, seed, begin, units)
        self._restore()

    def run(self):
        held_out = self._held_out() if self._goes_on() else []
        speech = Speech(self.recipe, self.seed, f"train {self.iteration}",
                        self.steps * self.recipe.batch, with_mfcc=self.units.teacher is None)
        loader = speech.loader(first=self.step * self.recipe.batch)
        label = f"iteration {self.iteration}"
        with tqdm(total=self.steps, initial=self.step, desc=label, unit="update") as bar:
            batches = iter(loader) if held_out else iter(())
            started = time.monotonic()
            while self._goes_on():
                signals, frames = (part.to(self.device) for part in next(batches))
                self._update(signals, self.units(signals, frames))
                bar.update()
                if self.step % self.recipe.every == 0 or self.step == self.steps:
                    self.seconds += time.monotonic() - started
                    look = self._look(held_out)
                    bar.set_postfix({"hidden": f"{look['accuracy_hidden']:.1%}",
                                     "seen": f"{look['accuracy_seen']:.1%}"})
                    self._tell(look)
                    self._save()
                    started = time.monotonic()

    def _tell(self, look):
        """Say how far it is where nobody sees the bar."""
        if not os.environ.get("HUMP_HEADLESS"):
            return
        left = (self.steps - self.step) * self.seconds / self.step / 60
        print(f"iteration {self.iteration}: update {self.step} of {self.steps}, "
              f"{look['hours']:.1f} h of speech, loss {look['loss_hidden']:.3f}, predicted "
              f"{look['accuracy_hidden']:.1%} of hidden and {look['accuracy_seen']:.1%} of seen "
              f"units, {left:.0f} min left", flush=True)  # fmt: skip

    def _goes_on(self):
        if self.step >= self.steps:
            return False
        losses = [look["loss_hidden"] for look in self.looks]
        return not losses or len(losses) - 1 - int(np.argmin(losses)) < self.recipe.patience

    def _update(self, signals, targets):
        self.network.train()
        hidden = self._hidden(targets.shape, "spans", self.step)
        seen_weight = np.interp(self.step / self.steps, (0, 1),
                                self.recipe.unmasked[self.iteration - 1])
        self.optimizer.param_groups[0]["lr"] = self._rate()
        loss_hidden, loss_seen, *_ = self._losses(signals, targets, hidden)
        self.optimizer.zero_grad()
        (loss_hidden + seen_weight * loss_seen).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1

    def _rate(self):
        risen = self.step / max(1, self.recipe.warm_up * self.steps)
        fallen = (self.steps - self.step) / ((1 - self.recipe.warm_up) * self.steps)
        return self.recipe.rate * min(risen, fallen, 1.0)

    def _hidden(self, shape, *purpose):
        rng = seeds.generator(self.seed, self.iteration, *purpose)
        hidden = spans(*shape, start=self.recipe.span_start, span=self.recipe.span, rng=rng)
        return torch.from_numpy(hidden).to(self.device)

    def _losses(self, signals, targets, hidden):
        """Cross-entropy on hidden and on seen frames, equations (2) and (4), and shares of hits."""
        with units.in_bfloat16(self.device):
            logits = self.network(signals, hidden)
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        hits = (logits.argmax(-1) == targets).float()
        return [values[where].mean() for values in (losses, hits) for where in (hidden, ~hidden)]

    def _held_out(self):
        speech = Speech(self.recipe, self.seed, "held out", self.recipe.held_out,
                        with_mfcc=self.units.teacher is None)
        batches = speech.batches("held-out speech", self.device)
        return [(signals, self.units(signals, frames)) for signals, frames in batches]

    @torch.no_grad()
    def _look(self, held_out):
        self.network.eval()
        values = []
        for number, (signals, targets) in enumerate(held_out):
            hidden = self._hidden(targets.shape, "held out", number)
            values.append([float(v) for v in self._losses(signals, targets, hidden)])
        names = ("loss_hidden", "loss_seen", "accuracy_hidden", "accuracy_seen")
        self.looks.append({
            "iteration": self.iteration,
            "step": self.step,
            "hours": self.recipe.hours(self.step),
            "seconds": self.seconds,
            "rate": self._rate(),
            **dict(zip(names, np.mean(values, axis=0).tolist(), strict=True)),
        })  # fmt: skip
        return self.looks[-1]

    def _save(self):
        tensors = {f"network.{name}": v for name, v in self.network.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": v for name, v in state.items()}
        record = {"key": self.key, "step": self.step, "seconds": self.seconds, "looks": self.looks}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        tensors = {name: v.detach().cpu().contiguous() for name, v in tensors.items()}
        safetensors.torch.save_file(tensors, partial, metadata={"record": json.dumps(record)})
        os.replace(partial, self.file)

    def _restore(self):
        if not self.file.is_file():
            return
        with safetensors.safe_open(self.file, "pt") as opened:
            record = json.loads(opened.metadata()["record"])
            if record.pop("key") != self.key:
                return  # of another recipe, seed or code
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
        vars(self).update(record)
        network, states = {}, {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            if part == "network":
                network[rest] = tensor
            else:
                number, _, rest = rest.partition(".")
                states.setdefault(int(number), {})[rest] = tensor
        self.network.load_state_dict(network)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})


def config() -> dict:
    """The network's configuration: HuBERT's without dropout, which a run so short does not need."""
    dropouts = ("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout",
                "layerdrop", "final_dropout")  # fmt: skip
    return {**untrained.CONFIG, **dict.fromkeys(dropouts, 0.0)}


def _trainable(settings):
    """Plain attention, since the fused kernel's way back in bfloat16 is slow on a CPU."""
    wanted = HubertConfig.from_dict(settings)
    wanted._attn_implementation = "eager"
    return wanted


def export(model: HubertModel, folder, card: str) -> Path:
    """Write a network as any other HuBERT is stored, in float16.

    Parameters
    ----------
    model : transformers.HubertModel
        Left as it is.
    folder : str or Path
    card : str
        Its model card, Markdown.

    Returns
    -------
    Path
        The folder: ``config.json``, ``model.safetensors``, ``preprocessor_config.json``,
        ``README.md``.
    """
    folder = Path(folder)
    copy = HubertModel(model.config)
    copy.load_state_dict(model.state_dict())
    copy.half().save_pretrained(folder)
    _compute_in_float32(folder / "config.json")
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def _compute_in_float32(file):
    """Let `transformers` load the weights to compute in float32, as a CPU needs it."""
    settings = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps({**settings, "dtype": "float32"}, indent=2) + "\n"
    file.write_text(text, encoding="utf-8")


def device_of(name: str) -> str:
    """``cpu`` or ``cuda``; ``auto`` is the GPU where there is one.

    Raises
    ------
    ParameterError
        Another name, or there is no GPU.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ParameterError(f"device={name!r}: choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device='cuda': torch finds no GPU; choose auto or cpu")
    return name


def examples(recipe: Recipe, *, seed: int, count: int) -> list[babble.Take]:
    """What the first updates hear."""
    return [
        babble.speak(seed, "train 1", number, seconds=recipe.seconds) for number in range(count)
    ]


def joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Looks of both iterations, with ``total_hours`` and ``total_seconds`` counted through."""
    before = first.iloc[-1]
    parts = [
        first.assign(total_hours=first["hours"], total_seconds=first["seconds"]),
        second.assign(
            total_hours=second["hours"] + before["hours"],
            total_seconds=second["seconds"] + before["seconds"],
        ),
    ]
    return pd.concat(parts, ignore_index=True)


def card(recipe: Recipe, looks: pd.DataFrame, model: HubertModel, *, seed: int, device: str) -> str:
    """The model card: what was heard and learnt, where, how long, and what it is good for.

    Parameters
    ----------
    recipe : Recipe
    looks : pandas.DataFrame
        As `joined`.
    model : transformers.HubertModel
    seed : int
    device : str

    Returns
    -------
    str
        Markdown.
    """
    last = looks.groupby("iteration").tail(1).to_dict("records")
    parameters = sum(p.numel() for p in model.parameters())
    template = (Path(__file__).parent / "templates" / "hubert_mini.md").read_text(encoding="utf-8")
    return jinja2.Template(template, undefined=jinja2.StrictUndefined).render(
        parameters=parameters,
        size_mib=parameters * 2 / 2**20,
        width=model.config.hidden_size,
        units=recipe.units,
        layer=recipe.layer,
        rows=CARD_ROWS,
        last=last,
        languages=list(babble.LANGUAGES),
        variants=len(babble.variants()),
        hours=sum(look["hours"] for look in last),
        seconds=sum(look["seconds"] for look in last),
        machine=_machine(device),
        seed=seed,
        scale=recipe.scale,
        code_version=code_version(),
    ) + "\n"


def _machine(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{cores.workers()} cores ({platform.machine()})"


@contextlib.contextmanager
def _threads(device):
    """All cores for torch, whatever the process was given; speech is made beside it."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores.workers() if device == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _key(recipe, iteration, seed, begin, units):
    """What a checkpoint must agree with to be gone on from."""
    digest = hashlib.sha256(code_version().encode())
    digest.update(json.dumps([dataclasses.asdict(recipe), iteration, seed]).encode())
    for tensor in [*begin.state_dict().values(), units.centres]:
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def code_version() -> str:
    """Hash of the code that decides what is trained."""
    here = Path(__file__).parent
    files = [here / name for name in ("minihubert.py", "units.py", "babble.py",
                                      "features/untrained.py", "features/mfcc.py")]  # fmt: skip
    digest = hashlib.sha256()
    for file in [*files, *sorted((here / "demo").glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
