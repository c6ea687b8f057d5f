"""The speed model against what was measured (tests/measurements)."""

from __future__ import annotations

from pathlib import Path

import pytest

from internvl_operator.planner.speed.speed_constants import MEASURED, SpeedConstants
from internvl_operator.planner.speed.speed_estimate import Limit
from tests.speed_accuracy.cells import TABLES, Cell, read_cells
from tests.speed_accuracy.comparison import by, compare, leave_out, limit, load_of, size_of
from tests.speed_accuracy.fit import FAMILIES, TURBOMIND, Family, fit, scopes

CELLS = [cell for path in TABLES for cell in read_cells(path)]
FITTED = [cell for cell in CELLS if cell.is_fitted]
UNSEEN = [cell for cell in CELLS if not cell.is_fitted]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.backend))
def test_the_committed_constants_are_the_fitted_ones(family: Family) -> None:
    assert fit(family, CELLS) == family.committed


def test_the_fit_does_not_depend_on_where_it_begins() -> None:
    begin = SpeedConstants(20, 20, 0.9, 0.9, 0.9, 5, 5)
    assert fit(TURBOMIND, CELLS, begin) == TURBOMIND.committed


def test_no_part_of_a_peak_is_more_than_the_peak() -> None:
    for family in FAMILIES:
        constants = family.committed
        parts = (
            constants.vision_efficiency,
            constants.prefill_efficiency,
            constants.memory_efficiency,
        )
        assert all(0 < part < 1 for part in parts)


def test_what_counts_as_measured_is_what_was_fitted_to() -> None:
    assert scopes(FITTED) == MEASURED


def test_requests_per_second_are_predicted() -> None:
    found = compare(FITTED)
    assert found.rate.mean <= 0.05
    assert found.rate.worst <= 0.10
    assert found.per_token.mean <= 0.10
    assert found.ttft.mean <= 0.25


def test_runs_that_the_fit_has_not_seen_are_predicted() -> None:
    found = compare(UNSEEN)
    assert found.rate.mean <= 0.15
    assert found.ttft.mean <= 0.25
    assert found.per_token.mean <= 0.25


def test_each_load_is_predicted_from_the_others_where_one_of_its_limit_is_left() -> None:
    alone = {load_of(cell) for cell in CELLS if limit(cell) is Limit.PREPROCESSING}
    found = {load: each for load, each in leave_out(CELLS, load_of).items() if load not in alone}
    assert len(found) >= 9
    rates = [abs(error) for each in found.values() for error in each.rate.values]
    assert sum(rates) / len(rates) <= 0.15


def test_the_gpus_of_8b_and_1b_are_fast_enough_for_other_limits() -> None:
    assert {size: {limit(cell) for cell in cells} for size, cells in by(FITTED, size_of).items()} == {
        "8B": {Limit.PREFILL, Limit.DECODE},
        "1B": {Limit.PREPROCESSING},
    }


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
