"""The state that the operator has brought about: every object, without what differs from one run to the next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from internvl_operator.kube.kinds import CHILDREN, RESOURCE
from internvl_operator.kube.port import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cluster.apiserver.async_api import AsyncApi

REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
"""One more than there were rollouts shows that pods were restarted for nothing."""

KINDS = (RESOURCE, *CHILDREN.values(), REPLICA_SET)

Object = dict[str, Any]
State = dict[str, Object]
"""Objects by kind and name."""

NOBODY = "nobody"
"""The owner of an orphan: no object has the uid that its owner reference names."""

_IDENTITY_AND_TIME = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "lastTransitionTime", "lastUpdateTime", "time"}
)
_UNORDERED = frozenset({"conditions", "managedFields"})
"""Lists whose order tells when their items changed."""

_ASSIGNED = frozenset({"clusterIP", "clusterIPs"})
"""Addresses of a Service, which the API server draws."""


async def read_state(api: AsyncApi, namespace: str) -> State:
    """Return what a namespace holds of the resources and of what belongs to them.

    Raises:
        RefusedError: the API server refused to list a kind.
        OSError: it does not answer.
    """
    bodies: list[Object] = []
    for kind in KINDS:
        listed = await api.ask("GET", f"{kind.root}/namespaces/{namespace}/{kind.plural}")
        bodies += [{**item, "kind": kind.kind} for item in listed["items"]]
    return state_of(bodies)


def state_of(bodies: Iterable[Object]) -> State:
    """Return objects without uids, versions and times; an owner is named instead, and a generation compared.

    Generations count edits, of which a disturbed run may need more. What matters is that nothing lags behind them.
    """
    bodies = list(bodies)
    owners = {body["metadata"]["uid"]: _title(body) for body in bodies}
    return {_title(body): _normal(body, owners) for body in bodies}


def differences(expected: Mapping[str, Object], found: Mapping[str, Object]) -> list[str]:
    """Return a line for each object that is missing, left over, or not as expected."""
    lines = [f"{title} is missing" for title in sorted(expected.keys() - found.keys())]
    lines += [f"{title} is left over" for title in sorted(found.keys() - expected.keys())]
    for title in sorted(expected.keys() & found.keys()):
        lines += [f"{title}{line}" for line in _different("", expected[title], found[title])]
    return lines


def missing_kinds(states: Iterable[State]) -> list[str]:
    """Return the kinds of which no state has an object."""
    found = {title.partition("/")[0] for state in states for title in state}
    return [kind.kind for kind in KINDS if kind.kind not in found]


def _title(body: Mapping[str, Any]) -> str:
    return f"{body['kind']}/{body['metadata']['name']}"


def _normal(body: Object, owners: Mapping[str, str]) -> Object:
    named = _with_owners_named(body, owners)
    normal: Object = _without_identity(named, body["metadata"].get("generation"))
    normal["metadata"].pop("generation", None)
    if body["kind"] == "Deployment":
        _forget_progress(normal)
    return normal


def _forget_progress(deployment: Object) -> None:
    """Leave out which ReplicaSet has progressed.

    The Deployment's controller replaces the message of a condition only together with its reason, so that the message
    names an earlier ReplicaSet where the controller did not see the states in between.
    """
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "Progressing":
            condition.pop("message", None)


def _with_owners_named(body: Object, owners: Mapping[str, str]) -> Object:
    """Put names in the place of owners' uids, which managedFields have too, within their keys."""
    references = body["metadata"].get("ownerReferences", ())
    text = json.dumps(body)
    for uid in {reference["uid"] for reference in references}:
        text = text.replace(uid, owners.get(uid, NOBODY))
    named: Object = json.loads(text)
    for reference in named["metadata"].get("ownerReferences", ()):
        reference["owner"] = reference.pop("uid")
    return named


def _without_identity(value: Any, generation: int | None) -> Any:
    if isinstance(value, list):
        return [_without_identity(item, generation) for item in value]
    if not isinstance(value, dict):
        return value
    normal = {
        key: _without_identity(item, generation)
        for key, item in value.items()
        if key not in _IDENTITY_AND_TIME and key not in _ASSIGNED
    }
    for key in _UNORDERED & normal.keys():
        normal[key].sort(key=lambda item: json.dumps([item.get("type"), item]))
    if "observedGeneration" in normal:
        normal["observedGeneration"] = "current" if normal["observedGeneration"] == generation else "behind"
    return normal


def _different(path: str, expected: Any, found: Any) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in sorted(expected.keys() | found.keys())
            for line in _different(f"{path}.{key}", expected.get(key), found.get(key))
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            line
            for number, (left, right) in enumerate(zip(expected, found, strict=True))
            for line in _different(f"{path}[{number}]", left, right)
        ]
    if expected == found:
        return []
    return [f"{path}: {_short(found)} instead of {_short(expected)}"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
