"""Times for people: how long ago, in at most two units."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_LEAST_FOR_ONE_UNIT = 10
"""From 10 of a unit on, the next smaller unit is left out: ``9m30s``, but ``12m``."""
_SINCE = re.compile(r"\bsince (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")


def since(moment: str, now: datetime) -> timedelta:
    """Return the time since a moment in RFC 3339; zero for a moment in the future, as clocks may disagree."""
    return max(timedelta(), now - datetime.fromisoformat(moment))


def short(time: timedelta) -> str:
    """Return a duration in its largest unit, with the next smaller one below 10.

    Example:
        >>> [short(timedelta(seconds=seconds)) for seconds in (45, 200, 725, 187200)]
        ['45s', '3m20s', '12m', '2d4h']
    """
    return short_seconds(int(time.total_seconds()))


def short_seconds(seconds: int) -> str:
    """Return a number of seconds as ``short`` does, however large."""
    for (name, unit), (next_name, next_unit) in pairwise(_UNITS):
        if seconds >= unit:
            whole, rest = seconds // unit, seconds % unit // next_unit
            detail = f"{rest}{next_name}" if rest and whole < _LEAST_FOR_ONE_UNIT else ""
            return f"{whole}{name}{detail}"
    return f"{seconds}s"


def with_elapsed(message: str, now: datetime) -> str:
    """Return a message of the operator in which each ``since TIME`` also says how long ago that is."""
    return _SINCE.sub(lambda found: _elapsed(found[1], now), message)


def _elapsed(moment: str, now: datetime) -> str:
    try:
        return f"since {moment} ({short(since(moment, now))} ago)"
    except ValueError:
        # Others' words may stand in a message, and look like a time.
        return f"since {moment}"
