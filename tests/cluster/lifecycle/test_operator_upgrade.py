"""The operator's own upgrade, and its way back, restart no model."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.operators.operator_process import resource, spawn_operator
from tests.cluster.operators.operator_version import Patch, built
from tests.cluster.waiting import apply, condition, eventually, get_all, wait_ready

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

MODELS = 20
NEWER_TEMPLATE = (
    Patch("manifests/templates/deployment.yaml.j2", "enableServiceLinks: false", "enableServiceLinks: true"),
    Patch("manifests/objects/deployment.py", '"USER": "lmdeploy"', '"USER": "internvl"'),
    Patch("manifests/record.py", "RECORD_VERSION = 2", "RECORD_VERSION = 3"),
    Patch("manifests/record.py", "_BEFORE_SERIES = 1", "_BEFORE_SERIES = 3"),
    Patch("__init__.py", "__version__ = ", '__version__ = "999.0"  # '),
)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of an operator of a newer version, whose pod template is another one."""
    installed = built(tmp_path_factory.mktemp("newer"), *NEWER_TEMPLATE)
    return {"PYTHONPATH": str(installed)}


def _names(cluster: LocalCluster, namespace: str) -> dict[str, dict[str, Any]]:
    return {body["metadata"]["name"]: body for body in get_all(cluster, "ivl", namespace)}


def _pods(cluster: LocalCluster, namespace: str) -> dict[str, str]:
    """Return the uid of the only pod of each model."""
    pods = [pod for pod in get_all(cluster, "pods", namespace) if "deletionTimestamp" not in pod["metadata"]]
    uids = {pod["metadata"]["labels"]["internvl.dev/name"]: pod["metadata"]["uid"] for pod in pods}
    assert len(uids) == len(pods)
    return uids


def _replaced(operator: Process, cluster: LocalCluster, name: str, environment: Mapping[str, str]) -> Process:
    operator.stop()
    return spawn_operator(cluster, name, environment=environment)


def _diff(cluster: LocalCluster, name: str, namespace: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "internvl_operator", "diff", name, "-n", namespace]
    environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig())}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout


def _updates(cluster: LocalCluster, namespace: str) -> dict[str, str]:
    return {
        name: condition(body, "UpdateAvailable").get("status", "")
        for name, body in _names(cluster, namespace).items()
    }


@pytest.mark.timeout(300)
def test_an_upgrade_with_twenty_models_restarts_none_and_accepting_one_restarts_that_one(
    cluster: LocalCluster, namespace: str, newer: Mapping[str, str]
) -> None:
    operator = spawn_operator(cluster, "older")
    models = [resource(f"model-{number:02}", namespace) for number in range(MODELS)]
    apply(cluster, *models)
    names = [model["metadata"]["name"] for model in models]
    for name in names:
        wait_ready(cluster, name, namespace, timeout=60)
    before = _pods(cluster, namespace)
    assert _diff(cluster, "model-00", namespace) == (
        0,
        "model-00: the pods are as this operator would run them\n",
    )

    operator = _replaced(operator, cluster, "newer", newer)
    try:
        eventually(
            lambda: _updates(cluster, namespace) == dict.fromkeys(names, "True"),
            "UpdateAvailable",
            timeout=60,
        )
        assert _pods(cluster, namespace) == before

        offered = _names(cluster, namespace)["model-07"]["status"]
        assert offered["updateChanges"] == [
            "spec.containers[lmdeploy].env[USER].value: lmdeploy -> internvl",
            "spec.enableServiceLinks: False -> True",
        ]
        code, text = _diff(cluster, "model-07", namespace)
        assert code == 1
        assert offered["updateRevision"] in text
        assert "lmdeploy -> internvl" in text

        _patch(cluster, "model-07", namespace, {"acceptedRevision": offered["updateRevision"]})
        _patch(cluster, "model-11", namespace, {"operatorUpdates": "Automatic"})
        changed = {"model-07", "model-11"}
        for name in changed:
            eventually(partial(_is_up_to_date, cluster, name, namespace), f"{name} updated", timeout=60)
        assert _changed_pods(before, _pods(cluster, namespace)) == changed
        accepted = _pods(cluster, namespace)

        operator = _replaced(operator, cluster, "older-again", {})
        eventually(
            lambda: _updates(cluster, namespace) == dict.fromkeys(names, "False"), "the way back", timeout=60
        )
        apply(cluster, resource("after", namespace))
        wait_ready(cluster, "after", namespace)
        after = _pods(cluster, namespace)
        del after["after"]
        assert after == accepted
    finally:
        operator.stop()


def _patch(cluster: LocalCluster, name: str, namespace: str, rollout: Mapping[str, str]) -> None:
    values = ", ".join(f'"{key}": "{value}"' for key, value in rollout.items())
    patch = f'{{"spec": {{"rollout": {{{values}}}}}}}'
    cluster.kubectl("patch", "ivl", name, "-n", namespace, "--type=merge", "-p", patch)


def _is_up_to_date(cluster: LocalCluster, name: str, namespace: str) -> bool:
    body = wait_ready(cluster, name, namespace, timeout=60)
    return bool(condition(body, "UpdateAvailable")["status"] == "False")


def _changed_pods(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {name for name, uid in before.items() if after.get(name) != uid}
