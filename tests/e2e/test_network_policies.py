"""NetworkPolicies on the wire: who is let in to a model and to the operator, and whose packets are dropped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import eventually
from tests.e2e.cluster.operator_release import OperatorRelease
from tests.e2e.cluster.workloads import (
    PORT,
    Client,
    model,
    namespace_with_models,
    pod,
    program_files,
    remove_namespace,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.e2e.cluster.kind_cluster import KindCluster

OWN, GUEST, STRANGER = "owner", "guest", "stranger"
# Whom a peer names by its labels in a namespace that the policy does not name.
FRIEND = {"role": "friend"}
OPERATOR_PORT = 8080

Matrix = dict[str, dict[str, str]]

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def clients(cluster: KindCluster) -> Iterator[dict[str, Client]]:
    """A client in the models' own namespace and in two others, and two models."""
    peers = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": GUEST}}},
        {"namespaceSelector": {}, "podSelector": {"matchLabels": FRIEND}},
    ]
    cluster.apply(
        *namespace_with_models(OWN),
        model("closed", OWN),
        model("shared", OWN, networkPolicy={"from": peers}),
        model("open", OWN, networkPolicy={"enabled": False}),
    )
    for namespace in (GUEST, STRANGER):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        cluster.apply(program_files(namespace))
    cluster.apply(*(pod("client", namespace) for namespace in (OWN, GUEST, STRANGER)))
    cluster.apply(pod("friend", STRANGER, labels=FRIEND))
    clients = {
        "own namespace": Client(cluster, OWN),
        "guest namespace": Client(cluster, GUEST),
        "friend in another": Client(cluster, STRANGER, "friend"),
        "another namespace": Client(cluster, STRANGER),
    }
    for client in clients.values():
        client.wait()
    for name in ("closed", "shared", "open"):
        clients["own namespace"].wait_serving(name)
    yield clients
    for namespace in (OWN, GUEST, STRANGER):
        remove_namespace(cluster, namespace)


def matrix(clients: Mapping[str, Client], targets: Mapping[str, str]) -> Matrix:
    """Who reaches what: all try at once."""

    def row(client: Client) -> dict[str, str]:
        reached = client.inside("reach", *targets.values())
        return {name: reached[target] for name, target in targets.items()}

    with ThreadPoolExecutor() as pool:
        return dict(zip(clients, pool.map(row, clients.values()), strict=True))


def shown(found: Matrix) -> str:
    """A matrix as a text: a line for each client."""

    def cells(row: Mapping[str, str]) -> str:
        return ", ".join(f"{name} {reached}" for name, reached in row.items())

    return "; ".join(f"{client}: {cells(row)}" for client, row in found.items())


def test_a_model_lets_in_its_own_namespace_and_whom_its_resource_names(
    clients: dict[str, Client], measured: Callable[[str, str], None]
) -> None:
    targets = {name: f"{name}.{OWN}.svc.cluster.local:{PORT}" for name in ("closed", "shared", "open")}
    expected = {
        "own namespace": {"closed": "in", "shared": "in", "open": "in"},
        "guest namespace": {"closed": "dropped", "shared": "in", "open": "in"},
        "friend in another": {"closed": "dropped", "shared": "in", "open": "in"},
        "another namespace": {"closed": "dropped", "shared": "dropped", "open": "in"},
    }
    found = matrix(clients, targets)
    measured("who gets in to the models", shown(found))
    assert found == expected


def test_the_operator_lets_in_all_by_default_and_with_a_limit_whom_it_names(
    operator: OperatorRelease,
    clients: dict[str, Client],
    measured: Callable[[str, str], None],
) -> None:
    target = {"metrics": f"{operator.name}.{operator.namespace}.svc.cluster.local:{OPERATOR_PORT}"}
    everyone = {client: {"metrics": "in"} for client in clients}
    assert matrix(clients, target) == everyone
    only_guests = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": GUEST}}}]
    operator.install(networkPolicy={"from": only_guests})
    try:
        expected = {
            client: {"metrics": "in" if client == "guest namespace" else "dropped"} for client in clients
        }
        # The policy reaches the nodes on its own.
        found = eventually(
            lambda: found if (found := matrix(clients, target)) == expected else None, f"{expected}", 30
        )
        measured("who gets in to an operator that names the guests", shown(found))
        assert "Phase:          Succeeded" in operator.test()
    finally:
        operator.install()
