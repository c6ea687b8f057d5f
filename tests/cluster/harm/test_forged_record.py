"""What somebody writes into a Deployment who may not write the status of its resource, on a real API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    REVISION_LABEL,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.record import RECORD_VERSION, inputs_of, template_digest
from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.waiting import apply, eventually, get, get_all, patch, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process
    from tests.cluster.waiting import Object

EVIL = "evil.example/miner:1"
NEW_SPEC: dict[str, Any] = {"engine": {"env": [{"name": "LMDEPLOY_A", "value": "new"}]}}
NAMES = ("template", "plan", "version", "unreadable", "inputs")


def _with_image(annotations: Object) -> Object:
    template = json.loads(annotations[TEMPLATE_ANNOTATION])
    template["spec"]["containers"][0]["image"] = EVIL
    template["metadata"]["labels"][REVISION_LABEL] = template_digest(template)
    return {TEMPLATE_ANNOTATION: json.dumps(template)}


def _with_plan(annotations: Object) -> Object:
    plan = json.loads(annotations[PLAN_ANNOTATION])
    return {PLAN_ANNOTATION: json.dumps({**plan, "product": "ACME-9000", "gpus": 8, "tp": 8})}


def _with_inputs_of_the_new_spec(_: Object) -> Object:
    return {INPUTS_ANNOTATION: inputs_of(parse(resource("any", "any", **NEW_SPEC)).spec)}


FORGERIES: dict[str, Callable[[Object], Object]] = {
    "template": _with_image,
    "plan": _with_plan,
    "version": lambda _: {RECORD_VERSION_ANNOTATION: str(RECORD_VERSION + 1)},
    "unreadable": lambda _: {RECORD_VERSION_ANNOTATION: str(RECORD_VERSION + 1), PLAN_ANNOTATION: "{}"},
    "inputs": _with_inputs_of_the_new_spec,
}
"""What is forged, by the name of the resource that it is tried on."""


@pytest.fixture(scope="module")
def stoppable(cluster: LocalCluster) -> Iterator[Process]:
    """The operator, which these tests stop and start."""
    operator = spawn_operator(cluster, "forged-record")
    yield operator
    operator.stop()


def _annotations(cluster: LocalCluster, name: str, namespace: str) -> Object:
    found = get(cluster, "deployment", name, namespace)
    assert found is not None
    annotations: Object = found["metadata"]["annotations"]
    return annotations


def _forge(cluster: LocalCluster, name: str, namespace: str) -> None:
    forged = FORGERIES[name](_annotations(cluster, name, namespace))
    patch(cluster, "deployment", name, namespace, {"metadata": {"annotations": forged}})


def _ignored(cluster: LocalCluster, namespace: str) -> set[str]:
    events = get_all(cluster, "events", namespace)
    return {event["involvedObject"]["name"] for event in events if event["reason"] == "RecordIgnored"}


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "while it is away"])
def test_nothing_of_a_forged_record_is_applied_and_its_forgery_is_told(
    cluster: LocalCluster, namespace: str, stoppable: Process, is_running: bool
) -> None:
    apply(cluster, *(resource(name, namespace) for name in NAMES))
    for name in NAMES:
        wait_ready(cluster, name, namespace)
    honest = {name: _annotations(cluster, name, namespace) for name in NAMES}

    if not is_running:
        stoppable.stop()
    for name in NAMES:
        _forge(cluster, name, namespace)
    if not is_running:
        stoppable.start()

    eventually(lambda: _ignored(cluster, namespace) == set(NAMES), "all forgeries are told")
    for name in NAMES:
        body = wait_ready(cluster, name, namespace)
        assert "ACME-9000" not in json.dumps(body["status"])
        eventually(
            lambda name=name: _annotations(cluster, name, namespace).items() >= _record(honest[name]).items(),  # type: ignore[misc]
            f"the record of {name} is as it was",
        )
    # No pod was ever made from it, nor restarted for it.
    sets = get_all(cluster, "replicasets", namespace)
    assert len(sets) == len(NAMES)
    assert EVIL not in json.dumps(sets)


def test_a_spec_that_was_changed_beside_a_forgery_is_applied(
    cluster: LocalCluster, namespace: str, stoppable: Process
) -> None:
    apply(cluster, *(resource(name, namespace) for name in NAMES))
    for name in NAMES:
        wait_ready(cluster, name, namespace)

    stoppable.stop()
    for name in NAMES:
        _forge(cluster, name, namespace)
        patch(cluster, "ivl", name, namespace, {"spec": NEW_SPEC})
    stoppable.start()

    for name in NAMES:
        wait_ready(cluster, name, namespace)
        pods = json.dumps((get(cluster, "deployment", name, namespace) or {})["spec"]["template"])
        assert ("LMDEPLOY_A" in pods, EVIL in pods) == (True, False), name


def test_a_deployment_that_is_made_in_the_operators_place_is_made_over(
    cluster: LocalCluster, namespace: str, stoppable: Process
) -> None:
    """Somebody makes it as the resource's own while no operator runs."""
    apply(cluster, resource("first", namespace))
    wait_ready(cluster, "first", namespace)
    stoppable.stop()
    apply(cluster, resource("new", namespace))
    apply(cluster, _deployment_of("new", namespace, cluster))
    stoppable.start()

    wait_ready(cluster, "new", namespace)
    pods = json.dumps((get(cluster, "deployment", "new", namespace) or {})["spec"]["template"])
    assert EVIL not in pods


def _deployment_of(name: str, namespace: str, cluster: LocalCluster) -> Object:
    """A Deployment as the operator makes it, copied from that of the resource `first`, but of another image."""
    live, owner = (
        get(cluster, kind, each, namespace) or {} for kind, each in (("deployment", "first"), ("ivl", name))
    )
    parts = {
        "metadata": {key: live["metadata"][key] for key in ("labels", "annotations")},
        "spec": live["spec"],
    }
    made: Object = json.loads(json.dumps(parts).replace("first", name))
    made["metadata"]["annotations"] |= _with_image(made["metadata"]["annotations"])
    made["spec"]["template"] = json.loads(made["metadata"]["annotations"][TEMPLATE_ANNOTATION])
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {"name": name, "uid": owner["metadata"]["uid"], "controller": True}
    made["metadata"] |= {"name": name, "namespace": namespace, "ownerReferences": [reference]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", **made}


def _record(annotations: Object) -> Object:
    names = (INPUTS_ANNOTATION, PLAN_ANNOTATION, RECORD_VERSION_ANNOTATION, TEMPLATE_ANNOTATION)
    return {name: annotations[name] for name in names}
