"""A wrong spec for each constraint in the schemas of Kubernetes's types: made from the schema itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from tests.cluster.specs.schema import constraints, nodes, spec_schema
from tests.cluster.specs.table import WrongSpec, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.specs.schema import Schema

KUBERNETES_PATHS = (
    "spec.engine.env[]",
    "spec.networkPolicy.from[]",
    "spec.networkPolicy.egress.to[]",
    "spec.podTemplate.affinity",
    "spec.podTemplate.securityContext",
    "spec.podTemplate.tolerations[]",
    "spec.podTemplate.topologySpreadConstraints[]",
)
"""Where the spec holds a Kubernetes type."""

_SAYS = {
    "maxItems": ("must have at most {} items", "at most {} items"),
    "maxLength": ("may not be more than {} bytes", "at most {} characters"),
    "maxProperties": ("must have at most {} items", "at most {} items"),
    "minLength": ("should be at least {} chars long", "at least {} character"),
}


def least(schema: Schema) -> Any:
    """The smallest value of a schema."""
    match schema.get("type", "string"):
        case "object":
            return {name: least(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return []
        case "integer":
            return 1
        case "boolean":
            return True
        case _:
            return "1"


def _beyond(schema: Schema, keyword: str) -> Any:
    limit = schema[keyword]
    match keyword:
        case "maxItems":
            return [least(schema["items"])] * (limit + 1)
        case "maxProperties":
            return {f"key-{number}": "" for number in range(limit + 1)}
        case "maxLength":
            return "v" * (limit + 1)
        case _:
            return ""


def placed(schema: Schema, steps: list[str], value: Any) -> Any:
    """The smallest value of a schema with one value in it, at the steps that lead to it."""
    if not steps:
        return value
    step, *rest = steps
    match step:
        case "[]":
            return [placed(schema["items"], rest, value)]
        case "{}":
            return {"key": placed(schema["additionalProperties"], rest, value)}
        case _:
            return {**least(schema), step: placed(schema["properties"][step], rest, value)}


def steps_of(path: str) -> list[str]:
    """The steps of a path as `nodes` writes it."""
    return re.findall(r"\w+|\[]|{}", path)


def _wrong_specs() -> Iterator[WrongSpec]:
    spec = spec_schema(custom_resource_definition())
    beside = {"networkPolicy.egress.to": {"enabled": True}}
    for path, schema in nodes(spec, "spec"):
        if path not in KUBERNETES_PATHS:
            continue
        inner = dict(nodes(schema, path))
        for broken, keyword in sorted(constraints(schema, path)):
            steps = steps_of(broken.removeprefix(path))
            if keyword.startswith("required "):
                field = keyword.removeprefix("required ")
                value = {name: each for name, each in least(inner[broken]).items() if name != field}
                says, parse_says, shown = "Required value", f"{field}: Field required", f"{broken}.{field}"
            else:
                value, shown = _beyond(inner[broken], keyword), broken
                says, parse_says = (text.format(inner[broken][keyword]) for text in _SAYS[keyword])
            root = path.removeprefix("spec.").removesuffix("[]")
            inside = placed(schema, steps, value)
            yield WrongSpec(
                name=f"{broken.removeprefix('spec.')} {keyword}",
                spec=at(root, [inside] if path.endswith("[]") else inside, **beside.get(root, {})),
                says=says,
                parse_says=parse_says,
                field=shown.replace("[]", "[0]").replace("{}", ".key"),
                breaks=(broken, keyword),
            )


KUBERNETES: tuple[WrongSpec, ...] = tuple(_wrong_specs())
