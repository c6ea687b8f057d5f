"""``spec.rollout``, ``spec.autoscaling`` and ``spec.monitoring``: how a model that serves is changed and scaled."""

from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ApiModel, Rule


class Rollout(ApiModel):
    """How a change of the pods is carried out."""

    strategy: Literal["Auto", "Surge", "Recreate"] = "Auto"
    """Surge starts a new pod before an old one stops; Recreate stops all old pods first; Auto surges, and stops
    an old pod first when there are no free GPUs for a new one. Default: Auto."""
    surge_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 300
    """Seconds that strategy Auto waits for free GPUs before it stops an old pod first. Default: 300."""
    drain_seconds: Annotated[int, Field(ge=0, le=7200)] = 60
    """Seconds that a pod may take to finish its requests when it is stopped. Default: 60."""
    operator_updates: Literal["Manual", "Automatic"] = "Manual"
    """Whether pods are restarted when a newer operator would run them in another way: Manual waits until
    acceptedRevision names the new revision, or until the spec changes what runs. Default: Manual."""
    accepted_revision: Annotated[str, Field(max_length=64, pattern=r"^([a-z0-9]+)?$")] | None = None
    """Revision of status.updateRevision that may be rolled out."""
    restarted_at: Annotated[str, Field(max_length=64, pattern=r"^[-+:.A-Za-z0-9]*$")] | None = None
    """A time, or any other text; the pods are restarted, one after the other, when it changes."""


class Autoscaling(ApiModel):
    """A HorizontalPodAutoscaler on this resource's scale subresource: it writes ``spec.replicas``."""

    min_replicas: Annotated[int, Field(ge=1)] = 1
    """Fewest replicas. Default: 1."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most replicas. Default: no autoscaling."""
    target_waiting_requests: Annotated[int, Field(ge=1, le=100000)] = 4
    """Requests per replica that may wait for the engine on average before a replica is added. Default: 4."""

    rules = (
        Rule(
            "has(self.maxReplicas) || (!has(self.minReplicas) && !has(self.targetWaitingRequests))",
            "autoscaling needs maxReplicas: write the most replicas that may run",
            lambda a: a.max_replicas is not None or not a.model_fields_set,
        ),
        Rule(
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "autoscaling.minReplicas is more than autoscaling.maxReplicas: lower it, or raise maxReplicas",
            lambda a: a.max_replicas is None or a.min_replicas <= a.max_replicas,
        ),
    )


class Monitoring(ApiModel):
    """How the engine's metrics are collected."""

    pod_monitor: Literal["Auto", "Disabled"] = "Auto"
    """Auto makes a PodMonitor where the cluster knows that kind (Prometheus operator). Default: Auto."""
