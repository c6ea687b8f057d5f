"""The planned speed of a resource, with which a measurement is compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.catalog.tiling import image_size

_TOLERANCE = 0.01
"""Relative difference up to which two rates count as equal."""


@dataclass(frozen=True, slots=True)
class PlannedSpeed:
    """``status.plan.speed`` of a resource: one replica under the load that it was planned for.

    Args:
        speed: the value of ``status.plan.speed``.
        rate: ``spec.load.requestsPerSecond``, of the whole resource; None without one.
        image: width and height that ``spec.load`` gives an image; None when it gives none.
        replicas: that are measured together.
    """

    speed: Mapping[str, Any]
    rate: float | None = None
    image: tuple[int, int] | None = None
    replicas: int = 1

    @classmethod
    def of(cls, body: Mapping[str, Any], replicas: int) -> Self | None:
        """Return what the plan of a resource says, or None when it says nothing of its speed."""
        speed = ((body.get("status") or {}).get("plan") or {}).get("speed")
        if not speed:
            return None
        load = body["spec"].get("load") or {}
        width, _, height = load.get("imageSize", "").partition("x")
        image = (int(width), int(height)) if height else None
        return cls(speed, load.get("requestsPerSecond"), image, replicas)

    @property
    def load(self) -> OfferedLoad:
        """The load that was planned for: at the resource's rate if it has one, else with as much in flight."""
        width, height = self.image or image_size(self.speed.get("tiles") or 1)
        form = OfferedLoad(
            images=self.speed["images"],
            width=width,
            height=height,
            prompt_tokens=self.speed["promptTokens"],
            output_tokens=self.speed["outputTokens"],
        )
        if self.rate is not None:
            return form.at(requests_per_second=self.rate)
        return form.at(concurrency=self.speed["concurrency"] * self.replicas)

    def figures_for(self, load: OfferedLoad) -> Mapping[str, float] | None:
        """Return the planned figures of a load, or None when the plan was made for another one."""
        planned = self.load
        forms = [
            (each.images, each.tiles, each.prompt_tokens, each.output_tokens) for each in (planned, load)
        ]
        if forms[0] != forms[1] or not self._is_pace_of(load):
            return None
        rates = ("requestsPerSecond", "outputTokensPerSecond")
        return {
            key: self.speed[key] * (self.replicas if key in rates else 1)
            for key in (*rates, "ttftSeconds", "secondsPerToken", "requestSeconds")
            if key in self.speed
        }

    def _is_pace_of(self, load: OfferedLoad) -> bool:
        if load.requests_per_second is None:
            return bool(load.concurrency == self.speed["concurrency"] * self.replicas)
        planned = float(self.speed["requestsPerSecond"]) * self.replicas
        return abs(load.requests_per_second - planned) <= _TOLERANCE * planned
