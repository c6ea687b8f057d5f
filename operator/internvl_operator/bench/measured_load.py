"""A load that was measured, as it is printed, kept in a resource's status, and handed from a Job to who started it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Self

from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.bench.latency_figures import Figures
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.chat.answer_limits import text_of

FIELD_MANAGER = "internvl-bench"
"""Owns ``status.performance``, and nothing else."""


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """A load and what the model did under it.

    Args:
        model: the served name.
        load: the load that was offered.
        seconds: of the measured part.
        warm_up: seconds before it.
        figures: what was seen.
    """

    model: str
    load: OfferedLoad
    seconds: float
    warm_up: float
    figures: Figures

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "model": self.model,
            "load": self.load.document(),
            "seconds": self.seconds,
            "warmUpSeconds": self.warm_up,
            **self.figures.document(),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the measured load that a document was made from.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        read = cls(
            model=text_of(document["model"]),
            load=OfferedLoad.of(document["load"]),
            seconds=document["seconds"],
            warm_up=document["warmUpSeconds"],
            figures=Figures.of(document),
        )
        _check_numbers((read.load, read.seconds, read.warm_up, read.figures))
        return read


def _check_numbers(values: Iterable[Any]) -> None:
    """See that values, and the fields of those that have fields, are numbers or unknown.

    Raises:
        TypeError: one is not.
    """
    for value in values:
        if isinstance(value, Mapping):
            _check_numbers(value.values())
        elif is_dataclass(value):
            _check_numbers(getattr(value, field.name) for field in fields(value))
        elif value is not None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not isfinite(value):
                raise TypeError(f"{str(value)[:100]!r} is no number")


def performance_patch(
    body: Mapping[str, Any], measured: MeasuredLoad, date: datetime, via: str, replicas: int
) -> dict[str, Any]:
    """Return what writes a measured load into a resource's status by server-side apply.

    Args:
        body: the resource, with the plan of what was measured.
        measured: the load.
        date: of the measurement.
        via: how the model was reached.
        replicas: that answered.

    Raises:
        ValueError: the status has no plan.
    """
    status = body.get("status", {})
    if "plan" not in status:
        raise ValueError(f"{body['metadata']['name']} has no plan yet")
    plan, metadata = status["plan"], body["metadata"]
    product = plan["product"] or f"GPU of {plan['gpuMemoryMiB']} MiB"
    performance = {
        "date": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "revision": status.get("revision", ""),
        "gpu": f"{plan['gpus']} x {product}",
        "engine": plan["engine"],
        "via": via,
        "replicas": replicas,
        **measured.document(),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {name: metadata[name] for name in ("name", "namespace", "uid")},
        "status": {"performance": performance},
    }
