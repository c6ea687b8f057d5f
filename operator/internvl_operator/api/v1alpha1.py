"""InternVLDeployment, group ``internvl.dev``, version ``v1alpha1``."""

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from internvl_operator.api.base import ApiModel, Rule, broken_rules
from internvl_operator.api.gateway import Gateway
from internvl_operator.api.kubernetes.kubernetes_types import NetworkPolicyPeer
from internvl_operator.api.lifecycle import Autoscaling, Load, Monitoring, Rollout
from internvl_operator.api.pod_template import (
    LocalObjectReference,
    PodTemplate,
    StringMap,
)
from internvl_operator.api.rules import spellings
from internvl_operator.api.rules.model_rules import MODEL_RULES
from internvl_operator.api.source import ModelSpec, SecretKeyReference
from internvl_operator.api.spec import Engine, Gpu, Series, Size
from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.catalog.nvidia import MIG_RESOURCE_PREFIX, is_mig

GROUP = "internvl.dev"
VERSION = "v1alpha1"
KIND = "InternVLDeployment"
PLURAL = "internvldeployments"
API_VERSION = f"{GROUP}/{VERSION}"


class Server(ApiModel):
    """The OpenAI-compatible server."""

    port: Annotated[int, Field(ge=1024, le=65535)] = 23333
    """Port of the server and of the Service. Default: 23333."""
    model_name: Annotated[str, Field(max_length=128), spellings.MODEL_NAME] | None = None
    """Name under which clients ask for the model, for example captions. Default: the repository's name, without
    -AWQ."""
    api_key_secret_ref: SecretKeyReference | None = None
    """Key that clients must send as their bearer token. Without it the server and its management paths are open
    to whoever the NetworkPolicy lets in."""
    tls_secret_ref: LocalObjectReference | None = None
    """Secret of type kubernetes.io/tls with which the server speaks HTTPS. Default: plain HTTP."""


class Service(ApiModel):
    """The Service in front of the replicas."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Type of the Service. Default: ClusterIP."""
    annotations: StringMap = {}
    """Annotations of the Service, for example for a cloud's load balancer."""


class Egress(ApiModel):
    """Whom the replicas may reach: the hub, DNS, and the hosts of the images in requests."""

    enabled: bool = False
    """Whether the NetworkPolicy limits where connections go. Default: false."""
    to: Annotated[list[NetworkPolicyPeer], Field(max_length=32)] = []
    """Kubernetes NetworkPolicyPeers that the replicas may reach, on every port; none: nothing, DNS neither."""

    rules = (
        Rule(
            "!has(self.to) || self.to.size() == 0 || (has(self.enabled) && self.enabled)",
            "networkPolicy.egress.to limits nothing alone: write networkPolicy.egress.enabled true, or remove to",
            lambda e: not e.to or e.enabled,
        ),
    )


class NetworkPolicy(ApiModel):
    """Who may reach the replicas."""

    enabled: bool = True
    """Whether a NetworkPolicy is made. Default: true."""
    from_: Annotated[list[NetworkPolicyPeer], Field(alias="from", max_length=32)] = []
    """Kubernetes NetworkPolicyPeers that may reach the server, in addition to the pods of the same namespace."""
    egress: Egress = Egress()
    """Whom the replicas may reach. Default: everyone."""

    rules = (
        Rule(
            "!(has(self.enabled) && !self.enabled && has(self.egress) && has(self.egress.enabled) && "
            "self.egress.enabled)",
            "networkPolicy.egress needs the NetworkPolicy: write networkPolicy.enabled true, or remove egress",
            lambda n: n.enabled or not n.egress.enabled,
        ),
    )


class InternVLDeploymentSpec(ApiModel):
    """What is served, and how."""

    series: Series | None = None
    """Series of the model. Default: InternVL2, which is what a resource without it means for ever."""
    size: Size
    """Size of the model; each series has its own."""
    quantization: Literal["Auto", "None", "AWQ"] = "Auto"
    """AWQ (4-bit weights), None (full precision), or Auto: full precision where it fits, else AWQ. Default: Auto."""
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """Number of replicas, each with GPUs of its own. Leave it out of Git when something else scales."""
    suspend: bool = False
    """Stops all replicas and keeps everything else, replicas included. Default: false."""
    gpu: Gpu = Gpu()
    """GPUs of one replica."""
    engine: Engine = Engine()
    """LMDeploy and its options."""
    load: Load = Load()
    """What the endpoint is to carry: decides the GPUs of one replica, and how many replicas the plan asks for."""
    model: ModelSpec = ModelSpec()
    """Weights to serve."""
    server: Server = Server()
    """The OpenAI-compatible server."""
    service: Service = Service()
    """The Service in front of the replicas."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Who may reach the replicas."""
    gateway: Gateway = Gateway()
    """How requests from outside of the cluster reach the replicas, by the Gateway API. Default: not at all."""
    autoscaling: Autoscaling = Autoscaling()
    """Scales the replicas by the requests that wait. Default: off."""
    rollout: Rollout = Rollout()
    """How changes reach the pods."""
    monitoring: Monitoring = Monitoring()
    """How the engine's metrics are collected."""
    pod_template: PodTemplate = PodTemplate()
    """Additions to the pods."""

    rules = (
        *MODEL_RULES,
        Rule(
            "!(has(self.engine) && has(self.engine.tp) && has(self.gpu) && has(self.gpu.maxCount) && "
            "self.engine.tp > self.gpu.maxCount)",
            "engine.tp is more than gpu.maxCount: one replica has as many GPUs as tp; raise gpu.maxCount or lower tp",
            lambda s: (
                not (
                    "max_count" in s.gpu.model_fields_set
                    and s.engine.tp is not None
                    and s.engine.tp > s.gpu.max_count
                )
            ),
        ),
        Rule(
            f"!(has(self.gpu) && has(self.gpu.resource) && self.gpu.resource.startsWith('{MIG_RESOURCE_PREFIX}') && "
            "has(self.engine) && has(self.engine.tp) && self.engine.tp > 1)",
            "engine.tp must be 1 on a MIG resource: LMDeploy cannot spread a model over MIG slices",
            lambda s: not (is_mig(s.gpu.resource) and (s.engine.tp or 1) > 1),
        ),
        Rule(
            "!(has(self.autoscaling) && has(self.autoscaling.minReplicas) && self.autoscaling.minReplicas == 0 && "
            "has(self.server) && has(self.server.tlsSecretRef))",
            "autoscaling.minReplicas 0 and server.tlsSecretRef exclude each other: the interceptor that wakes a model "
            "speaks plain HTTP to it; remove tlsSecretRef, or write minReplicas 1",
            lambda s: s.server.tls_secret_ref is None or not s.autoscaling.sleeps,
        ),
        Rule(
            "!(has(self.model) && has(self.model.cache) && (has(self.model.cache.accessMode) ? "
            "self.model.cache.accessMode == 'ReadWriteOnce' : has(self.model.cache.size)) && "
            "((has(self.replicas) && self.replicas > 1) || (has(self.autoscaling) && "
            "has(self.autoscaling.maxReplicas) && self.autoscaling.maxReplicas > 1)))",
            "model.cache on a ReadWriteOnce claim serves one replica: write accessMode ReadWriteMany and a "
            "storageClassName that has it, or replicas 1",
            lambda s: not s.model.cache.is_exclusive or max(s.replicas, s.autoscaling.max_replicas or 0) <= 1,
        ),
        Rule(
            "!(has(self.service) && has(self.service.type) && self.service.type in ['NodePort', 'LoadBalancer']) || "
            "(has(self.networkPolicy) && ((has(self.networkPolicy.from) && self.networkPolicy.from.size() > 0) || "
            "(has(self.networkPolicy.enabled) && !self.networkPolicy.enabled)))",
            "service.type NodePort or LoadBalancer opens the server to outside the namespace: name who may reach it "
            "in networkPolicy.from, or write networkPolicy.enabled false",
            lambda s: (
                s.service.type == "ClusterIP" or bool(s.network_policy.from_) or not s.network_policy.enabled
            ),
        ),
        Rule(
            "!(has(self.gateway) && has(self.gateway.balancing) && self.gateway.balancing == 'InferencePool' && "
            "has(self.autoscaling) && has(self.autoscaling.minReplicas) && self.autoscaling.minReplicas == 0)",
            "gateway.balancing InferencePool leads past the interceptor that wakes a model from 0 replicas: write "
            "gateway.balancing Service, or autoscaling.minReplicas 1",
            lambda s: s.gateway.balancing != "InferencePool" or not s.autoscaling.sleeps,
        ),
        Rule(
            "!(has(self.gateway) && has(self.gateway.balancing) && self.gateway.balancing == 'InferencePool' && "
            "has(self.server) && has(self.server.tlsSecretRef))",
            "gateway.balancing InferencePool reaches the replicas by plain HTTP alone: remove server.tlsSecretRef and "
            "let the Gateway's listener end TLS, or write gateway.balancing Service",
            lambda s: s.gateway.balancing != "InferencePool" or s.server.tls_secret_ref is None,
        ),
    )

    @property
    def given_series(self) -> str:
        """The series, also where none is written."""
        return self.series or INTERNVL2

    @property
    def catalog_name(self) -> str:
        """The name of the model in the catalogue: ``InternVL3.5-8B``."""
        return f"{self.given_series}-{self.size}"


class ObjectMeta(BaseModel):
    """The fields of a resource's metadata that the operator reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0


class InternVLDeployment(BaseModel):
    """The resource, as the operator reads it.

    Example:
        >>> body = {"metadata": {"name": "captions"}, "spec": {"size": "8B", "engine": {"sessionLen": 16384}}}
        >>> resource = InternVLDeployment.model_validate(body)
        >>> resource.spec.engine.session_len, resource.spec.server.port
        (16384, 23333)
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    metadata: ObjectMeta
    spec: InternVLDeploymentSpec

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name must be at most 52 lower-case letters, digits and hyphens, beginning with a letter: "
            "it names the Deployment and the Service",
            lambda r: (
                len(r.metadata.name) <= 52
                and re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", r.metadata.name) is not None
            ),
        ),
    )

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        if broken := broken_rules(self.rules, self):
            raise ValueError(broken)
        return self
