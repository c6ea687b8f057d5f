"""The pure parts of the benchmark: what it reads from the machine and the API server, and what it makes of it."""

from __future__ import annotations

import json

import pytest

from tests.bench.instruments.machine import Machine
from tests.bench.instruments.recording import Recording, Write
from tests.bench.instruments.requests import Requests, parse_requests, sum_of
from tests.bench.instruments.usage import parse_usage
from tests.bench.report import Report, Run, metric_lines, table
from tests.bench.series import Phase
from tests.bench.workload import KINDS, name_of

STAT = "77 (a (strange) name) S 1 77 77 0 -1 4194560 9 0 0 0 150 50 7 7 20 0 3 0 99 1000 200"
STATUS = "Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n"

_REQUESTS = 'apiserver_request_total{{code="{}",resource="{}",subresource="{}",verb="{}"}} {}\n'
_FLOWS = 'apiserver_flowcontrol_dispatched_requests_total{{flow_schema="{}",priority_level="x"}} {}\n'
METRICS = (
    "# HELP apiserver_request_total Counter\n"
    + _REQUESTS.format(200, "deployments", "", "APPLY", 5)
    + _REQUESTS.format(201, "deployments", "", "APPLY", 2)
    + _REQUESTS.format(200, "internvldeployments", "status", "APPLY", 3)
    + _REQUESTS.format(200, "nodes", "", "LIST", 9)
    + _FLOWS.format("operator-writes", 10)
    + _FLOWS.format("operator-reads", 4)
    + _FLOWS.format("exempt", 40)
    + 'apiserver_request_total_of_something_else{verb="APPLY"} 1\n'
)


def phase(seconds: float, cpu: float = 1.0, peak: float = 100.0, writes: int = 0) -> Phase:
    return Phase(seconds, cpu, cpu, peak, peak, 0.0, Requests(writes, 0, 0, {}))


def run_of(seconds: float, peak: float = 100.0, steady_writes: int = 0) -> Run:
    phases = {
        "cold": phase(seconds, peak=peak),
        "steady": phase(60, writes=steady_writes),
        "edit": phase(3),
        "restart": phase(2),
        "delete": phase(4),
        "hot": phase(2 * seconds),
    }
    return Run(1000, {"cold": 10.0, "hot": 10.0}, phases)


MACHINE = Machine("CPU", 2, 8, 0.1, "Python")


def test_usage_is_read_behind_a_command_that_holds_parentheses() -> None:
    used = parse_usage(STAT, STATUS)
    assert used.cpu_seconds == pytest.approx(2.0)
    assert (used.rss_mib, used.peak_rss_mib) == (100.0, 200.0)


def test_the_series_of_a_metric_are_added_up() -> None:
    metrics = 'depth 3\nreconcile_total{result="success"} 2.0\nreconcile_total{result="error"} 5\n'
    assert sum_of(metrics, "reconcile_total") == 7
    assert sum_of(metrics, "depth") == 3


def test_the_operators_requests_are_told_from_those_of_others() -> None:
    found = parse_requests(METRICS)
    assert (found.writes, found.reads, found.watches) == (10, 4, 0)
    assert found.written == {"APPLY deployments": 7, "APPLY internvldeployments/status": 3}


def test_requests_of_a_phase_are_the_difference_of_two_counts() -> None:
    before = Requests(1, 2, 3, {"APPLY deployments": 4})
    after = Requests(11, 2, 4, {"APPLY deployments": 5, "POST events": 1})
    assert after - before == Requests(10, 0, 1, {"APPLY deployments": 1, "POST events": 1})


def test_a_recorded_write_is_made_again_for_another_resource_of_the_same_kind() -> None:
    body = json.dumps({"metadata": {"name": name_of(1), "ownerReferences": [{"uid": "old"}]}}).encode()
    recording = Recording()
    recording.add(Write("PATCH", f"/apis/x/{name_of(1)}?force=true", "application/json", body))

    (write,) = recording.of(1 + len(KINDS), "new")

    name = name_of(1 + len(KINDS))
    assert write.path == f"/apis/x/{name}?force=true"
    assert json.loads(write.body) == {"metadata": {"name": name, "ownerReferences": [{"uid": "new"}]}}


def test_the_metrics_are_medians_of_the_runs_and_the_worse_of_hot_and_cold() -> None:
    runs = [run_of(5, peak=90), run_of(6, peak=100, steady_writes=2), run_of(20, peak=300)]
    report = Report(MACHINE, {16: 1.0}, runs, [[0.01, 0.02, 0.03]])
    assert report.metrics == pytest.approx(
        {
            "converge_ratio_1000": 1.2,
            "rss_mib_1000": 100,
            "steady_writes": 2,
            "create_p50_ms": 20,
            "create_p95_ms": 29,
        }
    )
    assert "METRIC converge_ratio_1000=1.2" in metric_lines(report)


def test_the_table_shows_median_and_spread() -> None:
    lines = table(Report(MACHINE, {16: 1.0}, [run_of(5), run_of(6), run_of(20)], [[0.01, 0.02]])).splitlines()
    assert lines[0] == "| | 1,000 |"
    assert "| cold: ratio | 0.60 (0.50 to 2.00) |" in lines


def test_a_run_of_convergence_alone_leaves_the_other_cells_empty() -> None:
    phases = {"cold": phase(5), "hot": phase(6)}
    report = Report(
        MACHINE, {16: 1.0}, [Run(5000, {"cold": 10.0, "hot": 10.0}, phases), run_of(5)], [[0.01, 0.02]]
    )
    assert "| edit of all: seconds | 3.0 |  |" in table(report).splitlines()
    assert report.metrics["converge_ratio_5000"] == pytest.approx(0.6)
