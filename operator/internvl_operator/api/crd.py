"""The CustomResourceDefinition, generated from the pydantic models of the resource.

pydantic emits JSON Schema. The API server requires a *structural* OpenAPI v3 schema: no references, no unions with
null, no titles. The models' rules become ``x-kubernetes-validations``.

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
        "description": "Ready and desired replicas",
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
    # kstatus considers a resource without a status ready: Helm, Flux and others would not wait for a new resource.
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


_HAS_FIELD = re.compile(r"has\(self((?:\.\w+)+)\)")
"""A test of a CEL rule, such as ``has(self.model.source)``; the group is ``.model.source``."""


def _with_nullable_sections(section: JsonObject) -> JsonObject:
    """Return the schema of an object in which nested objects may be null, and whose rules treat null as absent.

    Server-side apply stores null for an object whose last field is removed (structured-merge-diff:
    ``removingWalker``). The exceptions are ``atomic`` objects (Kubernetes's own types, maps, references), which it
    replaces as a whole, and never by null.
    """
    properties = {name: _with_emptied_value(value) for name, value in section["properties"].items()}
    result = {**section, "properties": properties}
    if rules := section.get("x-kubernetes-validations"):
        result["x-kubernetes-validations"] = [
            {**rule, "rule": _HAS_FIELD.sub(partial(_has_and_not_null, result), rule["rule"])}
            for rule in rules
        ]
    return result


def _with_emptied_value(node: JsonObject) -> JsonObject:
    """Return the schema of a field that also accepts what server-side apply stores once the field is emptied."""
    if "properties" not in node or "x-kubernetes-map-type" in node:
        return node
    if "required" in node:
        # An empty reference has no name and must be refused. Stored as null it would mean "no reference" instead.
        return node | {"x-kubernetes-map-type": "atomic"}
    return _with_nullable_sections(node) | {"nullable": True}


def _has_and_not_null(section: JsonObject, match: re.Match[str]) -> str:
    """Return a match of ``_HAS_FIELD``, and where the field is nullable a test that it is not null too."""
    node, path = section, match.group(1)
    for name in path[1:].split("."):
        node = node["properties"][name]
    return f"(has(self{path}) && self{path} != null)" if node.get("nullable") else match.group(0)


def _structural(node: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return one node of a JSON Schema as a structural schema, with references replaced by their definitions."""
    node = _resolved(node, definitions)
    result = {
        key: value for key, value in node.items() if key in _KEYWORDS or key.startswith("x-kubernetes-")
    }
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


_KEYWORDS = frozenset(
    {
        *("type", "description", "enum", "format", "required"),
        *("minimum", "minLength", "minItems", "minProperties"),
        *("maximum", "maxLength", "maxItems", "maxProperties"),
    }
)
"""Keywords of JSON Schema that are the same in a structural schema."""


def _resolved(node: JsonObject, definitions: JsonObject) -> JsonObject:
    """Return a node without ``anyOf`` (pydantic's form of ``X | None``) and without ``$ref``."""
    if "anyOf" in node:
        (not_null,) = (choice for choice in node["anyOf"] if choice != {"type": "null"})
        node = {**not_null, **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        node = {**definitions[name], **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _convert_exclusive_bounds(node: JsonObject, result: JsonObject) -> None:
    """Convert exclusive bounds: a number in JSON Schema, a bound and a boolean in OpenAPI v3.0."""
    for bound in ("Minimum", "Maximum"):
        if (limit := node.get(f"exclusive{bound}")) is not None:
            result[bound.lower()] = limit
            result[f"exclusive{bound}"] = True
