"""The weathers of a soak: what stands between the operator and the API server for a while."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.chaos.disturbances.faults import (
    Injector,
    ShareOfRequests,
    answered,
    answered_after,
    cut_in_half,
    never_answered,
    slowly,
)
from tests.chaos.disturbances.traffic import nothing
from tests.chaos.disturbances.watches import EXPIRED, HALF_AN_EVENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from tests.chaos.disturbances.faults import Fault
    from tests.chaos.disturbances.traffic import Traffic

_RETRY_AFTER = {"Retry-After": "1"}
_FAULTS: Mapping[str, tuple[float, Mapping[str, Fault]]] = {
    "conflicts": (0.3, {"409": answered(409)}),
    "refusals": (0.3, {"422": answered(422)}),
    "throttling": (0.3, {"429": answered(429, _RETRY_AFTER)}),
    "errors": (0.4, {str(code): answered(code) for code in (500, 503, 504)}),
    "errors after the write": (
        0.4,
        {f"{code} after the write": answered_after(code) for code in (500, 503, 504)},
    ),
    "halves": (0.2, {"half an answer": cut_in_half}),
    "slow": (1.0, {"500 ms": slowly}),
    "silent": (0.02, {"no answer": never_answered}),
}
"""The share of requests that are hit, and how."""

_ENDINGS = {"watches ended": b"", "watches cut": HALF_AN_EVENT, "watches expired": EXPIRED}


class Weather:
    """Changes what disturbs the operator's requests.

    Args:
        traffic: of the operator.
        random: decides which requests are hit.
    """

    def __init__(self, traffic: Traffic, random: Random) -> None:
        self._traffic = traffic
        self._random = random
        self._injectors: list[Injector] = []
        self._ended: Counter[str] = Counter()

    @property
    def injected(self) -> Counter[str]:
        """Faults so far, by kind."""
        return sum((injector.injected for injector in self._injectors), Counter(self._ended))

    def change(self, name: str) -> None:
        """Put one weather in the place of another."""
        self._traffic.disturb = nothing
        if name in _ENDINGS:
            self._ended[name] += self._traffic.watches.end(_ENDINGS[name])
        if name in _FAULTS:
            share, faults = _FAULTS[name]
            injector = Injector(ShareOfRequests(share, self._random), faults)
            self._injectors.append(injector)
            self._traffic.disturb = injector
