"""Writes what values.schema.json says beyond types: `python -m tests.chart.values_schema`.

The descriptions are the comments of values.yaml. The LMDeploy releases and the GPUs are those of the catalogue, so that
Helm refuses what the operator would refuse at its start. Types and patterns are written by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.gpus import GPUS
from internvl_operator.catalog.models import MODELS, SERIES

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

CHART = Path(__file__).parents[2] / "charts" / "internvl-operator"
VALUES = CHART / "values.yaml"
SCHEMA = CHART / "values.schema.json"

_KEY = re.compile(r"^( *)([A-Za-z]\w*):")
_COMMENT = re.compile(r"^ *#(?: --)? ?(.*)$")


def filled(schema: Schema, values: str) -> Schema:
    """Return the schema with its descriptions, releases and GPUs.

    Args:
        schema: the schema, whose types and patterns stay as they are.
        values: text of values.yaml, whose comments are the descriptions.
    """
    schema = json.loads(json.dumps(schema))
    descriptions = dict(comments(values))
    for path, value in _values(schema):
        value.pop("description", None)
        if path in descriptions:
            _put_first(value, "description", descriptions[path])
    engines = schema["properties"]["platformDefaults"]["properties"]["engine"]["properties"]
    engines["version"]["enum"] = ["", *SUPPORTED_VERSIONS]
    engines["images"]["propertyNames"]["enum"] = list(SUPPORTED_VERSIONS)
    engines["digests"]["propertyNames"]["enum"] = [
        name for each in SUPPORTED_VERSIONS for name in _images_of(each)
    ]
    gpu = schema["properties"]["gpu"]["properties"]
    gpu["default"]["enum"] = ["", *(known.product for known in GPUS)]
    # Pods select nodes by the listed name. An unknown product is for resources that give their GPU's memory.
    nicknames = sorted({name for known in GPUS for name in known.nicknames})
    gpu["inventory"]["propertyNames"] = {"type": "string", "minLength": 1, "not": {"enum": nicknames}}
    policy = schema["properties"]["admissionPolicy"]["properties"]
    policy["allowedSizes"]["items"]["enum"] = list(dict.fromkeys(size for _, size in MODELS))
    policy["allowedSeries"]["items"]["enum"] = list(SERIES)
    return schema


def _images_of(version: str) -> list[str]:
    """Return the names by which a release's images are pinned: its own, and with each variant."""
    return [version, *(f"{version}-{variant.name}" for variant in engine(version).variants)]


def comments(values: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of each key of values.yaml that has a comment directly above, and the comment in one line."""
    path: list[str] = []
    comment: list[str] = []
    for line in values.splitlines():
        if said := _COMMENT.match(line):
            comment.append(said[1].strip())
            continue
        if key := _KEY.match(line):
            path[len(key[1]) // 2 :] = [key[2]]
            if comment:
                yield tuple(path), " ".join(comment)
        comment = []


def _values(schema: Schema, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    for name, value in schema.get("properties", {}).items():
        yield (*prefix, name), value
        yield from _values(value, (*prefix, name))


def _put_first(value: Schema, key: str, what: str) -> None:
    rest = dict(value)
    value.clear()
    value.update({key: what, **rest})


def text(schema: Schema) -> str:
    """Return the schema as the file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(filled(json.loads(SCHEMA.read_text()), VALUES.read_text())))
