"""`autoscaling.minReplicas: 0` with the kinds of KEDA and its HTTP add-on on a real API server.

The test speaks for KEDA.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import USER, resource, spawn_operator
from tests.cluster.programs.published_crds import INTERCEPTOR_ROUTE, SCALED_OBJECT, obtain
from tests.cluster.waiting import (
    Object,
    apply,
    condition,
    eventually,
    get,
    get_all,
    patch,
    wait_ready,
    wait_stalled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver.audit import AuditEvent
    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

NAME = "captions"
RELIST_SECONDS = 2
KINDS = ("interceptorroute", "scaledobject")
PLURALS = ("interceptorroutes", "scaledobjects")
ASLEEP: dict[str, Any] = {"minReplicas": 0, "maxReplicas": 2}
AWAKE: dict[str, Any] = {"minReplicas": 1, "maxReplicas": 2}


@pytest.fixture(scope="module", autouse=True)
def earlier(cluster: LocalCluster) -> int:
    """How many requests other modules have sent to the same cluster, before this module's operator starts."""
    return len(cluster.audit_events())


@pytest.fixture(scope="module")
def operator(cluster: LocalCluster) -> Iterator[Process]:
    """An operator that was started before KEDA's kinds were installed."""
    environment = {"INTERNVL_RELIST_SECONDS": str(RELIST_SECONDS)}
    process = spawn_operator(cluster, "zero", environment=environment)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def keda(cluster: LocalCluster, operator: Process) -> Iterator[LocalCluster]:
    """A cluster with KEDA's kinds, which the operator has noticed."""
    assert operator.running
    files = [obtain(INTERCEPTOR_ROUTE), obtain(SCALED_OBJECT)]
    install_crds(cluster, *files)
    yield cluster
    cluster.kubectl("delete", *(f"--filename={file}" for file in files))


# The first test: the kinds stay from the second on.
def test_without_keda_it_is_said_what_to_install_and_once_it_is_there_it_is_used(
    cluster: LocalCluster, namespace: str, operator: Process, earlier: int, request: pytest.FixtureRequest
) -> None:
    apply(cluster, resource(NAME, namespace, autoscaling=AWAKE))
    wait_ready(cluster, NAME, namespace)
    apply(cluster, resource(NAME, namespace, autoscaling=ASLEEP))
    message = wait_stalled(cluster, NAME, namespace, "ScaleToZeroUnavailable")
    assert "install KEDA 2.21 or later" in message
    assert "HTTP add-on 0.15 or later" in message
    body = get(cluster, "ivl", NAME, namespace)
    assert condition(body, "Available")["status"] == "True"
    assert get(cluster, "horizontalpodautoscaler", NAME, namespace) is not None, "it stays until then"
    ours = [event for event in cluster.audit_events()[earlier:] if event.user == USER]
    assert ours
    assert [event for event in ours if event.resource in PLURALS] == []

    request.getfixturevalue("keda")

    wait_ready(cluster, NAME, namespace, timeout=30 * RELIST_SECONDS)
    assert _children(cluster, namespace) == set(KINDS)
    assert operator.running


def test_a_model_that_may_sleep_gets_both_objects_and_gives_them_back(
    keda: LocalCluster, namespace: str
) -> None:
    apply(keda, resource(NAME, namespace, autoscaling=AWAKE))
    wait_ready(keda, NAME, namespace)
    pods = _pods(keda, namespace)
    since = len(_writes(keda, namespace))

    apply(keda, resource(NAME, namespace, autoscaling=ASLEEP))
    eventually(lambda: _children(keda, namespace) == set(KINDS), "KEDA's objects, and no autoscaler")
    route, scaled = (_get(keda, kind, namespace) for kind in KINDS)
    assert route["spec"]["rules"][0]["hosts"][0] == f"{NAME}.{namespace}"
    assert scaled["spec"]["scaleTargetRef"]["kind"] == "InternVLDeployment"
    body = wait_ready(keda, NAME, namespace)
    assert body["status"]["wake"]["host"] == f"{NAME}.{namespace}"
    assert _counted(keda, namespace, since) == {
        ("horizontalpodautoscalers", "delete"): 1,
        ("interceptorroutes", "patch"): 1,
        ("networkpolicies", "patch"): 1,
        ("scaledobjects", "patch"): 1,
    }

    patch(keda, "scaledobject", NAME, namespace, {"spec": {"cooldownPeriod": 1}})
    patch(keda, "interceptorroute", NAME, namespace, {"spec": {"timeouts": {"readiness": "1s"}}})
    eventually(
        lambda: [_get(keda, kind, namespace)["spec"] for kind in KINDS] == [route["spec"], scaled["spec"]],
        "both are put back",
    )

    apply(keda, resource(NAME, namespace, autoscaling=AWAKE))
    eventually(
        lambda: _children(keda, namespace) == {"horizontalpodautoscaler"},
        "the autoscaler, and none of KEDA's",
    )
    assert "wake" not in wait_ready(keda, NAME, namespace)["status"]
    assert _pods(keda, namespace) == pods, "no pod restarts"


@pytest.mark.timeout(180)
def test_the_way_to_0_and_back_by_the_scale_subresource(
    keda: LocalCluster, namespace: str, operator: Process
) -> None:
    """As KEDA writes it, with a restart of the operator at 0; each way costs one write of the Deployment."""
    apply(keda, resource(NAME, namespace, autoscaling=ASLEEP))
    wait_ready(keda, NAME, namespace)
    since = len(_writes(keda, namespace))

    _scale(keda, namespace, 0)
    body = eventually(lambda: _ready_as(keda, namespace, "ScaledToZero"), "it sleeps", timeout=60)
    assert condition(body, "Stalled")["status"] == "False"
    message = condition(body, "Ready")["message"]
    assert message.startswith(f"0 replicas, wakes in about {body['status']['wake']['seconds']} s (")
    assert message.endswith(
        f"to http://keda-add-ons-http-interceptor-proxy.keda:8080/v1 with the header Host: {NAME}.{namespace}"
    )
    assert _counted(keda, namespace, since) == {("deployments", "patch"): 1}
    assert _pods(keda, namespace) == set()

    operator.stop()
    _scale(keda, namespace, 1)
    operator.start()

    body = eventually(lambda: _ready_as(keda, namespace, "Ready"), "it is awake", timeout=60)
    assert body["status"]["readyReplicas"] == 1
    assert body["spec"]["replicas"] == 1
    assert _counted(keda, namespace, since) == {("deployments", "patch"): 2}


def test_what_keda_writes_into_its_object_is_left_alone_and_costs_no_write(
    keda: LocalCluster, namespace: str
) -> None:
    apply(keda, resource(NAME, namespace, autoscaling=ASLEEP))
    wait_ready(keda, NAME, namespace)
    since = len(_writes(keda, namespace))
    metadata = {"labels": {"scaledobject.keda.sh/name": NAME}, "finalizers": ["finalizer.keda.sh"]}
    patch(keda, "scaledobject", NAME, namespace, {"metadata": metadata})
    for second in range(10):
        status = {"lastActiveTime": f"2026-01-01T00:00:0{second}Z", "hpaName": f"keda-hpa-{NAME}"}
        patch(keda, "scaledobject", NAME, namespace, {"status": status}, "status")
    # The next write of the operator ends the wait: it is another resource's.
    apply(keda, resource("after", namespace))
    wait_ready(keda, "after", namespace)

    assert {event.name for event in _writes(keda, namespace)[since:] if event.resource != "events"} == {
        "after"
    }
    scaled = _get(keda, "scaledobject", namespace)
    assert scaled["metadata"]["finalizers"] == ["finalizer.keda.sh"]
    assert scaled["metadata"]["labels"]["scaledobject.keda.sh/name"] == NAME
    patch(keda, "scaledobject", NAME, namespace, {"metadata": {"finalizers": None}})


def test_that_keda_cannot_scale_it_is_said(keda: LocalCluster, namespace: str) -> None:
    apply(keda, resource(NAME, namespace, replicas=0, autoscaling=ASLEEP))
    eventually(lambda: _ready_as(keda, namespace, "ScaledToZero"), "it begins asleep", timeout=60)
    broken = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "no scaler answers"}
    patch(keda, "scaledobject", NAME, namespace, {"status": {"conditions": [broken]}}, "status")
    eventually(
        lambda: _message(keda, namespace).endswith("; KEDA cannot scale it now: no scaler answers"),
        lambda: _message(keda, namespace),
    )


def _scale(cluster: LocalCluster, namespace: str, replicas: int) -> None:
    cluster.kubectl("scale", "ivl", NAME, "-n", namespace, f"--replicas={replicas}")


def _get(cluster: LocalCluster, kind: str, namespace: str) -> Object:
    found = get(cluster, kind, NAME, namespace)
    assert found is not None
    return found


def _children(cluster: LocalCluster, namespace: str) -> set[str]:
    return {
        kind
        for kind in (*KINDS, "horizontalpodautoscaler")
        if get(cluster, kind, NAME, namespace) is not None
    }


def _pods(cluster: LocalCluster, namespace: str) -> set[str]:
    pods = get_all(cluster, "pods", namespace)
    return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def _ready_as(cluster: LocalCluster, namespace: str, reason: str) -> Object | None:
    body = _get(cluster, "ivl", namespace)
    ready = condition(body, "Ready")
    return body if (ready.get("status"), ready.get("reason")) == ("True", reason) else None


def _message(cluster: LocalCluster, namespace: str) -> str:
    return str(condition(_get(cluster, "ivl", namespace), "Ready")["message"])


def _writes(cluster: LocalCluster, namespace: str) -> list[AuditEvent]:
    return [
        event
        for event in cluster.audit_events()
        if event.user == USER and event.is_write and event.namespace == namespace
    ]


def _counted(cluster: LocalCluster, namespace: str, since: int) -> dict[tuple[str, str], int]:
    """How often the operator wrote each kind of child."""
    own = ("events", "internvldeployments")
    later = _writes(cluster, namespace)[since:]
    return dict(Counter((event.resource, event.verb) for event in later if event.resource not in own))
