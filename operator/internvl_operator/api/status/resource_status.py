"""``status`` of an InternVLDeployment.

The controller builds the status as plain objects (``status.py`` of the package). These models give the CRD its schema,
and a test compares the two.
"""

from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ATOMIC, ApiModel
from internvl_operator.api.status.plan_status import PlanStatus


class Condition(ApiModel):
    """A Kubernetes condition."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Reconciling, Stalled, Planned, Available or UpdateAvailable."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024)]
    """Reason of the condition's status in one CamelCase word, for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """Explanation for people."""
    observed_generation: int
    """Generation of the resource for which the condition was set."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the condition's status last changed."""


class MeasuredLoadForm(ApiModel):
    """The requests of a measurement, with the field names of spec.load."""

    images: int
    """Number of images in each request."""
    image_size: str | None = None
    """Width and height of the images in pixels, if they were generated for the measurement."""
    tiles: int | None = None
    """Tiles of one such image."""
    prompt_tokens: int
    """Approximate number of text tokens of each request, without its images."""
    output_tokens: int
    """Tokens of each answer."""
    requests_per_second: float | None = None
    """Rate at which requests arrived at random (open loop)."""
    concurrency: int | None = None
    """Requests that were kept in flight (closed loop)."""


class PercentilesStatus(ApiModel):
    """Percentiles of a duration, in seconds."""

    p50: float
    """Half of the requests were at least as fast."""
    p95: float
    """95 of 100 requests were at least as fast."""
    p99: float
    """99 of 100 requests were at least as fast."""


class PerformanceStatus(ApiModel):
    """The last measurement of internvl bench --save. The operator never changes it."""

    date: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When it was measured."""
    revision: str
    """Hash of the pod template that was measured."""
    gpu: str
    """GPUs of one replica, for example 2 x NVIDIA-H100-80GB-HBM3."""
    engine: str
    """LMDeploy release."""
    via: str
    """How the model was reached: port-forward, service or in-cluster."""
    replicas: int
    """Replicas that answered."""
    model: str
    """Name under which the model was asked for."""
    load: MeasuredLoadForm
    """The load under which the model was measured."""
    seconds: float
    """Length of the measured part, in seconds."""
    warm_up_seconds: float
    """Length of the warm-up before the measured part, in seconds; its requests do not count."""
    requests: int
    """Number of requests of the measured part that were answered."""
    requests_per_second: float
    """Answered requests per second."""
    output_tokens_per_second: float
    """Tokens per second of all answers together."""
    in_flight: float
    """Mean number of requests in flight."""
    prompt_tokens: int | None = None
    """Tokens of one prompt with its images, as the engine counts them."""
    ttft_seconds: PercentilesStatus
    """Time to first token: from a request to the first text of its answer."""
    seconds_per_token: PercentilesStatus
    """Mean time between two tokens of an answer."""
    request_seconds: PercentilesStatus
    """From a request to the last text of its answer."""
    failures: dict[str, int]
    """Number of requests without an answer, by the kind of error."""
    client_late_seconds: float
    """99th percentile of how late requests were sent, in seconds. If it is not small, the client was the bottleneck."""


class WakeStatus(ApiModel):
    """How the model wakes from 0 replicas."""

    endpoint: str
    """Base URL of the OpenAI-compatible API behind the interceptor, which wakes the model."""
    host: str
    """Value of the header Host that requests to it must have."""
    seconds: int
    """From the first request to an answering replica, when a GPU is free and the image is on its node."""
    hold_seconds: int
    """Longest time that the interceptor holds a request while no replica answers."""
    cooldown_seconds: int
    """Time without a request after which the last replica stops."""


class InternVLDeploymentStatus(ApiModel):
    """The observed state of an InternVLDeployment, and the plan derived from its spec."""

    observed_generation: int | None = None
    """Generation of the spec that the operator last acted on."""
    conditions: Annotated[
        list[Condition],
        Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = []
    """Ready, Reconciling and Stalled as kstatus defines them, Planned, Available and UpdateAvailable."""
    plan: Annotated[PlanStatus | None, Field(json_schema_extra=ATOMIC)] = None
    """What the operator derived from the spec and the GPUs."""
    replicas: int | None = None
    """Pods of the Deployment."""
    ready_replicas: int | None = None
    """Pods that are ready."""
    ready: str | None = None
    """Ready and desired replicas, for example 1/2."""
    selector: str | None = None
    """Label selector of the pods, for the scale subresource."""
    endpoint: str | None = None
    """Base URL of the OpenAI-compatible API inside the cluster."""
    wake: Annotated[WakeStatus | None, Field(json_schema_extra=ATOMIC)] = None
    """How the model wakes, where it may have 0 replicas."""
    model_name: str | None = None
    """Name under which clients ask for the model."""
    revision: str | None = None
    """Hash of the applied pod template."""
    record_hash: str | None = None
    """Hash of what the operator keeps in annotations of the Deployment, so that a forged one is noticed."""
    rollout_strategy: Literal["Surge", "TerminateFirst", "Recreate"] | None = None
    """How the applied pod template is rolled out. TerminateFirst also stands for a surge that found no free GPUs."""
    update_revision: str | None = None
    """Hash of the pod template that this operator version would apply, if it differs from the applied one."""
    update_changes: list[str] | None = None
    """Differences between the two pod templates, one line per field. internvl diff shows them."""
    performance: Annotated[
        PerformanceStatus | None, Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})
    ] = None
    """The last measurement of internvl bench --save."""
