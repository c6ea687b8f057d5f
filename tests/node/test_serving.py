"""A resource's real pods: when they count as ready, who may ask them, and where their model comes from."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import apply, condition, eventually, get, get_all, wait_ready
from tests.node.client import ask
from tests.node.models import PORT, service_address, serving_address, stub

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.timeout(180)
MODEL = "InternVL2-1B"
LOADING = 15


def test_a_model_is_ready_when_it_has_loaded_and_not_before(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, stub("slow", namespace, {"STUB_LOAD_SECONDS": str(LOADING)}))
    address = service_address(cluster, "slow", namespace)
    started_at = eventually(lambda: started(cluster, namespace), "the engine's process starts", 60)
    assert condition(get(cluster, "ivl", "slow", namespace), "Ready")["status"] == "False"
    assert ask(address, PORT, MODEL, 1).status == 0
    ready = condition(wait_ready(cluster, "slow", namespace, 60), "Ready")
    # Both are whole seconds.
    assert (datetime.fromisoformat(ready["lastTransitionTime"]) - started_at).total_seconds() >= LOADING - 1
    assert ask(serving_address(cluster, "slow", namespace), PORT, MODEL, 1).problem == ""


def started(cluster: LocalCluster, namespace: str) -> datetime | None:
    """When the container of the only pod started, or None."""
    for pod in get_all(cluster, "pods", namespace):
        for container in pod["status"].get("containerStatuses", ()):
            if running := container["state"].get("running"):
                return datetime.fromisoformat(running["startedAt"])
    return None


def test_only_who_has_the_key_is_answered(cluster: LocalCluster, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "s3cret"}}
    server = {"apiKeySecretRef": {"name": "key", "key": "key"}}
    apply(
        cluster,
        {**secret, "metadata": {"name": "key", "namespace": namespace}},
        stub("locked", namespace, server=server),
    )
    wait_ready(cluster, "locked", namespace, 60)
    address = serving_address(cluster, "locked", namespace)
    assert [ask(address, PORT, MODEL, 1, key=key).status for key in ("s3cret", "guessed", "")] == [
        200,
        401,
        401,
    ]


def test_the_pods_are_those_that_the_network_policy_and_the_disruption_budget_mean(
    cluster: LocalCluster, namespace: str
) -> None:
    """No network here enforces a NetworkPolicy; what it selects, and the port's name, are the pods' own."""
    apply(cluster, stub("two", namespace, replicas=2), stub("other", namespace))
    wait_ready(cluster, "two", namespace, 60)
    wait_ready(cluster, "other", namespace, 60)
    policy = get(cluster, "networkpolicy", "two", namespace)
    budget = get(cluster, "poddisruptionbudget", "two", namespace)
    assert policy is not None
    assert budget is not None
    for selector in (policy["spec"]["podSelector"], budget["spec"]["selector"]):
        assert owners(cluster, namespace, selector["matchLabels"]) == {"two": 2}
    (rule,) = policy["spec"]["ingress"]
    (pod, *_) = get_all(cluster, "pods", namespace)
    ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
    assert [ports[port["port"]] for port in rule["ports"]] == [PORT]
    eventually(
        lambda: (get(cluster, "pdb", "two", namespace) or {})["status"]["disruptionsAllowed"] == 1,
        "one of two pods may be evicted",
    )


def owners(cluster: LocalCluster, namespace: str, labels: dict[str, str]) -> dict[str, int]:
    """How many pods of each resource have these labels."""
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    listed = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "json"))[
        "items"
    ]
    names = [pod["metadata"]["labels"]["app.kubernetes.io/instance"] for pod in listed]
    return {name: names.count(name) for name in names}
