"""Random specs made from the CRD's schema: what the API server would take, and a little beyond it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.catalog.models import MODELS
from tests.cluster.specs.schema import spec_schema, spelling
from tests.hostile import HOSTILE_TEXTS

if TYPE_CHECKING:
    from random import Random

    from tests.cluster.specs.schema import Schema

SCHEMA = spec_schema(custom_resource_definition())

_TEXTS = (
    "",
    "a",
    "A100-80GB",
    "main",
    "0",
    "nvidia.com/gpu",
    "$(HTTP_PROXY)",
    "$(" * 500,
    "9" * 60,
    "In",
    "Exists",
)
_FLAGS = (
    "--log-level",
    "INFO",
    "--hf-overrides",
    "[" * 1020,
    '{"a":' * 200,
    "--allow-origins",
    "--eager-mode",
    "--sesion-length",
    "--session-len",
    "-" * 1024,
    "--chat-template=$(A)",
)
_QUANTITIES = (
    "1",
    "0",
    "80Gi",
    "1.5Gi",
    "0.0001",
    "100G",
    "99999999999999999999999999999Pi",
    "1m",
    "81559Mi",
    "2Gi",
)
_VARIABLES = ("HTTP_PROXY", "HF_HUB_X", "HOME", "LD_PRELOAD", "A", "NO_PROXY", "CUDA_VISIBLE_DEVICES", "ß")
_INTEGERS = (0, 1, 2, 3, 4, 8, 16, 128, 512, 8192, -1, 2**31 - 1, 2**63 - 1, 2**63)
_MANY = 100
"""Items of what has no bound."""

_NAMES = ("models", "a", "team-a", "x" * 253, "UPPER", "8b")
_WRONG: tuple[Any, ...] = (None, True, 5, 1.5, "text", [], {}, [None], {"a": {"a": {}}})


def random_spec(random: Random) -> dict[str, Any]:
    """A spec with some of the schema's fields; one in eight has a value that the schema refuses."""
    spec: dict[str, Any] = _object(SCHEMA, random, random.choice((0.1, 0.3, 0.6)))
    spec["series"], spec["size"] = random.choice(list(MODELS))
    if random.random() < 0.125:
        spec["size"] = random.choice(SCHEMA["properties"]["size"]["enum"])
    if random.random() < 0.5:
        # What is refused at once says little of the rest.
        spec = _plausible(spec, random)
    if random.random() < 0.125:
        _spoil(spec, random)
    return spec


def random_value(schema: Schema, random: Random) -> Any:
    """A value that a schema takes, such as a status that somebody wrote."""
    return _value(schema, "", random, random.choice((0.1, 0.5, 0.9)))


def _plausible(spec: dict[str, Any], random: Random) -> dict[str, Any]:
    """The spec with a load, or none, and without the sections in which most values break a rule over several fields."""
    for section in ("autoscaling", "gateway", "load", "model", "gpu", "service", "networkPolicy"):
        spec.pop(section, None)
    spec.setdefault("engine", {}).pop("tp", None)
    for field in ("extraArgs", "backend", "sessionLen", "cacheMaxEntryCount"):
        spec["engine"].pop(field, None)
    spec["quantization"] = "Auto"
    if random.random() < 0.4:
        spec["load"] = {
            "requestsPerSecond": random.choice((0.01, 0.5, 5, 500)),
            "images": random.choice((0, 1, 4)),
        }
    spec.get("podTemplate", {}).pop("resources", None)
    return spec


def _value(schema: Schema, name: str, random: Random, fill: float) -> Any:
    if "enum" in schema:
        return random.choice(schema["enum"])
    match schema.get("type", "either"):
        case "object" if "additionalProperties" in schema:
            most = random.choice((0, 1, 2, schema.get("maxProperties", _MANY)))
            keys = [
                random.choice(("team", "example.com/a", "zone", "cpu", "memory")),
                *map("k{}".format, range(most)),
            ]
            values = schema["additionalProperties"]
            return {key: _value(values, name, random, fill) for key in keys[:most]}
        case "object":
            return _object(schema, random, fill)
        case "array":
            count = random.choice((0, 1, 1, 2, 3, schema.get("maxItems", _MANY) if fill < 0.5 else 4))
            return [_value(schema["items"], name, random, fill) for _ in range(count)]
        case "integer":
            bounds = [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
            within = [each for each in _INTEGERS if len(bounds) < 2 or bounds[0] <= each <= bounds[1]]
            return random.choice([*within, *bounds])
        case "number":
            return random.choice((0.001, 0.1, 0.5, 0.8, 0.99))
        case "boolean":
            return random.random() < 0.5
        case "either":
            return random.choice((1, "1", "500m", "1Gi"))
        case _:
            return _text(schema, name, random)


def _text(schema: Schema, name: str, random: Random) -> str:
    """A text that the schema takes, where a few tries find one."""
    listed = {"extraArgs": _FLAGS, "requests": _QUANTITIES, "limits": _QUANTITIES, "memory": _QUANTITIES}
    own = {
        "name": (*_VARIABLES, *_NAMES),
        "size": _QUANTITIES,
        "repository": ("a/b", "OpenGVLab/InternVL2-8B"),
        "imageSize": ("1344x896", "448x448"),
    }
    choices = listed.get(name) or own.get(name) or _TEXTS
    for _ in range(8):
        text = random.choice(random.choice((choices, choices, _NAMES, HOSTILE_TEXTS)))[
            : schema.get("maxLength")
        ]
        if len(text) >= schema.get("minLength", 0) and re.search(spelling(schema), text):
            return text
    return "a"


def _object(schema: Schema, random: Random, fill: float) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _value(value, name, random, fill)
        for name, value in schema["properties"].items()
        if name in required or random.random() < fill
    }


def _spoil(spec: dict[str, Any], random: Random) -> None:
    """Put a value of a wrong type, or deep, or long, somewhere."""
    holder: Any = spec
    while True:
        name = random.choice([*holder])
        if not isinstance(holder[name], dict) or not holder[name] or random.random() < 0.3:
            break
        holder = holder[name]
    holder[name] = random.choice((*_WRONG, "x" * 100_000, [{}] * 1000, nested(200)))


def nested(levels: int) -> dict[str, Any]:
    """An object in an object, and so on."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value
