"""What is measured to check the memory model, and what is read from an engine's output."""

from __future__ import annotations

import csv

import pytest

from internvl_operator import parse, plan_resource
from internvl_operator.planner.outcome import Outcome
from tests.accuracy.cells import H200_SERIES
from tests.accuracy.measure import COLUMNS, CONFIGURATIONS, Configuration, budget_of


def test_each_configuration_has_a_name_of_its_own() -> None:
    assert len({configuration.name for configuration in CONFIGURATIONS}) == len(CONFIGURATIONS)


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_a_configuration_is_one_that_runs_on_its_card(configuration: Configuration) -> None:
    resource = parse({"metadata": {"name": "cell"}, "spec": configuration.spec})
    card = f"{configuration.card_mib}Mi" if configuration.card_mib else None
    plan = plan_resource(resource, gpu=None if card else "H200", gpu_memory=card)
    assert plan.outcome is Outcome.OK
    assert plan.tp == 1


def test_series_and_size_are_read_from_a_short_name() -> None:
    further, first = Configuration("InternVL3.5-30B-A3B", ()), Configuration("8B", ())
    assert (further.series, further.size) == ("InternVL3.5", "30B-A3B")
    assert (first.series, first.size) == ("InternVL2", "8B")


def test_the_kv_cache_is_read_from_what_turbomind_says() -> None:
    output = "[TM][INFO] Object cache budget: 100730.50 MB from free 125913.12 MB and ratio 0.800\n"
    assert budget_of(output) == ("125913.12", "100730.50")


def test_an_engine_that_does_not_say_it_leaves_the_columns_empty() -> None:
    assert budget_of("INFO: Uvicorn running\n") == ("", "")


def test_the_kept_file_has_the_columns_that_are_written() -> None:
    with H200_SERIES.open(newline="") as file:
        assert csv.DictReader(file).fieldnames == COLUMNS
