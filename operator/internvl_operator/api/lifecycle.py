"""``spec.load``, ``rollout``, ``autoscaling`` and ``monitoring``: how a model is used, changed, scaled and watched."""

from typing import Annotated, Any, Literal

from pydantic import Field

from internvl_operator.api.base import ApiModel, Rule
from internvl_operator.api.rules import spellings
from internvl_operator.api.rules.field_rules import spelled

Address = Annotated[str, Field(max_length=259), spellings.ADDRESS]
"""A host and a port."""


class Load(ApiModel):
    """What one endpoint is to carry. The plan then takes the fewest GPUs that carry it, and says how many replicas."""

    requests_per_second: Annotated[float, Field(gt=0, le=100000)] | None = None
    """Requests that arrive per second at all replicas together. Default: no load is planned for."""
    images: Annotated[int, Field(ge=0, le=64)] = 1
    """Images of one request. Default: 1."""
    image_size: Annotated[str, Field(max_length=11)] | None = None
    """Width and height of an image in pixels, for example 1344x896, from which the number of its tiles follows."""
    tiles: Annotated[int, Field(ge=1, le=13)] | None = None
    """Tiles of one image, thumbnail included, in place of imageSize. Default: 7."""
    prompt_tokens: Annotated[int, Field(ge=1, le=1048576)] = 64
    """Text tokens of each request, in addition to its images. Default: 64."""
    output_tokens: Annotated[int, Field(ge=1, le=1048576)] = 128
    """Tokens of one answer. Default: 128."""
    time_to_first_token_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds to the first token that must hold at that rate. Default: none."""

    rules = (
        Rule(
            "has(self.requestsPerSecond) || (!has(self.images) && !has(self.imageSize) && !has(self.tiles) && "
            "!has(self.promptTokens) && !has(self.outputTokens) && !has(self.timeToFirstTokenSeconds))",
            "load needs requestsPerSecond: write how many requests arrive per second, or remove load",
            lambda load: load.is_given or not load.model_fields_set,
        ),
        spelled(
            "imageSize",
            "[1-9][0-9]*x[1-9][0-9]*",
            "load.imageSize is an image's width and height in pixels: write for example 1344x896",
        ),
        Rule(
            "!has(self.imageSize) || !has(self.tiles)",
            "load.imageSize and load.tiles say the same: remove one of them",
            lambda load: load.image_size is None or load.tiles is None,
        ),
    )

    @property
    def is_given(self) -> bool:
        """Whether a load is planned for."""
        return self.requests_per_second is not None


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
    accepted_revision: Annotated[str, Field(max_length=64), spellings.ACCEPTED_REVISION] | None = None
    """Revision of status.updateRevision that may be rolled out, for example 46dbb557e0e7448d."""
    restarted_at: Annotated[str, Field(max_length=64), spellings.RESTART_TIME] | None = None
    """A time, for example 2026-01-31T12:00:00Z, or any other text; the pods are restarted, one after the other, when it
    changes."""


class Autoscaling(ApiModel):
    """A HorizontalPodAutoscaler on this resource's scale subresource, or KEDA: it writes ``spec.replicas``."""

    min_replicas: Annotated[int, Field(ge=0)] = 1
    """Fewest replicas. 0 needs KEDA and its HTTP add-on, whose interceptor holds requests until a replica answers.
    Default: 1."""
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

    @property
    def sleeps(self) -> bool:
        """Whether the last replica stops while no request comes."""
        return self.max_replicas is not None and self.min_replicas == 0


class KedaHttp(ApiModel):
    """Where KEDA's HTTP add-on runs, which wakes models that have 0 replicas."""

    namespace: Annotated[str, Field(max_length=63), spellings.DNS_LABEL] = "keda"
    """Namespace of its interceptor and scaler."""
    interceptor: Address | None = None
    """Host and port to which clients send requests. Default: keda-add-ons-http-interceptor-proxy.NAMESPACE:8080."""
    scaler: Address | None = None
    """Host and port that KEDA asks. Default: keda-add-ons-http-external-scaler.NAMESPACE:9090."""

    @property
    def interceptor_address(self) -> str:
        """Host and port to which clients send requests."""
        return self.interceptor or f"keda-add-ons-http-interceptor-proxy.{self.namespace}:8080"

    @property
    def scaler_address(self) -> str:
        """Host and port that KEDA asks."""
        return self.scaler or f"keda-add-ons-http-external-scaler.{self.namespace}:9090"

    @property
    def interceptor_service(self) -> dict[str, Any]:
        """The interceptor's Service, as a backendRef of the Gateway API names it."""
        host, _, port = self.interceptor_address.rpartition(":")
        name, _, domain = host.partition(".")
        namespace = domain.partition(".")[0] or self.namespace
        return {"group": "", "kind": "Service", "name": name, "namespace": namespace, "port": int(port)}

    @property
    def peer(self) -> dict[str, Any]:
        """The NetworkPolicyPeer of the interceptor."""
        return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}}


class Monitoring(ApiModel):
    """How the engine's metrics are collected."""

    pod_monitor: Literal["Auto", "Disabled"] = "Auto"
    """Auto makes a PodMonitor where the cluster knows that kind (Prometheus operator). Default: Auto."""
