"""The committed results: everything passed, and today's planner says of the same case what was seen."""

from pathlib import Path

import pytest

from tests.gpu.cases import CASES, container, predicted, rendered
from tests.gpu.result import TOLERANCE, CaseResult, csv_report, load

RESULTS = Path(__file__).parent / "results"
PRODUCTS = {"h200-lmdeploy-0.18.0": "NVIDIA-H200"}

SEEN = [(machine, result) for machine in PRODUCTS for result in load(RESULTS / machine / "results.json")]


def test_every_case_was_run_on_every_machine() -> None:
    assert [(machine, result.name) for machine, result in SEEN] == [
        (machine, case) for machine in PRODUCTS for case in CASES
    ]


def test_the_table_is_that_of_the_results() -> None:
    for machine in PRODUCTS:
        results = load(RESULTS / machine / "results.json")
        assert (RESULTS / machine / "report.csv").read_text() == csv_report(results)


@pytest.mark.parametrize(("machine", "result"), SEEN, ids=lambda value: getattr(value, "name", value))
def test_it_passed_and_is_planned_so_today(machine: str, result: CaseResult) -> None:
    assert result.passed
    case = CASES[result.name]
    if case.cache_max_entry_count is not None:
        assert predicted(case)["outcome"] == result.predicted
        return
    planned = container(rendered(case, PRODUCTS[machine])).plan["memory"]["usedMiB"]
    assert result.used_mib == pytest.approx(planned, rel=TOLERANCE)
