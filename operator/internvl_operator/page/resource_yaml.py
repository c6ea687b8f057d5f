"""The resource that a person applies after planning: the inputs as fields of ``spec``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from internvl_operator.page.inputs import Values, given_inputs

_INDENT = "  "

# As in api/v1alpha1.py, which imports pydantic; a test compares them.
_HEAD = """\
apiVersion: internvl.dev/v1alpha1
kind: InternVLDeployment
metadata:
  name: internvl-{size}
spec:
"""


def resource_yaml(values: Values, replicas: int = 1) -> str:
    """Return an InternVLDeployment in YAML.

    Texts are quoted as in JSON, so that none of them is read as a number or a boolean.

    Args:
        values: inputs that the planner takes.
        replicas: how many carry the load.
    """
    spec: dict[str, Any] = {}
    for each, text in given_inputs(values).items():
        *sections, name = each.field.split(".")
        place = spec
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = each.value(text)
    if "requestsPerSecond" not in spec.get("load", {}):
        # What a replica does with other requests can be asked, but is nothing that a resource needs.
        spec.pop("load", None)
    if replicas > 1:
        spec["replicas"] = replicas
    return _HEAD.format(size=spec["size"].lower()) + "".join(f"{line}\n" for line in _lines(spec, _INDENT))


def _lines(section: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + _INDENT)
        else:
            yield f"{indent}{key}: {json.dumps(value)}"
