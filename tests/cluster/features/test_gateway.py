"""A model behind a Gateway, with the Gateway API's own kinds on a real API server; the test speaks for Gateways."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import USER, resource, spawn_operator
from tests.cluster.programs.published_crds import HTTP_ROUTE, INFERENCE_POOL, obtain
from tests.cluster.waiting import (
    Object,
    apply,
    condition,
    eventually,
    get,
    patch,
    wait_ready,
    wait_stalled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

RELIST_SECONDS = 2
GATEWAY: dict[str, Any] = {
    "parentRefs": [{"name": "inference", "namespace": "gateways"}],
    "hostnames": ["captions.example.com"],
    "balancing": "Service",
}
KINDS = ("httproutes", "inferencepools")
PICKER = "captions-picker"
PICKERS_KINDS = ("deployment", "service", "networkpolicy")


@pytest.fixture(scope="module", autouse=True)
def earlier(cluster: LocalCluster) -> int:
    """How many requests other modules have sent to the same cluster, before this module's operator starts."""
    return len(cluster.audit_events())


@pytest.fixture(scope="module")
def operator(cluster: LocalCluster) -> Iterator[Process]:
    """An operator that was started before the Gateway API's kinds were installed."""
    environment = {"INTERNVL_RELIST_SECONDS": str(RELIST_SECONDS)}
    process = spawn_operator(cluster, "gateway", environment=environment)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def routed(cluster: LocalCluster, operator: Process) -> Iterator[LocalCluster]:
    """A cluster with the Gateway API's kinds, which the operator has noticed."""
    assert operator.running
    files = [obtain(crd) for crd in (HTTP_ROUTE, INFERENCE_POOL)]
    install_crds(cluster, *files)
    yield cluster
    cluster.kubectl("delete", *(f"--filename={file}" for file in files))


# The first test: the kinds stay from the second on.
def test_kinds_that_the_cluster_lacks_cost_nothing_and_are_used_once_they_are_installed(
    cluster: LocalCluster, namespace: str, operator: Process, earlier: int, request: pytest.FixtureRequest
) -> None:
    apply(cluster, resource("captions", namespace, gateway=GATEWAY))
    message = wait_stalled(cluster, "captions", namespace, "GatewayUnavailable")
    assert "install the CRDs of the Gateway API" in message
    body = eventually(lambda: _serving(cluster, namespace), "the model serves without its route")
    assert condition(body, "Ready")["reason"] == "GatewayUnavailable"
    ours = [event for event in cluster.audit_events()[earlier:] if event.user == USER]
    assert ours
    assert [event for event in ours if event.resource in KINDS] == []

    request.getfixturevalue("routed")

    body = wait_ready(cluster, "captions", namespace, timeout=30 * RELIST_SECONDS)
    assert condition(body, "Stalled")["status"] == "False"
    assert get(cluster, "httproute", "captions", namespace) is not None
    assert operator.running


def test_a_route_is_made_put_back_and_removed_with_its_section(routed: LocalCluster, namespace: str) -> None:
    apply(routed, resource("captions", namespace, gateway=GATEWAY))
    wait_ready(routed, "captions", namespace)
    route = _route(routed, namespace)
    assert route["spec"]["hostnames"] == ["captions.example.com"]
    (rule,) = route["spec"]["rules"]
    assert [ref["name"] for ref in rule["backendRefs"]] == ["captions"]

    patch(routed, "httproute", "captions", namespace, {"spec": {"hostnames": ["theirs.example.com"]}})
    eventually(
        lambda: _route(routed, namespace)["spec"]["hostnames"] == GATEWAY["hostnames"], "it is put back"
    )

    apply(routed, resource("captions", namespace))
    eventually(lambda: get(routed, "httproute", "captions", namespace) is None, "it is gone")


def test_a_pool_and_its_picker_are_made_and_removed_again(routed: LocalCluster, namespace: str) -> None:
    apply(routed, resource("captions", namespace, gateway={**GATEWAY, "balancing": "InferencePool"}))
    wait_ready(routed, "captions", namespace)
    assert _backend(routed, namespace) == "InferencePool"
    pool = get(routed, "inferencepool", "captions", namespace)
    assert pool is not None
    assert pool["spec"]["endpointPickerRef"]["name"] == PICKER
    assert all(get(routed, kind, PICKER, namespace) for kind in PICKERS_KINDS)

    routed.kubectl("delete", "deployment", PICKER, "-n", namespace)
    eventually(lambda: get(routed, "deployment", PICKER, namespace), "the picker is made again")

    apply(routed, resource("captions", namespace, gateway=GATEWAY))
    eventually(lambda: _backend(routed, namespace) == "Service", "the route goes to the Service")
    gone = [("inferencepool", "captions"), *((kind, PICKER) for kind in PICKERS_KINDS)]
    eventually(
        lambda: not any(get(routed, kind, name, namespace) for kind, name in gone), "pool and picker are gone"
    )
    assert get(routed, "deployment", "captions", namespace) is not None


def test_a_stranger_in_the_place_of_the_picker_is_left_alone(routed: LocalCluster, namespace: str) -> None:
    metadata = {"name": PICKER, "namespace": namespace}
    theirs = {"ports": [{"name": "theirs", "port": 4000}]}
    apply(routed, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": theirs})
    apply(routed, resource("captions", namespace, gateway={**GATEWAY, "balancing": "InferencePool"}))
    message = wait_stalled(routed, "captions", namespace, "NameConflict")
    assert f"a Service named {PICKER} exists and is not this resource's" in message
    found = get(routed, "service", PICKER, namespace)
    assert found is not None
    assert found["spec"]["ports"][0]["port"] == 4000


def test_a_gateway_that_does_not_exist_is_named_until_it_accepts_the_route(
    routed: LocalCluster, namespace: str
) -> None:
    # Resources of the other tests ask for the other hostname still.
    gateway = {**GATEWAY, "hostnames": ["alone.example.com"]}
    apply(routed, resource("captions", namespace, gateway=gateway))
    wait_ready(routed, "captions", namespace)
    _says(
        routed, namespace, "Gateway gateways/inference has not answered: it does not exist, or its controller"
    )

    _answer(routed, namespace, "Accepted", "True", "Accepted")
    eventually(lambda: _message(routed, namespace) == "1 of 1 replicas answer", "nothing is missing")


def test_a_listener_that_does_not_admit_the_namespace_is_told(routed: LocalCluster, namespace: str) -> None:
    apply(routed, resource("captions", namespace, gateway=GATEWAY))
    wait_ready(routed, "captions", namespace)
    _answer(routed, namespace, "Accepted", "False", "NotAllowedByListeners")
    _says(routed, namespace, f"none of its listeners admits routes of namespace {namespace}")


def test_two_resources_with_one_hostname_are_told_of_each_other(routed: LocalCluster, namespace: str) -> None:
    gateway = {**GATEWAY, "hostnames": ["twice.example.com"]}
    apply(routed, resource("captions", namespace, gateway=gateway))
    wait_ready(routed, "captions", namespace)
    apply(routed, resource("other", namespace, gateway=gateway))
    _says(routed, namespace, f"{namespace}/captions has hostname twice.example.com at Gateway", "other")
    _says(routed, namespace, f"{namespace}/other has hostname twice.example.com at Gateway")


def test_what_the_kind_itself_refuses_is_stalled_with_the_api_servers_words(
    routed: LocalCluster, namespace: str
) -> None:
    twice = {**GATEWAY, "parentRefs": GATEWAY["parentRefs"] * 2}
    apply(routed, resource("captions", namespace, gateway=twice))
    message = wait_stalled(routed, "captions", namespace, "InvalidHTTPRoute")
    assert "must be unique when parentRefs includes 2 or more references to the same parent" in message
    eventually(lambda: _serving(routed, namespace), "the model serves without its route")


@pytest.mark.timeout(120)
def test_a_route_at_rest_is_not_written(routed: LocalCluster, namespace: str) -> None:
    apply(routed, resource("captions", namespace, gateway=GATEWAY))
    wait_ready(routed, "captions", namespace)
    _says(routed, namespace, "has not answered")
    before = _route(routed, namespace)["metadata"]["resourceVersion"]
    time.sleep(3 * RELIST_SECONDS)
    assert _route(routed, namespace)["metadata"]["resourceVersion"] == before


def _route(cluster: LocalCluster, namespace: str) -> Object:
    found = get(cluster, "httproute", "captions", namespace)
    assert found is not None
    return found


def _backend(cluster: LocalCluster, namespace: str) -> str:
    (rule,) = _route(cluster, namespace)["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    return str(backend["kind"])


def _serving(cluster: LocalCluster, namespace: str) -> Object | None:
    body = get(cluster, "ivl", "captions", namespace)
    return body if condition(body, "Available").get("status") == "True" else None


def _message(cluster: LocalCluster, namespace: str, name: str = "captions") -> str:
    return str(condition(get(cluster, "ivl", name, namespace), "Ready").get("message", ""))


def _says(cluster: LocalCluster, namespace: str, part: str, name: str = "captions") -> None:
    eventually(lambda: part in _message(cluster, namespace, name), f"{name} says {part!r}")


def _answer(cluster: LocalCluster, namespace: str, type_: str, status: str, reason: str) -> None:
    """Write what a controller of Gateways says of the route as it is."""
    told = {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": _route(cluster, namespace)["metadata"]["generation"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    parent = {
        "parentRef": GATEWAY["parentRefs"][0],
        "controllerName": "example.com/gateways",
        "conditions": [told],
    }
    patch(cluster, "httproute", "captions", namespace, {"status": {"parents": [parent]}}, "status")
