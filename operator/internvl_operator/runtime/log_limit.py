"""A limit on log lines of one subject: what happens a hundred times a second is told once in a while."""

from collections.abc import Callable, Hashable

EVERY_SECONDS = 60.0
_MOST_SUBJECTS = 10_000


class LogLimit:
    """Lets the first line about a subject pass, and then one a minute that says how many were left out.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: dict[Hashable, float] = {}
        self._left_out: dict[Hashable, int] = {}

    def passes(self, subject: Hashable) -> str | None:
        """Return what to add to a line about a subject, or None if the line is not to be written now."""
        now = self._clock()
        if now < self._next.get(subject, now):
            self._left_out[subject] = self._left_out.get(subject, 0) + 1
            return None
        if len(self._next) >= _MOST_SUBJECTS:
            self._forget(now)
        self._next[subject] = now + EVERY_SECONDS
        left_out = self._left_out.pop(subject, 0)
        return f" ({left_out} more such lines were left out)" if left_out else ""

    def _forget(self, now: float) -> None:
        """Forget the subjects of which there was no line lately, or else all of them."""
        self._next = {subject: until for subject, until in self._next.items() if until > now}
        if len(self._next) >= _MOST_SUBJECTS:
            self._next.clear()
        self._left_out = {subject: n for subject, n in self._left_out.items() if subject in self._next}
