"""What is nested too deep is left out, and everything around it is read."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from internvl_operator.kube.nesting import LEFT_OUT, MOST_LEVELS, decoded, encoded, too_deep

DEPTHS = (90, 98, 99, 100, 253, 254, 255, 300, 1023, 1024, 1025, 1100, 9_000, 100_000)


def nested(depth: int, brackets: str = "{}") -> str:
    """Return a JSON text of so many levels."""
    if brackets == "[]":
        return "[" * depth + "]" * depth
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("brackets", ["{}", "[]"])
def test_the_parts_around_what_is_too_deep_are_read(depth: int, brackets: str) -> None:
    tricky = {"name": 'a \\" }]{["'}
    text = f'{{"items":[{json.dumps(tricky)},{{"deep":{nested(depth, brackets)},"after":1}},{{"name":"b"}}]}}'

    first, middle, last = decoded(text.encode())["items"]

    assert first == tricky
    assert last == {"name": "b"}
    assert middle["after"] == 1
    assert decoded(encoded(middle))["after"] == 1


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_was_read_can_be_written_for_any_reader(depth: int) -> None:
    text = encoded(decoded(nested(depth).encode()))

    json.loads(text)
    assert (LEFT_OUT.encode() in text) == (depth > 254)


@pytest.mark.parametrize(
    "text", ["", "{", '{"a":' * 2000, '{"items":[' + nested(2000), "nonsense", '{"a":"\\']
)
def test_half_a_text_is_no_json(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        decoded(text.encode())


def test_what_is_left_is_as_deep_as_is_said() -> None:
    assert too_deep(decoded(nested(5000).encode()), MOST_LEVELS) is None
    assert too_deep(decoded(nested(5000).encode()), MOST_LEVELS - 1) == "a.a.a"


@pytest.mark.parametrize(
    ("value", "most", "path"),
    [
        ({}, 1, None),
        ({"a": 1}, 1, None),
        ({"a": {}}, 1, "a"),
        ({"a": {"b": [{"c": {"d": {}}}]}}, 4, "a.b.0"),
        ({"flat": {}, "a": {"b": {"c": {"d": {}}}}}, 4, "a.b.c"),
        ({"a": {"b": {"c": {"d": {}}}}}, 5, None),
    ],
)
def test_the_path_to_what_is_too_deep_is_told(value: Any, most: int, path: str | None) -> None:
    assert too_deep(value, most) == path


def test_numbers_and_texts_stay_as_they_are() -> None:
    value = {"big": 2**64 - 1, "small": -(2**63), "float": 1e300, "text": "\u202e\u0000ü"}
    assert orjson.loads(encoded(value)) == value
