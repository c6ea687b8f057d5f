"""What users do in every run: create, change and delete resources that together have every kind of child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from internvl_operator.kube.kinds import RESOURCE
from tests.cluster.apiserver.api import MERGE
from tests.cluster.operators.operator_process import resource

if TYPE_CHECKING:
    from tests.cluster.apiserver.async_api import AsyncApi

NAMESPACE = "chaos"
COLLECTION = f"{RESOURCE.root}/namespaces/{NAMESPACE}/{RESOURCE.plural}"
_BACKGROUND = {"propagationPolicy": "Background"}


@dataclass(frozen=True, slots=True)
class Create:
    """A user creates a resource."""

    name: str
    spec: dict[str, Any]

    async def carry_out(self, api: AsyncApi) -> None:
        await api.ask("POST", COLLECTION, resource(self.name, NAMESPACE, **self.spec))


@dataclass(frozen=True, slots=True)
class Edit:
    """A user merges something into a resource's spec."""

    name: str
    spec: dict[str, Any]

    async def carry_out(self, api: AsyncApi) -> None:
        await api.ask("PATCH", f"{COLLECTION}/{self.name}", {"spec": self.spec}, MERGE)


@dataclass(frozen=True, slots=True)
class Delete:
    """A user deletes a resource."""

    name: str

    async def carry_out(self, api: AsyncApi) -> None:
        await api.ask("DELETE", f"{COLLECTION}/{self.name}", _BACKGROUND)


@dataclass(frozen=True, slots=True)
class Stage:
    """Acts after which everything settles.

    Attributes:
        name: one word.
        acts: carried out one after the other, without waiting.
    """

    name: str
    acts: tuple[Create | Edit | Delete, ...]


STAGES = (
    Stage(
        "create",
        (
            Create("scaled", {"size": "2B", "replicas": 2, "autoscaling": {"maxReplicas": 4}}),
            Create("cached", {"replicas": 0, "model": {"cache": {"size": "20Gi"}}}),
            Create("plain", {"size": "8B", "replicas": 0}),
            Create(
                "routed", {"gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"}}
            ),
            Create("asleep", {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}}),
        ),
    ),
    Stage(
        "update",
        (
            Edit("scaled", {"replicas": 3}),
            Edit("cached", {"engine": {"sessionLen": 16384}}),
            Edit("plain", {"service": {"annotations": {"example.com/pool": "blue"}}}),
            Edit("asleep", {"autoscaling": {"maxReplicas": 3}}),
        ),
    ),
    Stage(
        "suspend",
        (
            Edit("scaled", {"suspend": True}),
            Edit("plain", {"autoscaling": {"maxReplicas": 2}}),
            Edit("asleep", {"autoscaling": {"minReplicas": 1}}),
        ),
    ),
    Stage(
        "narrow",
        (
            Edit("scaled", {"suspend": False, "replicas": 1, "autoscaling": None}),
            Edit("cached", {"monitoring": {"podMonitor": "Disabled"}, "networkPolicy": {"enabled": False}}),
            Edit("routed", {"gateway": {"balancing": "Service"}}),
        ),
    ),
    Stage("replace", (Delete("plain"), Delete("cached"), Delete("asleep"), Create("plain", {"replicas": 0}))),
    Stage("delete", (Delete("plain"), Delete("scaled"), Delete("routed"))),
)
"""Their last leaves nothing, so that the next run can begin."""
