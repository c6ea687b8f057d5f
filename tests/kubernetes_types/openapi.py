"""Kubernetes's types as a CustomResourceDefinition's schema has them, read from an API server's OpenAPI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Schema = dict[str, Any]

TYPES = {
    "Affinity": "api/v1:io.k8s.api.core.v1.Affinity",
    "EnvVar": "api/v1:io.k8s.api.core.v1.EnvVar",
    "NetworkPolicyPeer": "apis/networking.k8s.io/v1:io.k8s.api.networking.v1.NetworkPolicyPeer",
    "PodSecurityContext": "api/v1:io.k8s.api.core.v1.PodSecurityContext",
    "Toleration": "api/v1:io.k8s.api.core.v1.Toleration",
    "TopologySpreadConstraint": "api/v1:io.k8s.api.core.v1.TopologySpreadConstraint",
}
"""The types that the resource holds: where the API server describes each."""

_KEPT = ("type", "format", "required")
"""Not the enumerations, which a later Kubernetes may widen, nor defaults, which the pods get of the API server."""


def kubernetes_types(get: Callable[[str], str]) -> str:
    """The file with the types, given a reader of the API server's paths."""
    types = {}
    for kind, place in TYPES.items():
        group, name = place.split(":")
        schemas = json.loads(get(f"/openapi/v3/{group}"))["components"]["schemas"]
        types[kind] = _inlined(schemas, schemas[name])
    return json.dumps(types, indent=1, sort_keys=True) + "\n"


def _inlined(schemas: dict[str, Schema], node: Schema) -> Schema:
    """A schema without references, descriptions, defaults and enumerations."""
    (reference, *_) = [part.get("$ref", "") for part in (node, *node.get("allOf", ()))][-1:]
    if reference:
        node = schemas[reference.rsplit("/", 1)[1]]
    if "oneOf" in node:
        return {"x-kubernetes-int-or-string": True}
    result: Schema = {key: node[key] for key in _KEPT if key in node}
    if "required" in result:
        result["required"] = sorted(result["required"])
    if "properties" in node:
        result["properties"] = {
            name: _inlined(schemas, value) for name, value in sorted(node["properties"].items())
        }
    for part in ("items", "additionalProperties"):
        if part in node:
            result[part] = _inlined(schemas, node[part])
    return result
