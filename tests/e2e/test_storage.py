"""Where a model's files come from: a hub in the cluster, and claims that keep what was downloaded once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import eventually
from tests.e2e.cluster.inside import HUB_PORT, MODEL
from tests.e2e.cluster.kind_cluster import WORKER, uids
from tests.e2e.cluster.workloads import (
    PORT,
    SMALL,
    Client,
    model,
    namespace_with_models,
    pod,
    remove_namespace,
)
from tests.fake_hub import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.cluster.kind_cluster import KindCluster, Object

NAMESPACE = "storing"
SHARED = "/var/shared-models"
ONCE = {name: len(content) for name, content in MODEL.items()}

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def client(cluster: KindCluster) -> Iterator[Client]:
    """A client, in a namespace of its own."""
    cluster.apply(*namespace_with_models(NAMESPACE), pod("client", NAMESPACE))
    client = Client(cluster, NAMESPACE)
    client.wait()
    yield client
    remove_namespace(cluster, NAMESPACE)
    cluster.kubectl("delete", "persistentvolume", "shared-cache", "--wait=false", "--ignore-not-found")


class Hub:
    """A hub of a test's own, so that what it has sent is this test's."""

    def __init__(self, cluster: KindCluster, name: str) -> None:
        self._cluster, self._name = cluster, name
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"app": name}, "ports": [{"port": HUB_PORT}]},
        }
        cluster.apply(service, pod(name, NAMESPACE, "hub"))
        Client(cluster, NAMESPACE, name).wait()

    @property
    def source(self) -> Object:
        """What a resource says of it."""
        return {"huggingFace": {"endpoint": f"http://{self._name}.{NAMESPACE}.svc:{HUB_PORT}"}}

    def sent(self) -> dict[str, int]:
        """Bytes of files that it has sent, by name."""
        lines = self._cluster.kubectl("logs", self._name, "-n", NAMESPACE).splitlines()
        sent: dict[str, int] = json.loads(lines[-1]) if lines else {}
        return sent


def downloading(name: str, **spec: object) -> Object:
    """A resource whose init container downloads from a hub, and whose engine needs the files."""
    # A limit bounds what the download requests: a whole core, of which a small machine has few.
    resources = {"requests": SMALL, "limits": {"cpu": "400m"}}
    whole = {"size": "8B", "quantization": "None", "podTemplate": {"resources": resources}, **spec}
    body = model(name, NAMESPACE, **whole)
    body["spec"]["engine"].pop("env")
    return body


def asked(client: Client, name: str) -> str:
    """Ask a model, and make room for the next one."""
    client.wait_serving(name)
    answer = client.ask(f"{name}:{PORT}", "--model", REPOSITORY.rpartition("/")[2])
    client.cluster.kubectl("delete", "ivl", name, "-n", NAMESPACE)
    problem: str = answer["problem"]
    return problem


def test_a_pod_downloads_its_model_from_a_hub_in_the_cluster(client: Client) -> None:
    hub = Hub(client.cluster, "hub-plain")
    client.cluster.apply(downloading("fetched", model={"repository": REPOSITORY, "source": hub.source}))
    client.cluster.wait_ready("fetched", NAMESPACE)
    assert hub.sent() == ONCE
    assert asked(client, "fetched") == ""


def test_a_claim_that_the_cluster_provisions_is_filled_once(client: Client) -> None:
    cluster, hub = client.cluster, Hub(client.cluster, "hub-kept")
    kept = {"repository": REPOSITORY, "source": hub.source, "cache": {"size": "2Gi"}}
    cluster.apply(downloading("kept", model=kept))
    cluster.wait_ready("kept", NAMESPACE)
    claim = cluster.get("pvc", "kept", NAMESPACE) or {}
    assert claim["status"]["phase"] == "Bound"
    before = uids(cluster.pods(NAMESPACE, "internvl.dev/name=kept"))
    cluster.kubectl("delete", "pods", "-n", NAMESPACE, "--selector=internvl.dev/name=kept")
    eventually(
        lambda: uids(cluster.pods(NAMESPACE, "internvl.dev/name=kept")).isdisjoint(before) or None,
        "a new pod",
    )
    cluster.wait_ready("kept", NAMESPACE)
    assert hub.sent() == ONCE
    assert asked(client, "kept") == ""


def test_a_claim_is_filled_once_and_shared_by_two_replicas(client: Client) -> None:
    cluster, hub = client.cluster, Hub(client.cluster, "hub-shared")
    cluster.shell.run("docker", "exec", WORKER, "mkdir", "-p", SHARED)
    cluster.apply(*shared_claim("shared-cache"))
    cache = {"claimName": "shared-cache"}
    shared = {"repository": REPOSITORY, "source": hub.source, "cache": cache}
    cluster.apply(downloading("shared", replicas=2, model=shared))
    cluster.wait_ready("shared", NAMESPACE)
    assert len(cluster.pods(NAMESPACE, "internvl.dev/name=shared")) == 2
    assert hub.sent() == ONCE
    assert asked(client, "shared") == ""


def shared_claim(name: str) -> tuple[Object, Object]:
    """A claim that many pods may write, on a directory of one node, where the scheduler puts them all."""
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    metadata = {"name": name, "namespace": NAMESPACE}
    on_worker = {"key": "kubernetes.io/hostname", "operator": "In", "values": [WORKER]}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            **shared,
            "capacity": size,
            "local": {"path": SHARED},
            "claimRef": metadata,
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_worker]}]}},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {**shared, "resources": {"requests": size}, "volumeName": name},
    }
    return volume, claim
