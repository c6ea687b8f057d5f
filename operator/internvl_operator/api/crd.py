"""The CustomResourceDefinition, made from the models.

pydantic emits JSON Schema; the API server wants a *structural* OpenAPI v3 schema: no references, no unions with
null, no titles. Rules of the models become ``x-kubernetes-validations``.

Why: docs/design/006-no-webhook.md
"""

import re
from functools import partial
from typing import Any

from pydantic import BaseModel

from internvl_operator.api.base import validations_of
from internvl_operator.api.status.resource_status import InternVLDeploymentStatus
from internvl_operator.api.v1alpha1 import (
    GROUP,
    KIND,
    PLURAL,
    VERSION,
    InternVLDeployment,
    InternVLDeploymentSpec,
)

JsonObject = dict[str, Any]

_COLUMNS: list[JsonObject] = [
    {"name": "Size", "type": "string", "jsonPath": ".spec.size", "description": "Size of the model"},
    {
        "name": "Quant",
        "type": "string",
        "jsonPath": ".status.plan.quantization",
        "description": "None or AWQ",
    },
    {
        "name": "GPUs",
        "type": "integer",
        "jsonPath": ".status.plan.gpus",
        "description": "GPUs of one replica",
    },
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": ".status.ready",
        "description": "Ready and wanted replicas",
    },
    {
        "name": "Reason",
        "type": "string",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
        "description": "Why it is ready or not",
    },
    {
        "name": "Endpoint",
        "type": "string",
        "jsonPath": ".status.endpoint",
        "priority": 1,
        "description": "Base URL inside the cluster",
    },
    {
        "name": "Series",
        "type": "string",
        "jsonPath": ".status.plan.series",
        "priority": 1,
        "description": "Series of the model",
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def custom_resource_definition() -> JsonObject:
    """Return the CRD as ``kubectl apply`` takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["ivl"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _resource_schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": _COLUMNS,
                }
            ],
        },
    }


def _resource_schema() -> JsonObject:
    spec = _with_nullable_sections(structural_schema(InternVLDeploymentSpec))
    spec["properties"]["replicas"]["default"] = 1
    status = structural_schema(InternVLDeploymentStatus)
    # kstatus takes a resource without a status for ready: Helm, Flux and others would not wait for a new one.
    status["default"] = {"observedGeneration": -1}
    return {
        "description": "An InternVL model served by LMDeploy behind one OpenAI-compatible endpoint.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        "x-kubernetes-validations": validations_of(InternVLDeployment.rules),
    }


def structural_schema(model: type[BaseModel]) -> JsonObject:
    """Return the structural OpenAPI v3 schema of a model, with its rules and those of the models in it."""
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


_GIVEN = re.compile(r"has\(self((?:\.\w+)+)\)")


def _with_nullable_sections(section: JsonObject) -> JsonObject:
    """Return the schema of a section in which sections may be null, and whose rules treat null as absent.

    Server-side apply stores null for a section whose last field is removed (structured-merge-diff:
    ``removingWalker``). It replaces a Kubernetes type, a map or a reference as a whole (``atomic``), never by null.
    """
    properties = {name: _emptied(value) for name, value in section["properties"].items()}
    result = {**section, "properties": properties}
    if rules := section.get("x-kubernetes-validations"):
        result["x-kubernetes-validations"] = [
            {**rule, "rule": _GIVEN.sub(partial(_given, result), rule["rule"])} for rule in rules
        ]
    return result


def _emptied(node: JsonObject) -> JsonObject:
    """Return the schema of a field that also takes what server-side apply leaves of the field without content."""
    if "properties" not in node or "x-kubernetes-map-type" in node:
        return node
    if "required" in node:
        # An empty reference must be refused, for it lacks its name. As null it would mean that there is none.
        return node | {"x-kubernetes-map-type": "atomic"}
    return _with_nullable_sections(node) | {"nullable": True}


def _given(section: JsonObject, match: re.Match[str]) -> str:
    """Return the test of a rule that a field is given: ``has(self.path)``, and not null where null is allowed."""
    node, path = section, match.group(1)
    for name in path[1:].split("."):
        node = node["properties"][name]
    return f"(has(self{path}) && self{path} != null)" if node.get("nullable") else match.group(0)


def _structural(node: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return one node of JSON Schema in the API server's dialect, with the definitions in place of references."""
    node = _resolved(node, definitions)
    result = {key: value for key, value in node.items() if key in _KEPT or key.startswith("x-kubernetes-")}
    if "properties" in node:
        result["properties"] = {
            name: _structural(value, definitions) for name, value in node["properties"].items()
        }
    if "items" in node:
        result["items"] = _structural(node["items"], definitions)
    match node.get("additionalProperties"):
        case dict() as values:
            result["additionalProperties"] = _structural(values, definitions)
    _convert_exclusive_bounds(node, result)
    return result


_KEPT = frozenset(
    {"type", "description", "enum", "format", "pattern", "required"}
    | {f"{bound}{what}" for bound in ("min", "max") for what in ("imum", "Length", "Items", "Properties")}
)


def _resolved(node: JsonObject, definitions: JsonObject) -> JsonObject:
    if "anyOf" in node:
        (given,) = (choice for choice in node["anyOf"] if choice != {"type": "null"})
        node = {**given, **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        node = {**definitions[name], **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _convert_exclusive_bounds(node: JsonObject, result: JsonObject) -> None:
    """Write exclusive bounds as OpenAPI v3.0 does: a bound, and a flag that it is exclusive."""
    for bound in ("Minimum", "Maximum"):
        if (limit := node.get(f"exclusive{bound}")) is not None:
            result[bound.lower()] = limit
            result[f"exclusive{bound}"] = True
