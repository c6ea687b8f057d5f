"""The claim that keeps what is downloaded: made, grown, kept as it is where it cannot change, and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import Object, apply, condition, eventually, get, get_all, wait_ready, wait_stalled

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

CLASS = "growing"


@pytest.fixture
def volume(cluster: LocalCluster, namespace: str) -> None:
    """A volume for a claim of a class whose claims may grow."""
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "allowVolumeExpansion": True,
    }
    persistent_volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": namespace},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": "200Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/models"},
            "claimRef": {"namespace": namespace, "name": "kept"},
        },
    }
    apply(cluster, storage_class, persistent_volume)


def kept(namespace: str, **cache: str) -> Object:
    """A resource whose download is kept in a claim of its own."""
    cache = {"size": "100Gi", "storageClassName": CLASS, **cache}
    return resource("kept", namespace, size="8B", model={"cache": cache})


def claim(cluster: LocalCluster, namespace: str) -> Object:
    found = get(cluster, "persistentvolumeclaim", "kept", namespace)
    assert found is not None
    return found


def pod_uids(cluster: LocalCluster, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in get_all(cluster, "pods", namespace)}


@pytest.mark.usefixtures("volume")
def test_a_claim_is_made_grows_without_a_restart_and_goes_when_it_is_no_longer_wanted(
    cluster: LocalCluster, namespace: str
) -> None:
    apply(cluster, kept(namespace))
    body = wait_ready(cluster, "kept", namespace)
    made = claim(cluster, namespace)
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (body["metadata"]["uid"], True)
    assert made["status"]["phase"] == "Bound"
    assert body["status"]["rolloutStrategy"] == "TerminateFirst"
    pods = pod_uids(cluster, namespace)

    apply(cluster, kept(namespace, size="150Gi"))
    eventually(
        lambda: claim(cluster, namespace)["spec"]["resources"]["requests"]["storage"] == "150Gi", "it grows"
    )
    wait_ready(cluster, "kept", namespace)
    assert pod_uids(cluster, namespace) == pods

    cluster.kubectl(
        "label",
        "persistentvolumeclaim",
        "kept",
        "-n",
        namespace,
        "app.kubernetes.io/name=other",
        "--overwrite",
    )
    eventually(
        lambda: claim(cluster, namespace)["metadata"]["labels"]["app.kubernetes.io/name"] == "internvl",
        "another's edit is undone",
    )

    apply(cluster, kept(namespace, size="100Gi"))
    wait_ready(cluster, "kept", namespace)
    assert claim(cluster, namespace)["spec"]["resources"]["requests"]["storage"] == "150Gi"

    apply(cluster, resource("kept", namespace, size="8B"))
    eventually(
        lambda: get(cluster, "persistentvolumeclaim", "kept", namespace) is None, "the claim is gone", 40
    )
    wait_ready(cluster, "kept", namespace)


@pytest.mark.usefixtures("volume")
def test_a_claim_that_cannot_become_what_is_asked_for_stays_and_the_rest_of_the_spec_is_applied(
    cluster: LocalCluster, namespace: str
) -> None:
    apply(cluster, kept(namespace))
    wait_ready(cluster, "kept", namespace)
    before = claim(cluster, namespace)
    pods = pod_uids(cluster, namespace)

    other = kept(namespace, storageClassName="faster")
    other["spec"]["service"] = {"annotations": {"example.com/note": "new"}}
    apply(cluster, other)

    message = wait_stalled(cluster, "kept", namespace, "CacheClaimImmutable")
    assert f"its storageClassName is {CLASS}, not faster" in message
    body = get(cluster, "ivl", "kept", namespace)
    assert condition(body, "Available")["status"] == "True"
    service = get(cluster, "service", "kept", namespace)
    assert service is not None
    assert service["metadata"]["annotations"]["example.com/note"] == "new"
    after = claim(cluster, namespace)
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert pod_uids(cluster, namespace) == pods

    apply(cluster, kept(namespace))
    wait_ready(cluster, "kept", namespace)
