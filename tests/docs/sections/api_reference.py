"""`python -m tests.docs.sections.api_reference`: the reference of the resource's fields, made from its CRD."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

INTRODUCTION = """\
# API reference: {kind}

`{api_version}`, plural `{plural}`, short name `{short_name}`, {scope}. Subresources: status and scale.

This page is generated from the CRD by `make reference`. What the fields are for: the [user guide](user/README.md).

The API server checks the limits and the rules below the tables. The operator applies a default when it reads the
resource: the stored resource keeps what was written, but for a default among the limits, which is stored."""


def reference(crd: Mapping[str, Any]) -> str:
    """The page in Markdown, with a section for each object of the resource."""
    names, (version,) = crd["spec"]["names"], crd["spec"]["versions"]
    introduction = INTRODUCTION.format(
        kind=names["kind"],
        api_version=f"{crd['spec']['group']}/{version['name']}",
        plural=names["plural"],
        short_name=names["shortNames"][0],
        scope=crd["spec"]["scope"].lower(),
    )
    schema = version["schema"]["openAPIV3Schema"]
    lines = [introduction, *_rules(schema)]
    for part in ("spec", "status"):
        lines += _sections(part, schema["properties"][part])
    return "\n".join(lines) + "\n"


def _sections(path: str, schema: Schema) -> Iterator[str]:
    """The section of an object, and those of the objects in it."""
    yield from ["", f"## {path}", ""]
    if "description" in schema:
        yield from [schema["description"], ""]
    yield "| field | type | limits | meaning |"
    yield "|---|---|---|---|"
    fields = schema["properties"]
    for name, field in fields.items():
        limits = ["required"] if name in schema.get("required", ()) else []
        limits += _limits(field)
        cells = (f"`{name}`", _type(field), "; ".join(limits), " ".join(field.get("description", "").split()))
        yield f"| {' | '.join(map(_escaped, cells))} |"
    yield from _rules(schema)
    for name, field in fields.items():
        inner = field.get("items", field)
        suffix = "[]" if "items" in field else ""
        if "properties" in inner and not _is_free(inner):
            yield from _sections(f"{path}.{name}{suffix}", inner)


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")


def _rules(schema: Schema) -> list[str]:
    """The messages of an object's rules and of those of its lists' objects."""
    items = [field.get("items", {}) for field in schema["properties"].values()]
    own = [
        message
        for part in (schema, *(each for each in items if "properties" in each))
        for message in _own_rules(part)
    ]
    return ["", "Refused with:", "", *(f"- {message}" for message in own)] if own else []


def _own_rules(schema: Schema) -> list[str]:
    return [rule["message"] for rule in schema.get("x-kubernetes-validations", ())]


def _one_of(schema: Schema) -> Schema:
    """The schema of a text, or of each text in a list or a map; empty of an object, whose rules have their place."""
    one: Schema = schema.get("items") or schema.get("additionalProperties") or schema
    return {} if "properties" in one else one


def _type(schema: Schema) -> str:
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return "Kubernetes object" if _is_free(schema) else str(schema["type"])


def _is_free(schema: Schema) -> bool:
    """Whether it is one of Kubernetes's own types, whose fields Kubernetes describes."""
    fields = schema.get("properties", {}).values()
    return bool(fields) and not any("description" in field for field in fields)


def _limits(schema: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"])
    for lowest, highest, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
    ):
        if lowest in schema or highest in schema:
            yield _range(schema, lowest, highest) + unit
    if "default" in schema:
        yield f"default `{schema['default']}`"
    yield from _own_rules(_one_of(schema))


def _range(schema: Schema, lowest: str, highest: str) -> str:
    """Both bounds in words; an exclusive one, which only a minimum or maximum can be, is said as such."""
    low, high = schema.get(lowest), schema.get(highest)
    above = "above" if schema.get("exclusiveMinimum") else "at least"
    below = "below" if schema.get("exclusiveMaximum") else "at most"
    if low is not None and high is not None and (above, below) == ("at least", "at most"):
        return f"{low} to {high}"
    bounds = ((above, low), (below, high))
    return ", ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)


if __name__ == "__main__":
    sys.stdout.write(reference(custom_resource_definition()))
