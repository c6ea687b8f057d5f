"""What stands in a resource's status: the figures that were measured, and beside them those that were planned."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from internvl_operator.api.status.resource_status import PerformanceStatus
from internvl_operator.bench.latency_figures import Figures, Percentiles
from internvl_operator.bench.measured_load import MeasuredLoad, performance_patch
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.bench.planned_speed import PlannedSpeed
from internvl_operator.kube.kinds import RESOURCE
from internvl_operator.kube.slimming import kept

TIMES = Percentiles(1.0, 2.0, 3.0)
SPEED: dict[str, Any] = {
    "images": 1,
    "tiles": 7,
    "promptTokens": 64,
    "outputTokens": 128,
    "concurrency": 32,
    "requestsPerSecond": 9.6,
    "outputTokensPerSecond": 1229,
    "ttftSeconds": 1.05,
    "secondsPerToken": 0.019,
    "requestSeconds": 3.4,
}


def measured(load: OfferedLoad, failures: dict[str, int] | None = None) -> MeasuredLoad:
    figures = Figures(10, 9.5, 1216.0, 31.2, 1856, TIMES, TIMES, TIMES, failures or {}, 0.001)
    return MeasuredLoad("InternVL2-8B", load, 30.0, 10.0, figures)


def resource(speed: dict[str, Any] | None = None, **load: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {"gpus": 2, "product": "NVIDIA-L4", "gpuMemoryMiB": 23034, "engine": "0.18.0"}
    return {
        "metadata": {"name": "captions", "namespace": "vision", "uid": "u"},
        "spec": {"size": "8B", **({"load": load} if load else {})},
        "status": {"revision": "5d4f", "plan": plan | ({"speed": speed} if speed else {})},
    }


@pytest.mark.parametrize(
    "load",
    [
        OfferedLoad(concurrency=32),
        OfferedLoad(requests_per_second=2.5, images=0),
        OfferedLoad(concurrency=1, width=None, height=None),
    ],
)
@pytest.mark.parametrize("failures", [{}, {"timeout": 3}])
def test_what_is_saved_is_what_the_schema_describes_and_reads_back(
    load: OfferedLoad, failures: dict[str, int]
) -> None:
    one = measured(load, failures)
    patch = performance_patch(resource(), one, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "service", 2)
    performance = json.loads(json.dumps(patch["status"]["performance"]))
    assert PerformanceStatus.model_validate(performance).to_object() == performance
    assert (performance["date"], performance["revision"]) == ("2026-01-02T03:04:05Z", "5d4f")
    assert (performance["gpu"], performance["engine"]) == ("2 x NVIDIA-L4", "0.18.0")
    assert MeasuredLoad.of(performance).document() == one.document()


def test_the_patch_touches_nothing_but_the_performance_of_that_very_resource() -> None:
    patch = performance_patch(
        resource(), measured(OfferedLoad(concurrency=1)), datetime.now(UTC), "service", 1
    )
    assert list(patch["status"]) == ["performance"]
    assert patch["metadata"] == {"name": "captions", "namespace": "vision", "uid": "u"}


def test_a_resource_without_a_plan_cannot_keep_figures() -> None:
    body = resource() | {"status": {}}
    with pytest.raises(ValueError, match="captions has no plan yet"):
        performance_patch(body, measured(OfferedLoad(concurrency=1)), datetime.now(UTC), "service", 1)


def test_the_operator_does_not_see_the_performance() -> None:
    body = resource()
    body["status"]["performance"] = {"date": "2026-01-02T03:04:05Z"}
    assert kept(RESOURCE, body)["status"] == resource()["status"]


def test_without_a_planned_speed_there_is_nothing_beside() -> None:
    assert PlannedSpeed.of(resource(), 1) is None
    assert PlannedSpeed.of({"spec": {}, "status": {}}, 1) is None


def test_the_planned_load_is_the_default() -> None:
    planned = PlannedSpeed.of(resource(SPEED), 1)
    assert planned is not None
    assert planned.load == OfferedLoad(concurrency=32)
    asked = PlannedSpeed.of(resource(SPEED, requestsPerSecond=5, imageSize="1400x900"), 1)
    assert asked is not None
    assert asked.load == OfferedLoad(requests_per_second=5, width=1400, height=900)


def test_text_alone_may_be_planned() -> None:
    planned = PlannedSpeed.of(resource(SPEED | {"images": 0, "tiles": 0}), 1)
    assert planned is not None
    assert planned.figures_for(OfferedLoad(images=0, concurrency=32)) is not None


@pytest.mark.parametrize("replicas", [1, 3])
def test_planned_figures_are_given_for_the_load_of_the_plan(replicas: int) -> None:
    planned = PlannedSpeed.of(resource(SPEED), replicas)
    assert planned is not None
    planned_figures = planned.figures_for(OfferedLoad(concurrency=32 * replicas))
    assert planned_figures is not None
    assert planned_figures["requestsPerSecond"] == pytest.approx(9.6 * replicas)
    assert planned_figures["ttftSeconds"] == 1.05
    assert planned.figures_for(OfferedLoad(requests_per_second=9.6 * replicas)) == planned_figures


@pytest.mark.parametrize(
    "load",
    [
        OfferedLoad(concurrency=16),
        OfferedLoad(concurrency=32, output_tokens=64),
        OfferedLoad(concurrency=32, width=448, height=448),
        OfferedLoad(concurrency=32, images=2),
        OfferedLoad(requests_per_second=5.0),
    ],
)
def test_no_planned_figures_stand_beside_another_load(load: OfferedLoad) -> None:
    planned = PlannedSpeed.of(resource(SPEED), 1)
    assert planned is not None
    assert planned.figures_for(load) is None
