"""What the demo follows of each resource, and the table it makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from internvl_operator.cli.text_table import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEADINGS = ("NAME", "SIZE", "QUANT", "GPUS", "TP", "STATE", "SECONDS", "ENDPOINT")
UNKNOWN = "-"
NEW = "New"


@dataclass(frozen=True, slots=True)
class Progress:
    """One resource, as last seen.

    Attributes:
        body: The resource in the API server's form.
        created_at: Seconds of the demo's clock when it was first seen.
        ready_at: Seconds of the demo's clock when it was first seen Ready; None: not yet.
    """

    body: Mapping[str, Any]
    created_at: float
    ready_at: float | None = None

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.body["metadata"]["name"])

    @property
    def size(self) -> str:
        """spec.size, after the series where there is one."""
        spec = self.body["spec"]
        return "-".join(spec[field] for field in ("series", "size") if field in spec)

    @property
    def is_ready(self) -> bool:
        """Whether it is Ready, and the status speaks of the present spec."""
        ready = self._ready
        generation = self.body["metadata"]["generation"]
        return bool(ready.get("status") == "True" and ready.get("observedGeneration") == generation)

    @property
    def state(self) -> str:
        """Reason of the condition Ready; NEW before there is one."""
        return str(self._ready.get("reason", NEW))

    @property
    def message(self) -> str:
        """Message of the condition Ready."""
        return str(self._ready.get("message", "the operator has not written a status"))

    @property
    def seconds(self) -> float | None:
        """Seconds from creation to Ready, both as the demo saw them."""
        return None if self.ready_at is None else self.ready_at - self.created_at

    def seen(self, body: Mapping[str, Any], now: float) -> Progress:
        """The same resource in a newer state."""
        progress = replace(self, body=body)
        if progress.ready_at is None and progress.is_ready:
            return replace(progress, ready_at=now)
        return progress

    def cells(self) -> tuple[str, ...]:
        """The row under HEADINGS."""
        status = self.body.get("status", {})
        plan = status.get("plan", {})
        derived = (str(plan.get(field, UNKNOWN)) for field in ("quantization", "gpus", "tp"))
        seconds = UNKNOWN if self.seconds is None else f"{self.seconds:.1f}"
        endpoint = status.get("endpoint", UNKNOWN)
        return (self.name, self.size, *derived, self.state, seconds, endpoint)

    @property
    def _ready(self) -> Mapping[str, Any]:
        conditions = self.body.get("status", {}).get("conditions", ())
        return next((condition for condition in conditions if condition["type"] == "Ready"), {})


def table(resources: Iterable[Progress]) -> list[str]:
    """Lines of the table, the smallest models first."""
    return aligned([HEADINGS, *(resource.cells() for resource in sorted(resources, key=_by_size))])


def _by_size(resource: Progress) -> tuple[int, str]:
    return int(resource.body["spec"]["size"].partition("B")[0]), resource.name
