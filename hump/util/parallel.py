"""How many processes to use, and how many threads in each."""

import contextlib
import os

from hump.errors import ParameterError

# Libraries choose their code by the processor, and a training amplifies the last digit. With these,
# torch, MKL, oneDNN and OpenBLAS use what every x86-64 processor since about 2015 has, AVX2, and no
# more; see `benchmarks/processors.py`.
SAME_EVERYWHERE = {
    "ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}  # fmt: skip


@contextlib.contextmanager
def one_thread():
    """Run torch on one thread: the order of sums, and so their last digits, depends on threads."""
    import torch  # here, so that counting processes does not wait for it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def workers() -> int:
    """Return the number of processes to use: HUMP_WORKERS, or the cores this process may use.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ParameterError
        HUMP_WORKERS is not a whole number of at least 1.
    """
    text = os.environ.get("HUMP_WORKERS")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise ParameterError(
            f"HUMP_WORKERS={text!r}: a whole number of at least 1 is required; "
            "unset it to use all cores"
        )
    return int(text)
