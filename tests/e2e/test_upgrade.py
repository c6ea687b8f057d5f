"""From the previous release of the operator to this one and back, while clients ask: they notice nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.waiting import condition, eventually
from tests.e2e.cluster.images import PREVIOUS_TAG, previous_release
from tests.e2e.cluster.kind_cluster import restarts, uids
from tests.e2e.cluster.operator_release import OperatorRelease
from tests.e2e.cluster.workloads import PORT, Traffic, model, namespace_with_models, remove_namespace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.cluster.kind_cluster import KindCluster

NAMESPACE = "upgraded"
NAMES = ("captions", "search", "tags")
# The previous release asks the system for the name of its user, which the image does not know, unless it is told
# what to be called. So it never ran as its chart installs it, and this is what one had to write.
PREVIOUS_VALUES = {
    "image": {"tag": PREVIOUS_TAG},
    "extraEnv": [{"name": "POD_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
}


def schema_of(crd: Path) -> Any:
    return yaml.safe_load(crd.read_text())["spec"]["versions"][0]["schema"]


def test_an_upgrade_and_the_way_back_fail_no_request_and_restart_no_model(
    cluster: KindCluster, tmp_path: Path, measured: Callable[[str, str], None]
) -> None:
    previous = previous_release(tmp_path)
    old_chart = previous / "charts" / "internvl-operator"
    old_schema, new_schema = (
        schema_of(root / "crds" / "internvl.dev_internvldeployments.yaml")
        for root in (previous, Path(__file__).parents[2])
    )
    release, traffic = OperatorRelease(cluster), Traffic(cluster, NAMESPACE)

    def installed_schema() -> Any:
        return release.crd()["spec"]["versions"][0]["schema"]

    release.uninstall()
    release.install(chart=old_chart, **PREVIOUS_VALUES)
    cluster.apply(*namespace_with_models(NAMESPACE), *(model(name, NAMESPACE, replicas=2) for name in NAMES))
    for name in NAMES:
        cluster.wait_ready(name, NAMESPACE)
    served = cluster.pods(NAMESPACE, "internvl.dev/name")
    assert len(served) == 2 * len(NAMES)
    assert installed_schema() == old_schema

    traffic.start(*(f"{name}:{PORT}" for name in NAMES))
    release.install()
    assert installed_schema() == new_schema
    _settled(cluster)
    release.install(chart=old_chart, **PREVIOUS_VALUES)
    assert installed_schema() == old_schema
    _settled(cluster)
    summary = traffic.stop()

    now = cluster.pods(NAMESPACE, "internvl.dev/name")
    restarted = len(uids(served) - uids(now)) + restarts(now) - restarts(served)
    measured(
        "upgrade and downgrade under traffic",
        f"{summary['requests']} requests, {len(summary['problems'])} failed, {restarted} model pods restarted",
    )
    assert summary["problems"] == []
    assert summary["requests"] > 100
    assert uids(now) == uids(served)
    assert restarts(now) == restarts(served)
    remove_namespace(cluster, NAMESPACE)
    release.install()


def _settled(cluster: KindCluster) -> None:
    """Wait until the operator that runs now has seen to every model, by a change that each must get."""
    pods = cluster.pods("internvl-system")
    (operator,) = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
    stamp = operator["metadata"]["uid"]
    for name in NAMES:
        annotations = f'{{"spec": {{"service": {{"annotations": {{"example.com/operator": "{stamp}"}}}}}}}}'
        cluster.kubectl("patch", "ivl", name, "-n", NAMESPACE, "--type=merge", "-p", annotations)
    for name in NAMES:

        def stamped(name: str = name) -> bool:
            service = cluster.get("service", name, NAMESPACE) or {}
            found = service.get("metadata", {}).get("annotations", {})
            return bool(found.get("example.com/operator") == stamp)

        eventually(stamped, f"the Service of {name} has the change", 60)
        cluster.wait_ready(name, NAMESPACE)
