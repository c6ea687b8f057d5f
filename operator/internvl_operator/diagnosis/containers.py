"""Why the containers of a scheduled pod are not ready: they wait, load, fail, or have stopped answering."""

from collections.abc import Iterator

from internvl_operator.api.reasons import Outlook, Reason
from internvl_operator.diagnosis.container_exits import (
    Expectation,
    ended_with,
    was_ready,
    why_download_failed,
    why_ended,
)
from internvl_operator.diagnosis.finding import Finding, finding
from internvl_operator.diagnosis.pods import Container, Pod, Waiting
from internvl_operator.manifests.labels import DOWNLOAD_CONTAINER, ENGINE_CONTAINER

_PULL_ERRORS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Why a container waits for its image: ``pkg/kubelet/images/types.go`` of Kubernetes, and the CRI's errors."""

_CREATE_ERRORS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
"""Why the kubelet cannot create or start a container.

From Kubernetes's ``pkg/kubelet/kuberuntime/kuberuntime_container.go`` and ``pkg/kubelet/container/sync_result.go``.
"""

_CREATING = frozenset({"ContainerCreating", "PodInitializing"})
_DOWNLOAD_STALLED_AFTER_RESTARTS = 3
"""A download that broke off resumes at the next start; after so many failures in a row it is not expected to."""


def findings_of(pod: Pod, expected: Expectation) -> Iterator[Finding]:
    """Yield the findings on a pod that is neither ready nor gone."""
    for container in pod.init_containers:
        yield from _of_init_container(pod, container, expected)
    for container in sorted(pod.containers, key=lambda item: item.name != ENGINE_CONTAINER):
        yield from _not_started(pod, container)
        if container.name == ENGINE_CONTAINER:
            yield from _of_engine(pod, container, expected)
        elif container.end and not container.running_since:
            yield why_ended(pod, container, container.end, expected)
    yield from _node_lost(pod)
    yield from _being_created(pod, expected)


def _of_init_container(pod: Pod, container: Container, expected: Expectation) -> Iterator[Finding]:
    yield from _not_started(pod, container)
    end = container.end
    if container.running_since and not container.ready and container.name == DOWNLOAD_CONTAINER:
        # It was restarted: its last failure decides whether this attempt is expected to end better.
        failure = why_download_failed(pod, container, end, expected) if end and end.exit_code else None
        if failure and (failure.is_stalled or container.restarts >= _DOWNLOAD_STALLED_AFTER_RESTARTS):
            yield failure
        else:
            yield _downloading(container.running_since, failure, expected)
    elif not container.running_since and end and end.exit_code:
        yield why_download_failed(pod, container, end, expected)


def _downloading(since: str, failed_before: Finding | None, expected: Expectation) -> Finding:
    plan = expected.plan
    again = f", again after a failure: {failed_before.message}" if failed_before else ""
    size = plan.memory.weights_mib * plan.tp
    return finding(
        Reason.DOWNLOADING, f"{plan.repository}, about {size} MiB, has been downloading since {since}{again}"
    )


def _of_engine(pod: Pod, container: Container, expected: Expectation) -> Iterator[Finding]:
    if container.running_since is None:
        if container.end:
            yield why_ended(pod, container, container.end, expected)
        return
    if container.ready:
        return
    ready, last = pod.condition("Ready"), container.last
    if last and not was_ready(pod, last):
        # The engine loads again and is expected to fail again: the reason must not alternate with LoadingWeights.
        yield why_ended(pod, container, last, expected)
    elif container.started and ready and ready.since > container.running_since:
        yield finding(
            Reason.ENGINE_UNHEALTHY,
            f"the engine of {pod.name} was ready and has not answered /health since {ready.since}; its liveness "
            f"probe restarts it if that lasts; see: kubectl logs {pod.name} -c {container.name}",
        )
    else:
        yield _loading(pod, container, container.running_since, expected)


def _loading(pod: Pod, container: Container, since: str, expected: Expectation) -> Finding:
    restarted = f"; it restarted after {ended_with(container.last)}" if container.last else ""
    return finding(
        Reason.LOADING_WEIGHTS,
        f"{pod.name} has been loading the weights since {since}; expected: about "
        f"{expected.plan.expected_start_seconds} s, and the startup probe restarts it after "
        f"{expected.startup_budget:.0f} s{restarted}",
    )


def _not_started(pod: Pod, container: Container) -> Iterator[Finding]:
    waiting = container.waiting
    if waiting is None:
        return
    if waiting.reason in _PULL_ERRORS:
        yield finding(
            Reason.IMAGE_PULL_FAILED,
            f"the image of container {container.name} cannot be pulled: {_why_not_pulled(waiting)}; correct "
            "engine.image, or let the nodes reach and log in to the registry (podTemplate.imagePullSecrets)",
        )
    elif waiting.reason in _CREATE_ERRORS:
        yield _not_created(pod, container, waiting)


def _why_not_pulled(waiting: Waiting) -> str:
    """Return the error of the pull itself, which follows the kubelet's own words in an ImagePullBackOff."""
    _, separator, error = waiting.message.partition(": ErrImagePull: ")
    return error if separator else waiting.message or waiting.reason


def _not_created(pod: Pod, container: Container, waiting: Waiting) -> Finding:
    message = waiting.message
    if waiting.reason == "CreateContainerConfigError" and (
        message.startswith("secret ") or "in Secret " in message
    ):
        return finding(
            Reason.SECRET_MISSING,
            f"container {container.name} needs a Secret: {message}; create it, or correct the reference "
            "(server.apiKeySecretRef, model.source.huggingFace.tokenSecretRef, engine.env)",
        )
    return finding(
        Reason.CREATE_CONTAINER_ERROR,
        f"container {container.name} of {pod.name} cannot be created: {message or waiting.reason}",
    )


def _node_lost(pod: Pod) -> Iterator[Finding]:
    """Yield a finding when the node has stopped reporting.

    The node lifecycle controller then sets the pod's condition Ready to False and changes nothing else of the pod:
    ``MarkPodsNotReady`` in ``pkg/controller/util/node/controller_utils.go`` of Kubernetes.
    """
    ready, containers = pod.condition("Ready"), pod.condition("ContainersReady")
    if ready is None or ready.is_true or containers is None or not containers.is_true:
        return
    if ready.reason == "ReadinessGatesNotReady" or not all(item.ready for item in pod.containers):
        return
    yield finding(
        Reason.NODE_LOST,
        f"node {pod.node} has not reported since {ready.since}; if it does not come back, Kubernetes replaces "
        f"{pod.name} after 300 s, or after what the pod's tolerations say; see: kubectl describe node {pod.node}",
    )


def _being_created(pod: Pod, expected: Expectation) -> Iterator[Finding]:
    """Yield what the kubelet does before the first container: it mounts volumes, then pulls images."""
    sandbox = pod.condition("PodReadyToStartContainers")
    creating = [item for item in pod.containers if item.waiting and item.waiting.reason in _CREATING]
    if sandbox is None or not creating or any(item.running_since for item in pod.init_containers):
        return
    if sandbox.is_true:
        yield finding(
            Reason.PULLING_IMAGE, f"node {pod.node} has been pulling the image since {sandbox.since}"
        )
    elif expected.has_volume:
        yield Finding(
            Reason.VOLUME_PENDING,
            f"node {pod.node} has been mounting the volumes of {pod.name} since {sandbox.since}; if that lasts, "
            f"see its Events: kubectl describe pod {pod.name}",
            Outlook.PROGRESS,
        )
