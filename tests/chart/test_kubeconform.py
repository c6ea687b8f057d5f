"""kubeconform on every scenario of the chart, by the schemas of a real API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.chart.helm.schemas import LOCATION, write_schemas
from tests.chart.helm.tools import SCENARIOS, ToolError, rendered, run
from tests.cluster.control_plane import LocalCluster
from tests.cluster.custom_resources import install_crds
from tests.cluster.programs.published_crds import POD_MONITOR, PROMETHEUS_RULE, obtain
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a schema for each kind, those of the Prometheus operator among them."""
    directory = tmp_path_factory.mktemp("schemas")
    with LocalCluster(components=()) as cluster:
        install_crds(cluster, obtain(POD_MONITOR), obtain(PROMETHEUS_RULE))

        text = eventually(
            lambda: text if '"kind":"PrometheusRule"' in (text := cluster.get("/openapi/v2")) else None,
            "the API server describes the kinds of the CRDs",
        )
        write_schemas(json.loads(text), directory)
    return directory


def conform(schemas: Path, manifests: str) -> str:
    return run(
        "kubeconform",
        "-strict",
        "-summary",
        "-verbose",
        "-schema-location",
        f"{schemas}/{LOCATION}",
        input=manifests,
    )


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem)
def test_every_object_of_a_scenario_is_what_the_api_server_takes(schemas: Path, values: Path) -> None:
    objects = rendered(values)
    told = conform(schemas, "\n---\n".join(map(json.dumps, objects)))
    assert f"{len(objects)} resources found" in told
    assert f"Valid: {len(objects)}, Invalid: 0, Errors: 0, Skipped: 0" in told


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "template", "spec", "containers", 0, "livenessProb"), {}),
        ("Deployment", ("spec", "replicas"), "one"),
        ("NetworkPolicy", ("spec", "ingres"), []),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "prot"), "http"),
    ],
)
def test_a_wrong_object_would_be_noticed(
    schemas: Path, kind: str, path: tuple[str | int, ...], value: object
) -> None:
    (scenario,) = (values for values in SCENARIOS if "monitoring" in values.name)
    objects = rendered(scenario)
    (wrong,) = (item for item in objects if item["kind"] == kind)
    place = wrong
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    with pytest.raises(ToolError, match="Invalid: 1"):
        conform(schemas, "\n---\n".join(map(json.dumps, objects)))
