"""Random specs made from the CRD's schema: what the API server would take, and a little beyond it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.catalog.models import MODELS
from tests.cluster.specs.schema import spec_schema, spelling
from tests.cluster.specs.table import is_taken
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
_FILLS = (0.7, 0.5, 0.3, 0.7, 0.5, 0.3)
"""Shares of a section's fields at which it is drawn again."""
_MANY = 100
"""Items of what has no bound."""

_KEYS = dict.fromkeys(("requests", "limits"), ("cpu", "memory", "ephemeral-storage"))
_NAMES = ("models", "a", "team-a", "x" * 253, "UPPER", "8b")
_TEXTS_BY_FIELD: dict[str, tuple[str, ...]] = {
    "extraArgs": _FLAGS,
    "requests": _QUANTITIES,
    "limits": _QUANTITIES,
    "memory": _QUANTITIES,
    "name": (*_VARIABLES, *_NAMES),
    "size": _QUANTITIES,
    "repository": ("a/b", "OpenGVLab/InternVL2-8B"),
    "imageSize": ("1344x896", "448x448"),
    "endpoint": ("https://hub.example.com", "http://[::1]:8080/hub"),
    "cidr": ("10.0.0.0/8", "fd00::/8"),
}
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
    """The spec with some of its sections, each of several draws so that the rules take it beside the others."""
    taken: dict[str, Any] = {name: spec.pop(name) for name in ("series", "size")}
    for name, value in random.sample([*spec.items()], random.randint(0, len(spec))):
        draws = [value, *(_value(SCHEMA["properties"][name], name, random, each) for each in _FILLS)]
        taken |= next(({name: draw} for draw in draws if is_taken({**taken, name: draw})), {})
    if random.random() < 0.75:
        # Most GPUs that a spec may name are in no cluster.
        taken.pop("gpu", None)
    return taken


def _value(schema: Schema, name: str, random: Random, fill: float) -> Any:
    if "enum" in schema:
        return random.choice(schema["enum"])
    match schema.get("type", "either"):
        case "object" if "additionalProperties" in schema:
            most = random.choice((0, 1, 2, schema.get("maxProperties", _MANY)))
            keys = [
                random.choice(_KEYS.get(name, ("team", "example.com/a", "zone", "cpu", "memory"))),
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
    choices = _TEXTS_BY_FIELD.get(name, _TEXTS)
    least, most, pattern = schema.get("minLength", 0), schema.get("maxLength"), spelling(schema)
    for _ in range(8):
        text = random.choice(random.choice((choices, choices, _NAMES, HOSTILE_TEXTS)))[:most]
        if len(text) >= least and re.search(pattern, text):
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
