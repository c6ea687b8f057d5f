"""The one most telling reason why a Deployment is not ready."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any

from internvl_operator.api.reasons import Outlook, Reason
from internvl_operator.diagnosis.container_exits import Expectation
from internvl_operator.diagnosis.containers import findings_of
from internvl_operator.diagnosis.finding import Finding, finding
from internvl_operator.diagnosis.lost_pods import findings_of_lost, is_lost
from internvl_operator.diagnosis.pods import Pod, pods_of
from internvl_operator.diagnosis.scheduling import Obstacle, absence_of, advice_on, scheduling_of
from internvl_operator.manifests.labels import ENGINE_CONTAINER
from internvl_operator.planner.plan import Plan

_MOST_PODS = 32
"""Pods, the oldest, whose containers and last words are looked at, up to 2 ms each: one template fails in one way."""


def diagnose(
    plan: Plan,
    deployment: Mapping[str, Any] | None,
    bodies: Iterable[Mapping[str, Any]],
    revision: str | None,
) -> Finding | None:
    """Return why a Deployment is not ready, or None when no reason is known.

    Args:
        plan: how its pods are run.
        deployment: the Deployment as the cache has it.
        bodies: the pods that carry the resource's label, as the cache has them.
        revision: the pod template that is applied; pods of another one are on their way out.
    """
    if deployment is None:
        return None
    pods = pods_of(deployment, bodies)
    expected = _expectation(plan, deployment)
    current = [pod for pod in pods if pod.revision == revision]
    previous = [pod for pod in pods if pod.revision != revision]
    found = _most_telling([*_refused(deployment, previous), *_findings(current, expected)])
    if found is None:
        return _most_telling(_findings(previous, expected))
    serving = sum(pod.is_ready for pod in previous)
    return _while_old_pods_serve(found, serving) if serving else found


def _findings(pods: Sequence[Pod], expected: Expectation) -> Iterator[Finding]:
    failing = (pod for pod in pods if not pod.is_ready and not pod.deleting and not is_lost(pod))
    for pod in islice(failing, _MOST_PODS):
        yield from findings_of(pod, expected)
    yield from findings_of_lost(pods)
    yield from _unscheduled(pods, expected.plan)


def _most_telling(findings: Iterable[Finding]) -> Finding | None:
    return min(findings, key=lambda found: found.rank, default=None)


def _unscheduled(pods: Iterable[Pod], plan: Plan) -> Iterator[Finding]:
    waiting = scheduling_of(pods, plan.resource)
    if waiting is None:
        return
    where = f"{waiting.pod} has been unschedulable since {waiting.since}: {waiting.message}"
    if waiting.obstacle is Obstacle.GPU:
        what = f"{plan.gpus} x {plan.product or plan.resource}"
        absent = absence_of(plan)
        yield finding(
            Reason.WAITING_FOR_GPU,
            f"{what} on one node must become free{f' ({absent})' if absent else ''}; {where}",
        )
    elif waiting.obstacle is Obstacle.VOLUME:
        is_missing = re.search(r'persistentvolumeclaim "[^"]*" not found', waiting.message)
        yield Finding(
            Reason.VOLUME_PENDING,
            f"{where}; see: kubectl get persistentvolumeclaims",
            Outlook.STALLED if is_missing else Outlook.WAITING,
        )
    else:
        yield finding(Reason.UNSCHEDULABLE, f"{where}; {advice_on(waiting.message, plan)}")


def _refused(deployment: Mapping[str, Any], previous: Iterable[Pod]) -> Iterator[Finding]:
    for condition in deployment.get("status", {}).get("conditions", ()):
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True"):
            message = condition.get("message", "")
            ending = next((pod.name for pod in previous if pod.deleting), None)
            if ending and "exceeded quota" in message:
                # A quota counts a pod until it is gone. New pods are made while the old ones finish their requests.
                yield Finding(
                    Reason.PODS_REFUSED,
                    f"the quota of the namespace counts {ending} until it has ended its requests: {message}",
                    Outlook.WAITING,
                )
                continue
            yield finding(
                Reason.PODS_REFUSED,
                f"the API server refuses the pods: {message}; {_refusal_advice(message)}",
            )


_REFUSALS = (
    ("exceeded quota", "raise the quota of the namespace, or lower podTemplate.resources"),
    ("failed quota", "the ResourceQuota asks for values in podTemplate.resources: give them"),
    ("per Container", "keep podTemplate.resources within the namespace's LimitRange, or change that"),
    ("per Pod", "keep podTemplate.resources within the namespace's LimitRange, or change that"),
    (
        "security context constraint",
        "OpenShift gives the user and groups itself: set podTemplate.identity to ClusterAssigned",
    ),
    (
        "violates PodSecurity",
        "satisfy the Pod Security Standard of the namespace with podTemplate.securityContext",
    ),
    ("no PriorityClass", "correct podTemplate.priorityClassName"),
    ("serviceaccount", "correct podTemplate.serviceAccountName"),
    ("RuntimeClass", "correct podTemplate.runtimeClassName"),
    ("admission webhook", "satisfy the policy with spec.podTemplate, or ask its owner for an exception"),
    (
        "ValidatingAdmissionPolicy",
        "satisfy the policy with spec.podTemplate, or ask its owner for an exception",
    ),
)
"""What the API server's admission plugins say, and the next step, the surest first."""


def _refusal_advice(message: str) -> str:
    advice = (step for words, step in _REFUSALS if words in message)
    return next(advice, "satisfy what refuses them with spec.podTemplate")


def _while_old_pods_serve(found: Finding, serving: int) -> Finding:
    """Return the finding on new pods in the light of old pods that serve: the rollout is blocked, the model is not."""
    if found.outlook is Outlook.PROGRESS:
        return found
    served = f"the old revision still serves, with {serving} ready"
    if found.reason is Reason.WAITING_FOR_GPU:
        return Finding(found.reason, f"{found.message}; {served}", found.outlook)
    message = f"{served}; the new one does not start: {found.reason}: {found.message}"
    return Finding(Reason.ROLLOUT_BLOCKED, message, found.outlook)


def _expectation(plan: Plan, deployment: Mapping[str, Any]) -> Expectation:
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    probes = [item["startupProbe"] for item in pod.get("containers", ()) if _has_probe(item)]
    budget = max(
        (probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3) for probe in probes), default=inf
    )
    has_volume = any("emptyDir" not in volume for volume in pod.get("volumes", ()))
    return Expectation(plan, budget, has_volume)


def _has_probe(container: Mapping[str, Any]) -> bool:
    return bool(container["name"] == ENGINE_CONTAINER and container.get("startupProbe"))
