"""The constraints of a CRD's schema: listed, and loosened."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

_BOUNDS = ("maxItems", "maxLength", "maxProperties")
_CONSTRAINTS = (
    *_BOUNDS,
    "enum",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "pattern",
    "uniqueItems",
    "x-kubernetes-list-type",
)


def spec_schema(crd: Schema) -> Schema:
    """The schema of ``spec``."""
    properties = resource_schema(crd)["properties"]
    spec: Schema = properties["spec"]
    return spec


def resource_schema(crd: Schema) -> Schema:
    """The schema of the whole resource."""
    (version,) = crd["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every schema in a schema, each with its path; ``[]`` is a list's item, ``{}`` a map's value."""
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from nodes(value, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def constraints(schema: Schema, path: str) -> set[tuple[str, str]]:
    """Everything that a schema forbids, as (path, keyword); a required field as (path, ``required NAME``)."""
    found = {(at, keyword) for at, node in nodes(schema, path) for keyword in _CONSTRAINTS if keyword in node}
    return found | {
        (at, f"required {field}") for at, node in nodes(schema, path) for field in node.get("required", ())
    }


def spelling(schema: Schema) -> str:
    """The regular expression that a text's own rule has it match; empty when there is none."""
    own = (rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
    found = (re.fullmatch(r"self\.matches\('(.+)'\)", rule) for rule in own)
    return next((match.group(1) for match in found if match), "")


def rules(schema: Schema, path: str) -> list[dict[str, str]]:
    """The rules of a schema and of those in it."""
    return [rule for _, node in nodes(schema, path) for rule in node.get("x-kubernetes-validations", ())]


def loosened(schema: Schema) -> Schema:
    """The schema with its rules, and each bound one larger; constraints that are not bounds are gone.

    The bounds cannot go: by them the API server estimates what the rules cost.
    """
    schema = deepcopy(schema)
    for _, node in nodes(schema, ""):
        for bound in _BOUNDS:
            if bound in node:
                node[bound] += 1
        for constraint in {*_CONSTRAINTS, "required", "x-kubernetes-list-map-keys"} - set(_BOUNDS):
            node.pop(constraint, None)
        for flag in ("exclusiveMinimum", "exclusiveMaximum"):
            node.pop(flag, None)
    return schema
