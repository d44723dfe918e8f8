"""How many processes to use."""

import os

from hump.errors import ParameterError

__all__ = ["workers"]


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
