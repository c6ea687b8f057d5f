"""Random specs on random nodes are reconciled, refused or reported, and never an error of the operator."""

from __future__ import annotations

import pytest

from internvl_operator.api.platform_defaults import PlatformDefaults
from tests.fuzz.platforms import EVERY_DEFAULT
from tests.fuzz.run import fuzz

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


def test_every_default_of_an_installation_is_drawn() -> None:
    assert {
        field.alias or name for name, field in PlatformDefaults.model_fields.items()
    } == EVERY_DEFAULT.keys()
