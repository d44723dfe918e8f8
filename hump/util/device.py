"""Which device to compute on."""

import platform
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
