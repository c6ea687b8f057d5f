"""JSON schemas for kubeconform, made from what a real API server says of its kinds (OpenAPI v2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Schema = dict[str, Any]

LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
"""Name of a kind's file, as kubeconform fills it in."""

_REFERENCE = '"#/definitions/'
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def write_schemas(openapi: Schema, directory: Path) -> None:
    """Write a schema for each kind, which refuses fields that the API server does not know.

    Each definition is a file, so that kubeconform reads those of the kinds that it checks, and not all of Kubernetes.
    """
    definitions = {name: _strict(schema) for name, schema in openapi["definitions"].items()}
    definitions[_QUANTITY] = {"type": ["string", "number"]}
    for name, schema in definitions.items():
        text = json.dumps(schema).replace(_REFERENCE, f'"{_address(directory, "")}')
        (directory / name).write_text(text)
    for name, schema in openapi["definitions"].items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"].split(".")[0]
            suffix = "-".join(part for part in (group, kind["version"]) if part)
            path = directory / f"{kind['kind'].lower()}-{suffix}.json"
            path.write_text(json.dumps({"$ref": _address(directory, name)}))


def _address(directory: Path, name: str) -> str:
    return f"file://{directory}/{name}"


def _strict(schema: Any) -> Any:
    """Return a schema of OpenAPI v2 as one of JSON Schema, closed where its fields are known."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {
        key: {name: _strict(item) for name, item in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
        if key != "format"
    }
    if schema.get("format") == "int-or-string":
        result["type"] = ["string", "integer"]
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and not is_open:
        result["additionalProperties"] = False
    return result
