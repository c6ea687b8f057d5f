"""What a resource should have in the end, said without the operator's own renderer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from internvl_operator.kube.kinds import (
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    RESOURCE,
    SERVICE,
)
from tests.cluster.waiting import condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.soak.plan import Spec

KINDS = (RESOURCE, DEPLOYMENT, SERVICE, NETWORK_POLICY, POD_DISRUPTION_BUDGET, HORIZONTAL_POD_AUTOSCALER)

Object = dict[str, Any]


def unconverged(specs: Mapping[str, Spec], bodies: Iterable[Object]) -> dict[str, list[str]]:
    """Return what is wrong, by the name of the resource; objects that belong to none count as resources.

    Args:
        specs: of the resources that should exist.
        bodies: all objects of KINDS.
    """
    found: dict[str, dict[str, Object]] = defaultdict(dict)
    for body in bodies:
        found[body["metadata"]["name"]][body["kind"]] = body
    problems = {name: _problems(spec, found[name]) for name, spec in specs.items()}
    for name in found.keys() - specs.keys():
        problems[name] = [f"{kind} is left over" for kind in sorted(found[name])]
    return {name: lines for name, lines in problems.items() if lines}


def _problems(spec: Spec, found: Mapping[str, Object]) -> list[str]:
    body = found.get(RESOURCE.kind)
    if body is None:
        return ["it does not exist"]
    lines = [*_status_problems(body)]
    expected = {RESOURCE.kind, *_children(spec)}
    lines += [f"{kind} is missing" for kind in sorted(expected - found.keys())]
    lines += [f"{kind} is left over" for kind in sorted(found.keys() - expected)]
    for kind in sorted(found.keys() - {RESOURCE.kind}):
        owners = [owner["uid"] for owner in found[kind]["metadata"].get("ownerReferences", ())]
        if owners != [body["metadata"]["uid"]]:
            lines.append(f"{kind} is an orphan")
    if not lines:
        lines += _content_problems(spec, found)
    return lines


def _children(spec: Spec) -> set[str]:
    most = spec.get("autoscaling", {}).get("maxReplicas", 0)
    children = {DEPLOYMENT.kind, SERVICE.kind}
    if spec.get("networkPolicy", {}).get("enabled", True):
        children.add(NETWORK_POLICY.kind)
    if max(spec.get("replicas", 1), most) >= 2:
        children.add(POD_DISRUPTION_BUDGET.kind)
    if most and not spec.get("suspend", False):
        children.add(HORIZONTAL_POD_AUTOSCALER.kind)
    return children


def _status_problems(body: Object) -> list[str]:
    ready = condition(body, "Ready")
    observed = body.get("status", {}).get("observedGeneration")
    if observed != body["metadata"]["generation"]:
        return [f"the status is of generation {observed}, the spec of {body['metadata']['generation']}"]
    if ready.get("status") != "True":
        return [f"not ready: {ready.get('reason')}: {ready.get('message')}"]
    return []


def _content_problems(spec: Spec, found: Mapping[str, Object]) -> list[str]:
    deployment = found[DEPLOYMENT.kind]["spec"]
    replicas = 0 if spec.get("suspend") else spec.get("replicas", 1)
    lines = []
    if deployment["replicas"] != replicas:
        lines.append(f"{deployment['replicas']} replicas instead of {replicas}")
    arguments = [
        *deployment["template"]["spec"]["containers"][0].get("command", ()),
        *deployment["template"]["spec"]["containers"][0].get("args", ()),
    ]
    session = str(spec.get("engine", {}).get("sessionLen", 8192))
    # A suspended model keeps what ran until it is wanted again.
    if not spec.get("suspend") and _after(arguments, "--session-len") != session:
        lines.append(f"--session-len is {_after(arguments, '--session-len')} instead of {session}")
    annotations = found[SERVICE.kind]["metadata"].get("annotations", {})
    wanted = spec.get("service", {}).get("annotations", {})
    if not wanted.items() <= annotations.items():
        lines.append(f"the Service's annotations lack some of {wanted}")
    return lines


def _after(arguments: list[str], flag: str) -> str | None:
    return arguments[arguments.index(flag) + 1] if flag in arguments[:-1] else None
