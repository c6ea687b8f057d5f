"""The node affinity that pods require: read from a PodSpec's ``affinity``, and asked of nodes.

The rules are the scheduler's own (Kubernetes 1.37: k8s.io/component-helpers/scheduling/corev1/nodeaffinity).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_NAME = "metadata.name"
"""The only field that ``matchFields`` knows."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a label, or a field, must be."""

    key: str
    operator: str
    values: frozenset[str]

    @property
    def makes_sense(self) -> bool:
        """Whether the API server takes it."""
        match self.operator:
            case "In" | "NotIn":
                return bool(self.values)
            case "Exists" | "DoesNotExist":
                return not self.values
            case "Gt" | "Lt":
                return len(self.values) == 1 and _number(*self.values) is not None
            case _:
                return False

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        """Return whether a node with these labels, or fields, has what is required."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        has, bound = _number(value or ""), _number(*self.values)
        if has is None or bound is None:
            return False
        return has > bound if self.operator == "Gt" else has < bound


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One of the alternatives, all of whose requirements a node must meet; without any, no node does."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]

    def selects(self, node: Mapping[str, Any]) -> bool:
        """Return whether a node meets it."""
        labels, fields = node["metadata"].get("labels") or {}, {_NAME: node["metadata"]["name"]}
        return (
            bool(self.labels or self.fields)
            and all(each.is_met_by(labels) for each in self.labels)
            and all(each.is_met_by(fields) for each in self.fields)
        )


def required_terms(affinity: Mapping[str, Any] | None) -> tuple[NodeTerm, ...] | None:
    """Return the alternatives of which a node must meet one, or None where every node will do.

    An affinity that makes no sense rules no node out: the API server says so, with the field's name, when it gets the
    pod template.

    Args:
        affinity: a Kubernetes Affinity as its author wrote it.
    """
    try:
        required = ((affinity or {}).get("nodeAffinity") or {}).get(_REQUIRED)
        if required is None:
            return None
        terms = tuple(
            NodeTerm(_read(term.get("matchExpressions")), _read(term.get("matchFields")))
            for term in required["nodeSelectorTerms"]
        )
    except (AttributeError, KeyError, TypeError):
        return None
    requirements = [each for term in terms for each in (*term.labels, *term.fields)]
    return terms if all(each.makes_sense for each in requirements) else None


def _read(requirements: Sequence[Mapping[str, Any]] | None) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(
            _text(each["key"]), _text(each["operator"]), frozenset(map(_text, each.get("values") or ()))
        )
        for each in requirements or ()
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(text: str) -> int | None:
    """Return a label's value as a number of 64 bits, if it is one; no label begins with a sign."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < 1 << 63
    return int(text) if is_number else None
