"""Random specs on random nodes are reconciled, refused or reported, and never an error of the operator."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.platform_defaults import PlatformDefaults
from tests.cluster.specs.schema import nodes
from tests.cluster.specs.table import is_taken
from tests.fuzz.platforms import EVERY_DEFAULT
from tests.fuzz.run import fuzz
from tests.fuzz.specs import SCHEMA, random_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.specs.schema import Schema

MOST_SECONDS = 0.1


@pytest.mark.timeout(180)
async def test_a_few_hundred_random_resources_are_no_error_of_the_operator() -> None:
    outcome = await fuzz(300, seed=1)
    print(outcome.report)
    assert outcome.uncaught == []
    assert outcome.internal_errors == []
    assert outcome.unlike == []
    # Once more by itself: the first of a process reads the catalogue, and other work of the machine costs caches.
    again = await fuzz(1, seed=outcome.slowest[1])
    assert min(outcome.slowest[0], again.slowest[0]) < MOST_SECONDS
    # That the specs are not all refused at the door, and that every way of planning is gone.
    assert outcome.reasons["InvalidSpec"] < 0.7 * outcome.reasons.total()
    assert outcome.reasons["Deploying"] > 0.2 * outcome.reasons.total()
    assert outcome.reasons["LoadNotCarried"] > 0


@pytest.mark.timeout(180)
def test_specs_that_the_rules_take_reach_every_field_of_the_schema() -> None:
    missing = {path for path, _ in nodes(SCHEMA, "spec")} | {"to zero"}
    seeds = iter(range(4000))
    while missing and (seed := next(seeds, None)) is not None:
        spec = random_spec(Random(seed))
        if is_taken(spec):
            missing -= {*_given(spec, SCHEMA, "spec")}
            missing -= {"to zero"} if spec.get("autoscaling", {}).get("minReplicas") == 0 else set()
    assert sorted(missing) == []


def _given(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """The paths of the schema at which a value has something."""
    yield path
    match value:
        case dict() if "additionalProperties" in schema:
            for each in value.values():
                yield from _given(each, schema["additionalProperties"], f"{path}{{}}")
        case dict():
            for name, each in value.items():
                yield from _given(each, schema["properties"][name], f"{path}.{name}")
        case list():
            for each in value:
                yield from _given(each, schema["items"], f"{path}[]")


def test_every_default_of_an_installation_is_drawn() -> None:
    assert {
        field.alias or name for name, field in PlatformDefaults.model_fields.items()
    } == EVERY_DEFAULT.keys()
