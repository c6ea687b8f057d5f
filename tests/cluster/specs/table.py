"""What the tables of wrong and right specs are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.api.v1alpha1 import API_VERSION, KIND

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WrongSpec:
    """A spec that is refused, for one reason only.

    Attributes:
        name: What is wrong with it, for people.
        spec: The spec.
        says: Part of the API server's message.
        parse_says: Part of the message of parsing it without an API server.
        field: The field that the API server names.
        breaks: The schema's constraint that it breaks, as (path, keyword); None when it breaks a rule.
        metadata_name: Name of the resource.
    """

    name: str
    spec: Spec
    says: str
    parse_says: str
    field: str | None = None
    breaks: tuple[str, str] | None = None
    metadata_name: str = "captions"

    @property
    def body(self) -> dict[str, Any]:
        """The resource."""
        return resource(self.spec, self.metadata_name)


@dataclass(frozen=True, slots=True)
class StalledSpec:
    """A spec that the API server takes and the planner refuses, on nodes with eight A100 80 GB.

    Attributes:
        name: What is wrong with it, for people.
        spec: The spec.
        reason: Reason of the condition Stalled.
        says: Part of its message.
    """

    name: str
    spec: Spec
    reason: str
    says: str

    @property
    def body(self) -> dict[str, Any]:
        """The resource."""
        return resource(self.spec)


@dataclass(frozen=True, slots=True)
class RightSpec:
    """A spec that is accepted and can be planned on nodes with eight A100 80 GB.

    Attributes:
        name: What it shows.
        spec: The spec.
    """

    name: str
    spec: Spec

    @property
    def body(self) -> dict[str, Any]:
        """The resource."""
        return resource(self.spec)


def resource(spec: Spec, name: str = "captions", namespace: str = "default") -> dict[str, Any]:
    """An InternVLDeployment."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def is_taken(spec: Spec) -> bool:
    """Whether the schema and the rules take a spec."""
    try:
        parse(resource(spec))
    except InvalidSpecError:
        return False
    return True


def at(path: str, value: object, /, **beside: object) -> Spec:
    """A spec of size 8B with one value in it.

    Args:
        path: Where, as in ``engine.env[].name``: ``[]`` is a list's only item, ``{}`` the value of a map's only key.
        value: The value.
        beside: Further fields of the object that holds it.
    """
    *parents, last = re.findall(r"\w+|\[]|{}", path)
    holder = _put(last, value)
    if beside:
        holder = {**beside, **holder}
    for part in reversed(parents):
        holder = _put(part, holder)
    return {"size": "8B", **holder}


def _put(part: str, value: object) -> Any:
    match part:
        case "[]":
            return [value]
        case "{}":
            return {"key": value}
        case _:
            return {part: value}
