"""Numbers as a person would write them."""


def duration(seconds: float) -> str:
    """A duration in words: 42 s, 3 min 05 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def percent(share: float) -> str:
    """A share as a percentage: 0.33 is 33 %."""
    return f"{100 * share:g} %"


def interval(value: float, low: float, high: float, *, sign: bool = False) -> str:
    """A value with its interval, three digits each: 0.762 [0.681, 0.828].

    Parameters
    ----------
    value, low, high : float
    sign : bool
        Whether to write the sign of positive numbers too, as for differences.
    """
    # Adding 0 turns a rounded -0 into 0.
    shown = (f"{round(v, 3) + 0.0:{'+' if sign else ''}.3f}" for v in (value, low, high))
    return "{} [{}, {}]".format(*shown)


def columns(row, name: str, *, sign: bool = False) -> str:
    """A row's value with its interval, from columns ``name``, ``name_low`` and ``name_high``."""
    values = (getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))
    return interval(*values, sign=sign)


def uar(row) -> str:
    """A row's UAR with its interval."""
    return columns(row, "uar")


def difference(row) -> str:
    """A row's difference with its interval and sign."""
    return columns(row, "difference", sign=True)
