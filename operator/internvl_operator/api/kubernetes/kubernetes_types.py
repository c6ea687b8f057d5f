"""Kubernetes's own types in the resource: their schemas, bounded, and the check of a value against them.

The fields come from the API server's OpenAPI (``kubernetes_types.json``, written by ``make kubernetes-types``). The
operator adds bounds, so that a spec cannot take long to read: Kubernetes limits only the size of a whole request. What
a schema cannot express, such as the operators of a toleration, the API server checks when it gets the Deployment.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, Field

Schema = dict[str, Any]

_MOST_CHARACTERS = 512
_CHARACTERS = {"value of EnvVar": 16384, "localhostProfile": 4096, "gmsaCredentialSpec": 16384}
"""Longest text by field, where that is not ``_MOST_CHARACTERS``."""
_MOST_ITEMS = 16
_ITEMS = {"values": 128, "except": 128, "supplementalGroups": 64, "namespaces": 64, "sysctls": 32, "to": 32}
"""Most items by list, where that is not ``_MOST_ITEMS``."""
_SHOWN = 5
"""Most problems of one value that a message names."""
_LABEL_VALUE_CHARACTERS = 63
_MOST_LABELS = 32
_INTEGERS = {"int32": 1 << 31, "int64": 1 << 63}


@cache
def schema_of(kind: str) -> Schema:
    """Return the bounded structural schema of a Kubernetes type, such as ``Affinity``.

    Server-side apply replaces the type as a whole (``atomic``): whoever sets a part of it owns all of it.
    """
    unbounded = json.loads(
        (files("internvl_operator.api.kubernetes") / "kubernetes_types.json").read_text("utf-8")
    )[kind]
    return {**_bounded(unbounded, "", kind), "x-kubernetes-map-type": "atomic"}


def _bounded(node: Schema, field: str, kind: str) -> Schema:
    bounded = dict(node)
    if "properties" in node:
        bounded["properties"] = {
            name: _bounded(value, name, kind) for name, value in node["properties"].items()
        }
    if "items" in node:
        bounded |= {
            "items": _bounded(node["items"], field, kind),
            "maxItems": _ITEMS.get(field, _MOST_ITEMS),
        }
    if "additionalProperties" in node:
        bounded |= {
            "additionalProperties": {**node["additionalProperties"], "maxLength": _LABEL_VALUE_CHARACTERS},
            "maxProperties": _MOST_LABELS,
        }
    if node.get("type") == "string" or "x-kubernetes-int-or-string" in node:
        bounded["maxLength"] = _CHARACTERS.get(f"{field} of {kind}", _CHARACTERS.get(field, _MOST_CHARACTERS))
    return bounded


def checked(schema: Schema, value: Any) -> Any:
    """Return a value without its nulls, which the API server drops too.

    Raises:
        ValueError: the value does not match the schema; the message names each field.
    """
    if problems := list(islice(_problems(schema, value, ""), _SHOWN)):
        raise ValueError("; ".join(problems))
    return without_nulls(value)


def without_nulls(value: Any) -> Any:
    """Return a JSON value without the fields that are null."""
    match value:
        case Mapping():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [item if isinstance(item, str) else without_nulls(item) for item in value]
        case _:
            return value


def _problems(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with a value, no deeper than the schema goes."""
    if wrong := _wrong(schema, value):
        yield f"{path}: {wrong}" if path else wrong
        return
    match value:
        case dict() if "additionalProperties" in schema:
            yield from _map_problems(schema, value, path)
        case dict():
            yield from _object_problems(schema, value, path)
        case list():
            items = schema["items"]
            for index, item in enumerate(value):
                # Lists of texts hold most of what a large spec has, and as a rule nothing is wrong with them.
                if not _is_right_text(items, item):
                    yield from _problems(items, item, f"{path}[{index}]")


def _is_right_text(schema: Schema, value: Any) -> bool:
    if not isinstance(value, str) or schema.get("type") != "string":
        return False
    return bool(schema.get("minLength", 0) <= len(value) <= schema["maxLength"])


def _wrong(schema: Schema, value: Any) -> str:
    """Return why a value does not match a schema, without a look at its items; empty when it matches."""
    if "x-kubernetes-int-or-string" in schema:
        if isinstance(value, bool) or not isinstance(value, int | str):
            return "must be a whole number or a text"
    elif not _is_of_type(schema["type"], value):
        return f"must be {_WORDS[schema['type']]}"
    match value:
        case list() | dict():
            most: int = schema.get("maxItems") or schema.get("maxProperties") or len(value)
            return f"must have at most {most} items" if len(value) > most else ""
        case str() if len(value) > schema["maxLength"]:
            return f"must have at most {schema['maxLength']} characters"
        case str() if len(value) < schema.get("minLength", 0):
            return f"must have at least {schema['minLength']} character"
        case int() if not isinstance(value, bool):
            kind = schema.get("format", "int64")
            return "" if -_INTEGERS[kind] <= value < _INTEGERS[kind] else f"must fit {kind}"
    return ""


def _object_problems(schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    properties, dot = schema["properties"], f"{path}." if path else ""
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield f"{dot}{name}: Field required"
    if unknown := next((name for name in value if name not in properties), None):
        yield (f"{path}: " if path else "") + f"has no field {_shown(unknown)}"
    for name, item in value.items():
        if name in properties and item is not None:
            yield from _problems(properties[name], item, f"{dot}{name}")


def _map_problems(schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    for key, item in value.items():
        if item is not None:
            yield from _problems(schema["additionalProperties"], item, f"{path}[{_shown(key)}]")


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."


def _is_of_type(kind: str, value: Any) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}
_WORDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
}


def _check(kind: str) -> tuple[Any, ...]:
    return AfterValidator(partial(checked, schema_of(kind))), Field(json_schema_extra=schema_of(kind))


Affinity = Annotated[dict[str, Any], *_check("Affinity")]
NetworkPolicyPeer = Annotated[dict[str, Any], *_check("NetworkPolicyPeer")]
PodSecurityContext = Annotated[dict[str, Any], *_check("PodSecurityContext")]
Toleration = Annotated[dict[str, Any], *_check("Toleration")]
TopologySpreadConstraint = Annotated[dict[str, Any], *_check("TopologySpreadConstraint")]
