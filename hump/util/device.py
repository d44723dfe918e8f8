"""Which device to compute on."""

import contextlib
import os
import platform
import warnings
from pathlib import Path

from hump.errors import ParameterError


def resolve(name: str) -> str:
    """The device that a name stands for.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda``, or ``auto``: the GPU where there is one.

    Returns
    -------
    str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ParameterError
        Another name, or there is no GPU.
    """
    if name == "cpu":
        return name
    import torch  # here, since most processes that ask for the CPU do not need it

    if name not in ("auto", "cuda"):
        raise ParameterError(f"device={name!r}: choose auto, cpu or cuda")
    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise ParameterError("device='cuda': torch finds no GPU; choose auto or cpu")
    return "cpu"


def has_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16; without them it is emulated, slowly."""
    import torch

    able = torch.cpu.get_capabilities()
    return device == "cuda" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def processor() -> str:
    """Name of the processor, or of its architecture where the system does not say more."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def describe(name: str) -> str:
    """The device for people: the name of the GPU, or ``cpu``."""
    if resolve(name) == "cpu":
        return "cpu"
    import torch

    return torch.cuda.get_device_name()


def shares(name: str) -> int | None:
    """How many processes a device has memory for, as far as torch knows: None for any number.

    A process that trains small models takes 1 GiB of a GPU, most of it CUDA's own.
    """
    if resolve(name) == "cpu":
        return None
    import torch

    return max(1, torch.cuda.mem_get_info()[0] // 2**30)


@contextlib.contextmanager
def exact():
    """Let torch not round float32, as to TF32's ten bits, and a GPU add up in a fixed order.

    Of an operation that has no fixed order, torch warns.
    """
    import torch

    before = torch.get_float32_matmul_precision(), torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_float32_matmul_precision("highest")
    try:
        with contextlib.ExitStack() as flags:
            if torch.cuda.is_available():
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it
                torch.set_deterministic_debug_mode("warn")
                # Else each new tensor is filled first; nothing here reads what it has not written.
                torch.utils.deterministic.fill_uninitialized_memory = False
                own = {"enabled": True, "deterministic": True, "allow_tf32": False}
                flags.enter_context(torch.backends.cudnn.flags(**own))
                # Weights lie together by what moves (`hump.training.loop`), not as cuDNN likes it.
                flags.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", message="RNN module weights")
            yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.set_deterministic_debug_mode(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filled


@contextlib.contextmanager
def seeded(seed: int, gpus=()):
    """Let torch draw from a seed; afterwards it goes on as if nothing had been drawn.

    Parameters
    ----------
    seed : int
    gpus : sequence of int
        Numbers of the GPUs that are to be seeded, beside the CPU.
    """
    import torch

    with torch.random.fork_rng(devices=gpus):
        # torch.manual_seed seeds all GPUs, and takes a millisecond to note who asked for it.
        for one in (torch.default_generator, *(torch.cuda.default_generators[k] for k in gpus)):
            one.manual_seed(seed)
        yield


def in_bfloat16(device: str):
    """Context in which torch rounds matrix products to bfloat16, on a device that can.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    torch.autocast
    """
    import torch

    return torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device))
