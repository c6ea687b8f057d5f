"""A limit on log lines: what happens to one object a hundred times a second is logged once a minute."""

import logging
from collections.abc import Callable, Hashable, Mapping

EVERY_SECONDS = 60.0
LONGEST_LINE = 1000
"""Characters: the API server repeats in its refusals what it refuses, such as a pod template of 200 KB."""

_MOST_SUBJECTS = 10_000


class LimitedLog:
    """Writes the first line about a subject, and then at most one a minute, which says how many were left out.

    Args:
        log: where the lines go.
        clock: monotonic seconds.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._next: dict[Hashable, float] = {}
        self._left_out: dict[Hashable, int] = {}

    def warn(self, subject: Hashable, message: str, *, with_trace: bool = False) -> None:
        """Write a warning about a subject, with the traceback of the error that is handled if that is asked for."""
        self._write(logging.WARNING, subject, message, with_trace=with_trace)

    def inform(self, subject: Hashable, message: str, fields: Mapping[str, str]) -> None:
        """Write a line about a subject at INFO, with fields for a log in JSON."""
        self._write(logging.INFO, subject, message, fields=fields)

    def _write(
        self,
        level: int,
        subject: Hashable,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        with_trace: bool = False,
    ) -> None:
        now = self._clock()
        if now < self._next.get(subject, now):
            self._left_out[subject] = self._left_out.get(subject, 0) + 1
            return
        if len(self._next) >= _MOST_SUBJECTS:
            self._forget(now)
        self._next[subject] = now + EVERY_SECONDS
        left_out = self._left_out.pop(subject, 0)
        addition = f" ({left_out} more such lines were left out)" if left_out else ""
        self._log.log(level, "%s%s", message[:LONGEST_LINE], addition, exc_info=with_trace, extra=fields)

    def _forget(self, now: float) -> None:
        """Forget the subjects of which there was no line lately, or else all of them."""
        self._next = {subject: until for subject, until in self._next.items() if until > now}
        if len(self._next) >= _MOST_SUBJECTS:
            self._next.clear()
        self._left_out = {subject: n for subject, n in self._left_out.items() if subject in self._next}
