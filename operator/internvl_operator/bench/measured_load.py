"""A load that was measured, as it is printed, kept in a resource's status, and handed from a Job to who started it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.bench.latency_figures import Figures
from internvl_operator.bench.offered_load import OfferedLoad

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
        return cls(
            model=document["model"],
            load=OfferedLoad.of(document["load"]),
            seconds=document["seconds"],
            warm_up=document["warmUpSeconds"],
            figures=Figures.of(document),
        )


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
