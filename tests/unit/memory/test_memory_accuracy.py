"""The memory model against what was measured (tests/measurements)."""

from pathlib import Path

import pytest

from internvl_operator.catalog.models import Backend
from tests.accuracy.cells import A100, FITTED_TABLES, H200, H200_EDGES, H200_SERIES, TABLES, Cell, read_cells
from tests.accuracy.comparison import compare, leave_out, series_of, size_of
from tests.accuracy.fit import FAMILIES, Family, UndeterminedError, fit, least_squares

CELLS = [cell for path in TABLES for cell in read_cells(path)]
FITTED = [cell for path in FITTED_TABLES for cell in read_cells(path)]


def of(path: Path, backend: Backend) -> list[Cell]:
    return [cell for cell in read_cells(path) if cell.request.backend is backend]


@pytest.mark.parametrize(
    ("path", "backend", "mean", "worst"),
    [
        (H200, Backend.TURBOMIND, 0.005, 0.02),
        (H200, Backend.PYTORCH, 0.015, 0.05),
        (H200_EDGES, Backend.TURBOMIND, 0.005, 0.02),
        (H200_EDGES, Backend.PYTORCH, 0.015, 0.05),
        (H200_SERIES, Backend.TURBOMIND, 0.005, 0.02),
        (A100, Backend.TURBOMIND, 0.015, 0.05),
        (A100, Backend.PYTORCH, 0.015, 0.05),
    ],
)
def test_used_memory_is_predicted(path: Path, backend: Backend, mean: float, worst: float) -> None:
    used = compare(of(path, backend)).used
    assert len(used.values) >= 3
    assert used.mean <= mean
    assert used.worst <= worst


@pytest.mark.parametrize(("path", "cells"), [(H200, 30), (H200_EDGES, 7), (H200_SERIES, 11)])
def test_free_memory_after_the_weights_is_predicted(path: Path, cells: int) -> None:
    free = compare(of(path, Backend.TURBOMIND)).free_after_weights
    assert len(free.values) >= cells
    assert free.mean <= 0.015
    assert free.worst <= 0.05


def test_the_kv_cache_of_the_pytorch_backend_is_predicted() -> None:
    kv_cache = compare(of(H200_EDGES, Backend.PYTORCH)).kv_cache
    assert len(kv_cache.values) == 5
    assert kv_cache.mean <= 0.015
    assert kv_cache.worst <= 0.05


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_outcome_is_the_measured_one(cell: Cell) -> None:
    assert compare([cell]).wrong == ()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_committed_constants_are_the_fitted_ones(family: Family) -> None:
    assert fit(family, FITTED) == family.committed


def test_each_size_is_predicted_from_the_others() -> None:
    errors = leave_out(FITTED, FITTED, size_of)
    assert {(family.backend, size) for family, size in errors} == {
        *((Backend.TURBOMIND, size) for size in ("1B", "2B", "8B", "26B", "40B", "76B")),
        *((Backend.PYTORCH, size) for size in ("1B", "4B", "8B", "26B")),
    }
    assert max(of_size.mean for of_size in errors.values()) <= 0.03
    assert max(of_size.worst for of_size in errors.values()) <= 0.06


def test_each_further_series_is_predicted_from_the_others() -> None:
    errors = leave_out(CELLS, CELLS, series_of)
    assert {series for _, series in errors} >= {"InternVL2.5", "InternVL3", "InternVL3.5"}
    assert max(of_series.mean for of_series in errors.values()) <= 0.005
    assert max(of_series.worst for of_series in errors.values()) <= 0.02


def test_equations_that_leave_a_constant_open_have_no_solution() -> None:
    with pytest.raises(UndeterminedError):
        least_squares([[1, 0], [2, 0]], [1, 2])


def test_least_squares_finds_the_line_through_points() -> None:
    assert least_squares([[1, x] for x in range(5)], [3 - 2 * x for x in range(5)]) == pytest.approx([3, -2])


def test_least_squares_takes_the_mean_of_what_contradicts() -> None:
    assert least_squares([[1], [1], [1]], [1, 2, 6]) == pytest.approx([3])


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("size,colour\n8B,red\n")
    with pytest.raises(ValueError, match="no table of measured cells"):
        read_cells(table)
