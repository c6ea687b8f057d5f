"""Requests that arrive at random."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests that arrive independently of each other.

    Attributes:
        per_second: Of them, on average.
        seed: Of the times at which they arrive.
    """

    per_second: float
    seed: int

    def times(self, start: float, end: float) -> Iterator[float]:
        """Return the times of arrival, of a Poisson process."""
        chosen = random.Random(self.seed)
        now = start + chosen.expovariate(self.per_second)
        while now < end:
            yield now
            now += chosen.expovariate(self.per_second)
