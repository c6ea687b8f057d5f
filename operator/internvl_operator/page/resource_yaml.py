"""The resource that a person applies after planning: the inputs as fields of ``spec``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.page.inputs import Values, given_inputs
from internvl_operator.planner.plan import Plan

_INDENT = "  "

# As in api/v1alpha1.py, which imports pydantic; a test compares them.
_HEAD = """\
apiVersion: internvl.dev/v1alpha1
kind: InternVLDeployment
metadata:
  name: {name}
spec:
"""


def resource_yaml(values: Values, plan: Plan, replicas: int) -> str:
    """Return an InternVLDeployment in YAML.

    Texts are quoted as in JSON, so that none of them is read as a number or a boolean.

    Args:
        values: inputs that the planner takes.
        plan: what it makes of them.
        replicas: how many carry the load.
    """
    spec: dict[str, Any] = {}
    for each, text in given_inputs({**values, **_model(plan)}).items():
        for field, value in each.written(text).items():
            _put(spec, field, value)
    if "requestsPerSecond" not in spec.get("load", {}):
        # What a replica does with other requests can be asked, but is nothing that a resource needs.
        spec.pop("load", None)
    if replicas > 1:
        spec["replicas"] = replicas
    return _HEAD.format(name=_name(plan)) + "".join(f"{line}\n" for line in _lines(spec, _INDENT))


def _put(spec: dict[str, Any], field: str, value: Any) -> None:
    """Write a field, which is given with dots, into the spec."""
    *sections, name = field.split(".")
    for section in sections:
        spec = spec.setdefault(section, {})
    spec[name] = value


def _model(plan: Plan) -> Values:
    """Return series and size apart, which a person may have written in one."""
    return {"size": plan.size} if plan.series == INTERNVL2 else {"series": plan.series, "size": plan.size}


def _name(plan: Plan) -> str:
    return f"{plan.series}-{plan.size}".lower().replace(".", "-")


def _lines(section: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + _INDENT)
        else:
            yield f"{indent}{key}: {json.dumps(value)}"
