"""Whatever a value holds, it stands in the manifest as that value, and changes nothing else."""

from __future__ import annotations

import json
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from internvl_operator.catalog.models import Backend
from internvl_operator.manifests.template import environment, render, render_from
from tests.hostile import HOSTILE_TEXTS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)


FIELD = environment().from_string("field: {{ value }}\n")


def rendered(value: object) -> Any:
    return render_from(FIELD, {"value": value})["field"]


@given(value=JSON)
@settings(max_examples=200)
def test_any_json_value_is_rendered_as_it_is(value: object) -> None:
    # The texts differ where the types do: 1, 1.0 and true are equal to Python.
    assert json.dumps(rendered(value)) == json.dumps(value)


@pytest.mark.parametrize("text", ["", *HOSTILE_TEXTS])
def test_a_hostile_text_is_rendered_as_it_is(text: str) -> None:
    value = {text: [text, {"key": text}]}
    assert rendered(value) == value


@pytest.mark.parametrize("text", ["", *HOSTILE_TEXTS])
def test_a_hostile_text_is_a_key_as_it_is(text: str) -> None:
    template = environment().from_string("{{ key }}: 1\nother: {{ key }}\n")
    assert render_from(template, {"key": text}) == {text: 1, "other": text}


@pytest.mark.parametrize("number", [1e-05, 1e16, 1e22, -0.0, 5e-324, 1.7976931348623157e308, 2**63, -(2**70)])
def test_a_number_stays_the_number_and_of_its_type(number: float) -> None:
    read = rendered(number)
    assert (type(read), repr(read)) == (type(number), repr(number))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_float_that_json_lacks_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        rendered(number)


@pytest.mark.parametrize("value", [{"when": object()}, {1: "one"}])
def test_a_value_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        rendered(value)


def test_a_member_of_an_enum_is_rendered_as_its_value() -> None:
    assert type(rendered(Backend.PYTORCH)) is str


def test_what_is_rendered_shares_nothing_with_the_values() -> None:
    value: dict[str, list[int]] = {"list": [1]}
    first = rendered(value)
    first["list"].append(2)
    assert value == {"list": [1]}
    assert rendered(value) == {"list": [1]}


def test_branches_that_differ_are_told_apart() -> None:
    template = environment().from_string("{% if more %}\nmore: {{ more }}\n{% endif %}\nname: {{ name }}\n")
    assert render_from(template, {"more": "", "name": "a"}) == {"name": "a"}
    assert render_from(template, {"more": "b", "name": "c"}) == {"more": "b", "name": "c"}
    assert render_from(template, {"more": "d", "name": "e"}) == {"more": "d", "name": "e"}


def test_a_constant_expression_is_a_value_too() -> None:
    assert render_from(environment().from_string("a: {{ 'no' }}\nb: {{ 1 }}\n"), {}) == {"a": "no", "b": 1}


def test_an_expression_within_a_text_is_refused() -> None:
    template = environment().from_string("name: model-{{ name }}\n")
    with pytest.raises(ValueError, match="not a whole value"):
        render_from(template, {"name": "a"})


def test_a_template_whose_value_is_missing_is_refused() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        render("service", {})
