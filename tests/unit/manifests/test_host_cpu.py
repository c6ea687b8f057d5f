"""The cores that a replica requests, and the threads that its server starts on them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from internvl_operator.api.lifecycle import Rollout
from internvl_operator.api.parsing import parse
from internvl_operator.manifests.host_cpu import cpu_request, thread_variables
from internvl_operator.manifests.record import inputs_of, record_of
from internvl_operator.manifests.revision import pin, with_revision
from internvl_operator.text.quantity import parse_quantity
from tests.cluster.specs.table import Spec, at, resource
from tests.rendering import children_of

SPINNING = {"OMP_NUM_THREADS": "2"}
PASSIVE = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(("gpus", "cpus"), [(1, "3"), (2, "6"), (4, "12"), (8, "24")])
def test_the_request_follows_from_the_gpus_of_a_replica(gpus: int, cpus: str) -> None:
    assert cpu_request(gpus) == cpus


def test_one_replica_fits_a_node_of_four_vcpus_beside_system_pods() -> None:
    assert parse_quantity("3920m") - parse_quantity(cpu_request(1)) >= parse_quantity("900m")


@pytest.mark.parametrize(
    ("cpu", "gpus", "variables"),
    [
        ("3", 1, SPINNING),
        ("3000m", 1, SPINNING),
        ("64", 1, SPINNING),
        ("2999m", 1, PASSIVE),
        ("0", 1, PASSIVE),
        ("6", 2, SPINNING),
        ("3", 2, PASSIVE),
        ("many", 1, PASSIVE),
    ],
)
def test_threads_spin_only_where_each_has_a_core(cpu: str, gpus: int, variables: dict[str, str]) -> None:
    assert thread_variables(cpu, gpus) == variables


def _container(spec: Spec) -> dict[str, Any]:
    deployment = next(child for child in children_of(spec) if child["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def _threads(spec: Spec) -> dict[str, Any]:
    return {
        variable["name"]: variable.get("value")
        for variable in _container(spec)["env"]
        if variable["name"].startswith("OMP_")
    }


@pytest.mark.parametrize(
    ("change", "request_", "variables"),
    [
        ({"size": "8B"}, "3", SPINNING),
        (at("podTemplate.resources.requests", {"cpu": "8"}), "8", SPINNING),
        (at("podTemplate.resources.requests", {"cpu": "500m"}), "500m", PASSIVE),
        (at("podTemplate.resources.limits", {"cpu": "2"}), "2", PASSIVE),
        (at("podTemplate.resources.limits", {"cpu": "16"}), "3", SPINNING),
    ],
)
def test_given_resources_win_and_threads_follow_them(
    change: Spec, request_: str, variables: dict[str, str]
) -> None:
    assert _container(change)["resources"]["requests"]["cpu"] == request_
    assert _threads(change) == variables


def test_what_the_user_gives_in_the_environment_wins() -> None:
    given = [{"name": "OMP_NUM_THREADS", "value": "7"}, {"name": "OMP_WAIT_POLICY", "value": "ACTIVE"}]
    spec = at("engine.env", given) | at("podTemplate.resources.limits", {"cpu": "1"})
    assert _threads(spec) == {"OMP_NUM_THREADS": "7", "OMP_WAIT_POLICY": "ACTIVE"}


def test_what_runs_without_the_variables_is_not_restarted_and_the_update_names_them() -> None:
    spec = {"size": "8B"}
    rendered = next(child for child in children_of(spec) if child["kind"] == "Deployment")
    older = deepcopy(rendered)
    (container,) = older["spec"]["template"]["spec"]["containers"]
    container["env"] = [variable for variable in container["env"] if variable["name"] != "OMP_NUM_THREADS"]
    container["resources"]["requests"]["cpu"] = "4"
    older = with_revision(older)
    record = record_of(rendered)
    assert record is not None
    inputs = inputs_of(parse(resource(spec)).spec)
    stored = replace(record, pod_template=older["spec"]["template"])
    pinned, update = pin(rendered, inputs, stored, Rollout())
    assert pinned["spec"]["template"] == older["spec"]["template"]
    assert update is not None
    assert update.changes == (
        "spec.containers[lmdeploy].env[OMP_NUM_THREADS]: "
        "nothing -> {'name': 'OMP_NUM_THREADS', 'value': '2'}",
        "spec.containers[lmdeploy].resources.requests.cpu: 4 -> 3",
    )
