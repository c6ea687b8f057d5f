"""The speed model against what was measured (tests/measurements)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from internvl_operator.planner.speed.speed_constants import MEASURED, MEASURED_LANGUAGES
from internvl_operator.planner.speed.speed_estimate import Limit
from tests.speed_accuracy.cells import HELD_BACK, TABLES, Cell, read_cells
from tests.speed_accuracy.comparison import compare, leave_out, limit, size_of
from tests.speed_accuracy.fit import FAMILIES, TURBOMIND, Family, fit, scopes

CELLS = [cell for path in TABLES for cell in read_cells(path)]
FITTED = [cell for cell in CELLS if cell.is_fitted]
UNSEEN = [cell for cell in CELLS if not cell.is_fitted]
MEASURED_LATER = [cell for path in HELD_BACK for cell in read_cells(path)]
FITTED_SIZES = {size_of(cell) for cell in FITTED}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_committed_constants_are_the_fitted_ones(family: Family) -> None:
    assert fit(family, CELLS) == family.committed


def test_the_fit_does_not_depend_on_where_it_begins() -> None:
    committed = TURBOMIND.committed
    begin = replace(
        committed, image_ms=20, tile_ms=10, vision_efficiency=0.8, prefill_efficiency=0.9, step_ms=4
    )
    assert fit(TURBOMIND, CELLS, begin) == committed


def test_no_part_of_a_peak_is_more_than_the_peak() -> None:
    for family in FAMILIES:
        constants = family.committed
        parts = (
            constants.vision_efficiency,
            constants.wide_vision_efficiency,
            constants.prefill_efficiency,
            constants.awq_prefill_efficiency,
            constants.memory_efficiency,
        )
        assert all(0 < part < 1 for part in parts)


def test_what_counts_as_measured_is_what_was_fitted_to() -> None:
    assert scopes(FITTED) == MEASURED
    without_experts = [cell for cell in FITTED if cell.replica.language.experts is None]
    assert {cell.replica.language.architecture for cell in without_experts} == MEASURED_LANGUAGES


def test_what_was_fitted_to_is_predicted() -> None:
    found = compare(FITTED)
    assert found.rate.mean <= 0.08
    assert found.rate.worst <= 0.25
    assert found.per_token.mean <= 0.12
    assert found.ttft.mean <= 0.25


def test_runs_that_the_fit_has_not_seen_are_predicted() -> None:
    found = compare(UNSEEN)
    assert found.rate.mean <= 0.15
    assert found.ttft.mean <= 0.25
    assert found.per_token.mean <= 0.25


@pytest.mark.parametrize("size", sorted({size_of(cell) for cell in MEASURED_LATER}))
def test_loads_that_were_measured_after_the_model_are_predicted(size: str) -> None:
    found = compare([cell for cell in MEASURED_LATER if size_of(cell) == size])
    assert found.rate.mean <= 0.15
    assert found.ttft.mean <= 0.25
    assert found.per_token.mean <= (0.25 if size in FITTED_SIZES else 0.35)


def test_nothing_is_fitted_to_what_was_measured_later() -> None:
    assert not any(cell.is_fitted for cell in MEASURED_LATER)
    assert fit(TURBOMIND, [*CELLS, *MEASURED_LATER]) == TURBOMIND.committed


def test_each_size_is_predicted_from_the_others() -> None:
    found = leave_out(CELLS, size_of).values()
    assert fmean(abs(error) for each in found for error in each.rate.values) <= 0.15
    assert fmean(abs(error) for each in found for error in each.per_token.values) <= 0.25


def test_a_cell_of_every_limit_but_the_kv_cache_was_measured() -> None:
    assert set(map(limit, FITTED)) == set(Limit) - {Limit.KV_CACHE}


def test_a_burst_tells_nothing_of_the_time_to_the_first_token() -> None:
    bursts = [cell for cell in CELLS if cell.is_burst]
    assert bursts
    assert all(cell.ttft_seconds is None and cell.seconds_per_token is None for cell in bursts)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_cell_ran_as_the_operator_renders(cell: Cell) -> None:
    assert cell.cores >= 3
    assert cell.load.prompt_tokens > 0


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("size,colour\n8B,red\n")
    with pytest.raises(ValueError, match="no table of serving speed"):
        read_cells(table)
