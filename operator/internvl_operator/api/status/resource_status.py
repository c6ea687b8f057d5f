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
    """One word for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """A sentence for people."""
    observed_generation: int
    """Generation of the spec that this condition speaks of."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the condition's status last changed."""


class MeasuredLoadForm(ApiModel):
    """The requests of a measurement, in the words of spec.load."""

    images: int
    """Images of each request."""
    image_size: str | None = None
    """Width and height of an image in pixels, when they were made for the measurement."""
    tiles: int | None = None
    """Tiles of one such image."""
    prompt_tokens: int
    """Tokens of the text beside the images, about."""
    output_tokens: int
    """Tokens of each answer."""
    requests_per_second: float | None = None
    """Rate at which requests arrived at random (open loop)."""
    concurrency: int | None = None
    """Requests that were kept in flight (closed loop)."""


class PercentilesStatus(ApiModel):
    """The median and the slow end of a time, in seconds."""

    p50: float
    """Half of the requests were at least as fast."""
    p95: float
    """95 of 100 requests were at least as fast."""
    p99: float
    """99 of 100 requests were at least as fast."""


class PerformanceStatus(ApiModel):
    """What internvl bench --save measured last; the operator leaves it alone."""

    date: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When it was measured."""
    revision: str
    """Hash of the pod template that was measured."""
    gpu: str
    """GPUs of one replica, as 2 x NVIDIA-H100-80GB-HBM3."""
    engine: str
    """LMDeploy release."""
    via: str
    """How the model was reached: port-forward, service or in-cluster."""
    replicas: int
    """Replicas that answered."""
    model: str
    """Served name."""
    load: MeasuredLoadForm
    """What was asked."""
    seconds: float
    """Length of the measured part."""
    warm_up_seconds: float
    """Length of the part before it, which does not count."""
    requests: int
    """Answered requests of the measured part."""
    requests_per_second: float
    """Requests that were answered."""
    output_tokens_per_second: float
    """Tokens of all answers together."""
    in_flight: float
    """Requests at a time, on average."""
    prompt_tokens: int | None = None
    """Tokens of one prompt with its images, as the engine counts them."""
    ttft_seconds: PercentilesStatus
    """From a request to the first text of its answer."""
    seconds_per_token: PercentilesStatus
    """Between two tokens of an answer."""
    request_seconds: PercentilesStatus
    """From a request to the last text of its answer."""
    failures: dict[str, int]
    """Requests without an answer, by what went wrong."""
    client_late_seconds: float
    """How late the slowest hundredth of the requests was sent; the client was the limit where it is not small."""


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
    """What was derived and what was observed."""

    observed_generation: int | None = None
    """Generation of the spec that the operator last acted on."""
    conditions: Annotated[
        list[Condition],
        Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = []
    """Ready, Reconciling and Stalled as kstatus has them, Planned, Available, and UpdateAvailable."""
    plan: Annotated[PlanStatus | None, Field(json_schema_extra=ATOMIC)] = None
    """What follows from the spec and the GPUs."""
    replicas: int | None = None
    """Pods of the Deployment."""
    ready_replicas: int | None = None
    """Pods that answer."""
    ready: str | None = None
    """Ready and wanted replicas, as n/m."""
    selector: str | None = None
    """Label selector of the pods, for the scale subresource."""
    endpoint: str | None = None
    """Base URL of the OpenAI-compatible API inside the cluster."""
    wake: Annotated[WakeStatus | None, Field(json_schema_extra=ATOMIC)] = None
    """How the model wakes, where it may have 0 replicas."""
    model_name: str | None = None
    """Name under which clients ask for the model."""
    revision: str | None = None
    """Hash of the pod template that is applied."""
    rollout_strategy: Literal["Surge", "TerminateFirst", "Recreate"] | None = None
    """How that pod template is rolled out: TerminateFirst where no GPUs were free to surge."""
    update_revision: str | None = None
    """Hash of the pod template that this operator would apply, when it is another one."""
    update_changes: list[str] | None = None
    """What differs between the two, a line per field; internvl diff shows it."""
    performance: Annotated[
        PerformanceStatus | None, Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})
    ] = None
    """What internvl bench measured."""
