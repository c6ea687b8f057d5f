"""A namespace that is removed from etcd: nothing of it is left or comes back, and every watcher is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, create_namespace, eventually, get, get_all, wait_ready

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

KINDS = ("ivl", "deployments", "replicasets", "pods", "services", "networkpolicies")


def test_a_removed_namespace_is_gone_with_its_content_for_every_watcher_and_no_other_is(
    cluster: LocalCluster, namespace: str, operator: Process
) -> None:
    longer = f"{namespace}-longer"
    create_namespace(cluster, longer)
    for name in (namespace, longer):
        apply(cluster, resource("captions", name, replicas=2))
    (before, kept) = (wait_ready(cluster, "captions", name) for name in (namespace, longer))

    cluster.etcd.remove_namespace(namespace)

    eventually(lambda: get(cluster, "namespace", namespace, "") is None, "the namespace is gone")
    eventually(lambda: not any(get_all(cluster, kind, namespace) for kind in KINDS), "so is its content")
    query = f"watch=1&timeoutSeconds=1&resourceVersion={before['metadata']['resourceVersion']}"
    path = f"/apis/internvl.dev/v1alpha1/namespaces/{namespace}/internvldeployments"
    seen = [json.loads(line) for line in cluster.get(f"{path}?{query}").splitlines()]
    assert [event["object"]["metadata"]["name"] for event in seen if event["type"] == "DELETED"] == [
        "captions"
    ]
    assert wait_ready(cluster, "captions", longer)["metadata"]["uid"] == kept["metadata"]["uid"]
    assert all(get_all(cluster, kind, longer) for kind in KINDS)
    assert operator.running

    # The name is free, for the controllers and the operator too.
    create_namespace(cluster, namespace)
    apply(cluster, resource("captions", namespace))
    again = wait_ready(cluster, "captions", namespace)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    assert len(get_all(cluster, "pods", namespace)) == 1
    cluster.etcd.remove_namespace(longer)
