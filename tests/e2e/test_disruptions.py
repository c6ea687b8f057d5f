"""What befalls pods: killed, evicted, drained. The model is served on, and the operator goes on where it was."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import condition, eventually
from tests.e2e.cluster.kind_cluster import CONTROL_PLANE, WORKER, restarts, uids
from tests.e2e.cluster.workloads import PORT, Traffic, model, namespace_with_models, remove_namespace
from tests.e2e.machine.shell import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.cluster.kind_cluster import KindCluster, Object
    from tests.e2e.cluster.operator_release import OperatorRelease

NAMESPACE = "disturbed"
MODEL = "internvl.dev/name=captions"
LEASE_SECONDS = 5
# A pod that is told to end waits for clients that do not know it yet, then for requests that are under way.
ROLLOUT = {"drainSeconds": 10}


@pytest.fixture(scope="module")
def traffic(cluster: KindCluster, operator: OperatorRelease) -> Iterator[Traffic]:
    """What can ask a model of two replicas, which is served."""
    cluster.apply(
        *namespace_with_models(NAMESPACE), model("captions", NAMESPACE, replicas=2, rollout=ROLLOUT)
    )
    cluster.wait_ready("captions", NAMESPACE)
    yield Traffic(cluster, NAMESPACE)
    remove_namespace(cluster, NAMESPACE)
    operator.install()


@pytest.fixture
def two_operators(operator: OperatorRelease) -> OperatorRelease:
    """Two replicas of the operator, of which one works."""
    operator.install(replicaCount=2, leaderElection={"enabled": True, "leaseSeconds": LEASE_SECONDS})
    eventually(lambda: ready(operator.pods()) == 2, "two operators", 60)
    return operator


def leader(release: OperatorRelease) -> str:
    """The name of the pod that holds the Lease."""
    lease = release.cluster.get("lease", release.name, release.namespace) or {}
    return str(lease["spec"]["holderIdentity"]).partition("_")[0]


def annotate(cluster: KindCluster, value: str) -> None:
    """Change a resource in a way that restarts nothing, and wait until an operator has seen to it."""
    patch = {"spec": {"service": {"annotations": {"example.com/note": value}}}}
    cluster.kubectl(
        "patch", "ivl", "captions", "-n", NAMESPACE, "--type=merge", f"--patch={json.dumps(patch)}"
    )

    def noted() -> bool:
        service = cluster.get("service", "captions", NAMESPACE) or {}
        return bool(service["metadata"].get("annotations", {}).get("example.com/note") == value)

    eventually(noted, f"an operator writes the note {value}", 60)


def ready(pods: list[Object]) -> int:
    return sum(condition(pod, "Ready").get("status") == "True" for pod in pods)


@pytest.mark.usefixtures("traffic")
def test_the_only_operator_killed_in_its_container_goes_on(
    cluster: KindCluster, operator: OperatorRelease
) -> None:
    (pod,) = operator.pods()
    served = uids(cluster.pods(NAMESPACE, MODEL))
    # From its node: no signal from within a container kills its first process.
    cluster.shell.run("docker", "exec", pod["spec"]["nodeName"], "pkill", "-KILL", "-f", "internvl run")
    annotate(cluster, "written after a crash")
    assert restarts(operator.pods()) == restarts([pod]) + 1
    eventually(lambda: ready(operator.pods()) == 1, "the operator is ready", 60)
    assert uids(cluster.pods(NAMESPACE, MODEL)) == served


def test_the_disruption_budget_lets_one_of_two_pods_be_evicted_and_no_request_fails(
    cluster: KindCluster, traffic: Traffic
) -> None:
    traffic.start(f"captions:{PORT}", f"captions:{PORT}")
    first, second = cluster.pods(NAMESPACE, MODEL)
    eventually(lambda: allowed(cluster) == 1, "one may be evicted")
    evict(cluster, first)
    with pytest.raises(CommandError, match="disruption budget"):
        evict(cluster, second)
    cluster.wait_ready("captions", NAMESPACE)
    eventually(lambda: allowed(cluster) == 1, "one may be evicted again", 60)
    summary = traffic.stop()
    assert summary["problems"] == []
    assert summary["requests"] > 20
    now = cluster.pods(NAMESPACE, MODEL)
    assert second["metadata"]["uid"] in uids(now)
    assert first["metadata"]["uid"] not in uids(now)


def allowed(cluster: KindCluster) -> int:
    budget = cluster.get("pdb", "captions", NAMESPACE) or {}
    return int(budget["status"]["disruptionsAllowed"])


def evict(cluster: KindCluster, pod: Object) -> None:
    """Ask for the eviction of a pod.

    Raises:
        CommandError: The disruption budget does not allow it now.
    """
    name = pod["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
    cluster.kubectl("create", "--raw", path, "--filename=-", given=json.dumps(eviction))


@pytest.mark.usefixtures("traffic")
def test_of_two_operators_the_other_takes_over_when_the_leader_is_killed(
    cluster: KindCluster, two_operators: OperatorRelease, measured: Callable[[str, str], None]
) -> None:
    before = leader(two_operators)
    cluster.kubectl("delete", "pod", before, "-n", two_operators.namespace, "--grace-period=0", "--force")
    killed = time.monotonic()
    eventually(lambda: leader(two_operators) != before, "another holds the Lease", 60)
    annotate(cluster, "written by the successor")
    measured("operator killed to the successor's write", f"{time.monotonic() - killed:.0f} s")
    eventually(lambda: ready(two_operators.pods()) == 2, "two operators again", 60)


def test_a_node_is_drained_of_the_operator_and_the_models_and_no_request_fails(
    cluster: KindCluster, two_operators: OperatorRelease, traffic: Traffic
) -> None:
    drained = next(
        pod["spec"]["nodeName"]
        for pod in two_operators.pods()
        if pod["metadata"]["name"] == leader(two_operators)
    )
    (spare,) = {CONTROL_PLANE, WORKER} - {drained}
    traffic.start(f"captions:{PORT}", f"captions:{PORT}")
    try:
        # Not of the cluster's DNS, which has no disruption budget.
        only = "--pod-selector=app.kubernetes.io/name in (internvl, internvl-operator)"
        cluster.kubectl("drain", drained, "--delete-emptydir-data", "--timeout=150s", only)
        cluster.wait_ready("captions", NAMESPACE)
        eventually(lambda: ready(two_operators.pods()) == 2, "two operators again", 60)
        annotate(cluster, "written after the drain")
        moved = [*cluster.pods(NAMESPACE, MODEL), *two_operators.pods()]
        assert {pod["spec"]["nodeName"] for pod in moved} == {spare}
    finally:
        cluster.kubectl("uncordon", drained)
    summary = traffic.stop()
    assert summary["problems"] == []
    assert summary["requests"] > 20
    assert restarts(cluster.pods(NAMESPACE, MODEL)) == 0
