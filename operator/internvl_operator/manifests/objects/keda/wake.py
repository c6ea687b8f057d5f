"""How a resource wakes from 0 replicas: where its clients send requests, and how long everyone waits, and why.

Why: docs/design/012-scale-to-zero.md
"""

from collections.abc import Container
from dataclasses import dataclass

from internvl_operator.api.lifecycle import KedaHttp
from internvl_operator.api.reasons import Reason
from internvl_operator.api.v1alpha1 import InternVLDeployment
from internvl_operator.manifests.objects.deployment import download_seconds
from internvl_operator.manifests.objects.model_files import is_downloaded, keeps_files_in_pod
from internvl_operator.planner.plan import Plan
from internvl_operator.problem import Problem

KEDA_VERSION = "2.21"
ADD_ON_VERSION = "0.15"

NO_KEDA = Problem(
    Reason.SCALE_TO_ZERO_UNAVAILABLE,
    "autoscaling.minReplicas 0 needs what a HorizontalPodAutoscaler cannot do, and this cluster lacks it: install KEDA "
    f"{KEDA_VERSION} or later, which has ScaledObjects, and its HTTP add-on {ADD_ON_VERSION} or later, which has "
    "InterceptorRoutes, or write minReplicas 1; replicas stay as they are until then",
    holds_up_others=False,
)

WAKING_KINDS = ("InterceptorRoute", "ScaledObject")
"""The kinds that wake a resource together: each is served by another part of KEDA."""

_SHORTEST_COOLDOWN_SECONDS = 300
"""KEDA's own default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """How a resource wakes.

    Args:
        endpoint: base URL of the OpenAI-compatible API behind the interceptor, which wakes the model.
        hosts: values of the header Host by which the interceptor knows the resource, the shortest first. They are those
            of its own namespace alone: all namespaces share the interceptor, and whoever names a host first gets its
            requests.
        scaler: host and port of the add-on's scaler.
        download_seconds: what each new pod takes to download the model, as far as it has to.
        start_seconds: from the process's start to an answer.
        hold_seconds: longest time that the interceptor holds a request while no replica answers.
        cooldown_seconds: time without a request after which the last replica stops.
        requests_per_replica: requests in flight for which there is one replica.
    """

    endpoint: str
    hosts: tuple[str, ...]
    scaler: str
    download_seconds: int
    start_seconds: int
    hold_seconds: int
    cooldown_seconds: int
    requests_per_replica: int

    @property
    def seconds(self) -> int:
        """Seconds from the first request to an answering replica, if a GPU is free and the image on its node."""
        return self.download_seconds + self.start_seconds

    @property
    def reason(self) -> str:
        """Where the seconds come from."""
        start = f"{self.start_seconds} s to load the model"
        return f"{self.download_seconds} s to download it and {start}" if self.download_seconds else start


def sleeps(resource: InternVLDeployment) -> bool:
    """Return whether KEDA is to stop the last replica. A suspended resource keeps its replicas, and never wakes."""
    return resource.spec.autoscaling.sleeps and not resource.spec.suspend


def wake_in(resource: InternVLDeployment, plan: Plan, keda: KedaHttp, served: Container[str]) -> Wake | None:
    """Return how a resource wakes in a cluster, or None where it never sleeps or the cluster lacks a part of KEDA."""
    can_wake = sleeps(resource) and all(kind in served for kind in WAKING_KINDS)
    return wake_of(resource, plan, keda) if can_wake else None


def wake_of(resource: InternVLDeployment, plan: Plan, keda: KedaHttp) -> Wake:
    """Return how a resource wakes that may have 0 replicas.

    A request is held for a download and twice the expected start: a start that is slower than expected loses none. The
    last replica stays as long after the last request, so that none stops that is still loading for somebody.
    """
    spec = resource.spec
    download = download_seconds(plan) if is_downloaded(resource) else 0
    hold = download + 2 * plan.expected_start_seconds
    host = f"{resource.metadata.name}.{resource.metadata.namespace}"
    return Wake(
        endpoint=f"http://{keda.interceptor_address}/v1",
        scaler=keda.scaler_address,
        hosts=(host, f"{host}.svc", f"{host}.svc.cluster.local"),
        download_seconds=download if keeps_files_in_pod(resource) else 0,
        start_seconds=plan.expected_start_seconds,
        hold_seconds=hold,
        cooldown_seconds=max(_SHORTEST_COOLDOWN_SECONDS, hold),
        requests_per_replica=plan.concurrent_requests + spec.autoscaling.target_waiting_requests,
    )
