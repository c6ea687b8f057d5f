"""What keeps Gateways from a model: a sentence for each refusal of the route or the pool, and for a missing picker."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from internvl_operator.api.gateway import GatewayReference
from internvl_operator.kube.objects import condition_of
from internvl_operator.manifests.objects.gateway.endpoint_picker import SERVICE_ACCOUNT

_ADVICE = {
    "NotAllowedByListeners": (
        "none of its listeners admits routes of namespace {namespace}: select the namespace in "
        "listeners.allowedRoutes of the Gateway"
    ),
    "NoMatchingListenerHostname": "none of its listeners has one of gateway.hostnames: change one of the two",
    "NoMatchingParent": "it has no such listener: mend sectionName in gateway.parentRefs",
    "InvalidKind": "its controller knows no InferencePools: write gateway.balancing Service",
    "RefNotPermitted": (
        "the interceptor that wakes the model is in another namespace: a ReferenceGrant there has to admit HTTPRoutes "
        "of namespace {namespace}"
    ),
    "BackendNotFound": "its controller does not find the backend, which may be new",
}


def refusals(route: Mapping[str, Any] | None, references: Sequence[GatewayReference]) -> list[str]:
    """Return a sentence for each Gateway that does not route to the model, or has not said so.

    Args:
        route: the HTTPRoute as the API server has it.
        references: the Gateways of the spec.
    """
    if route is None:
        return []
    return [sentence for reference in references for sentence in _of_gateway(route, reference)]


def _of_gateway(route: Mapping[str, Any], reference: GatewayReference) -> Iterator[str]:
    metadata = route["metadata"]
    namespace = reference.namespace or metadata["namespace"]
    gateway = f"Gateway {namespace}/{reference.name}"
    answers = [
        parent
        for parent in route.get("status", {}).get("parents") or ()
        if _names(parent["parentRef"], reference, namespace, metadata["namespace"])
    ]
    if not answers:
        yield f"{gateway} has not answered: it does not exist, or its controller does not run"
    for answer in answers:
        for type_ in ("Accepted", "ResolvedRefs"):
            found = condition_of(answer, type_)
            if found and found["status"] == "False" and not _is_outdated(found, metadata):
                advice = _ADVICE.get(found["reason"], "").format(namespace=metadata["namespace"])
                said = advice or found.get("message", "")
                yield f"{gateway} refuses the route ({found['reason']}): {said}"


def _names(parent: Mapping[str, Any], reference: GatewayReference, namespace: str, own: str) -> bool:
    """Return whether a parentRef of the status names the Gateway, and the listener if the spec names one."""
    return (
        parent["name"] == reference.name
        and parent.get("namespace", own) == namespace
        and parent.get("sectionName") == reference.section_name
    )


def _is_outdated(condition: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Return whether a condition is about an earlier route."""
    return bool(condition.get("observedGeneration", 0) < metadata.get("generation", 0))


def picker_troubles(pool: Mapping[str, Any] | None, picker: Mapping[str, Any] | None) -> list[str]:
    """Return a sentence for each reason for which no endpoint picker chooses the replicas.

    Args:
        pool: the InferencePool as the API server has it.
        picker: the Deployment of its endpoint picker as the API server has it.
    """
    if pool is None:
        return []
    refused = [
        f"Gateway {parent['parentRef'].get('namespace', pool['metadata']['namespace'])}/{parent['parentRef']['name']} "
        f"refuses the InferencePool ({found['reason']}): {found.get('message', '')}"
        for parent in pool.get("status", {}).get("parents") or ()
        for found in parent.get("conditions") or ()
        if found["status"] == "False" and not _is_outdated(found, pool["metadata"])
    ]
    return [*refused, *_of_picker(picker)]


def _of_picker(picker: Mapping[str, Any] | None) -> Iterator[str]:
    status = (picker or {}).get("status", {})
    if picker is None or status.get("availableReplicas"):
        return
    failure = condition_of(status, "ReplicaFailure")
    why = failure["message"] if failure else f"see kubectl describe deployment {picker['metadata']['name']}"
    advice = ""
    if SERVICE_ACCOUNT in why:
        advice = "; the administrator makes it with the chart's value endpointPicker.namespaces"
    yield f"the endpoint picker does not run, so that requests are spread without it: {why}{advice}"
