"""How many processes to use, and how many threads in each."""

import contextlib
import os

from hump.errors import ParameterError

__all__ = ["one_thread", "workers"]


@contextlib.contextmanager
def one_thread():
    """Run torch on one thread: the order of a sum, and so its last digits, depend on it."""
    import torch  # here, so that counting processes does not pay for it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def workers() -> int:
    """HUMP_WORKERS, or the number of cores that this process may use.

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
