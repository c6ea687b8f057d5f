"""The committed results: everything passed, and today's planner says of the same case what was seen."""

from pathlib import Path

import pytest

from tests.gpu.cases import CASES, container, predicted, rendered
from tests.gpu.result import TOLERANCE, CaseResult, csv_report, load

RESULTS = Path(__file__).parent / "results"
MACHINES = {
    "h200-lmdeploy-0.18.0": ("NVIDIA-H200", 1, False),
    "h200-lmdeploy-0.18.0-series": ("NVIDIA-H200", 1, True),
    "h100-lmdeploy-0.18.0": ("NVIDIA-H100-80GB-HBM3", 1, False),
    "h100-x2-lmdeploy-0.18.0": ("NVIDIA-H100-80GB-HBM3", 2, False),
}
"""The product of a machine's GPUs, how many it has, and whether models of the further series ran on it."""

SEEN = [(machine, result) for machine in MACHINES for result in load(RESULTS / machine / "results.json")]


def test_every_case_was_run_on_every_machine() -> None:
    assert [(machine, result.name) for machine, result in SEEN] == [
        (machine, case.name)
        for machine, (_, gpus, further) in MACHINES.items()
        for case in CASES.values()
        if case.gpus == gpus and case.is_of_further_series is further
    ]


def test_the_table_is_that_of_the_results() -> None:
    for machine in MACHINES:
        results = load(RESULTS / machine / "results.json")
        assert (RESULTS / machine / "report.csv").read_text() == csv_report(results)


@pytest.mark.parametrize(("machine", "result"), SEEN, ids=lambda value: getattr(value, "name", value))
def test_it_passed_and_is_planned_so_today(machine: str, result: CaseResult) -> None:
    assert result.passed
    case = CASES[result.name]
    if case.cache_max_entry_count is not None:
        assert predicted(case)["outcome"] == result.predicted
        return
    product, *_ = MACHINES[machine]
    planned = container(rendered(case, product)).plan["memory"]["usedMiB"]
    assert result.used_mib == pytest.approx(planned, rel=TOLERANCE)
