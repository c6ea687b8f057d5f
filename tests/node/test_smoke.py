"""`internvl smoke`, `chat` and `memory` against real pods, through a port-forward and through the Service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from internvl_operator.chat.checks import CHECKS
from tests.cluster.waiting import apply, wait_ready
from tests.node.models import PORT, serving_address, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.timeout(180)


def internvl(
    cluster: LocalCluster, *arguments: str, standard_input: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user of the cluster does."""
    return subprocess.run(
        [sys.executable, "-m", "internvl_operator", *arguments],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig())},
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture(scope="module")
def locked(cluster: LocalCluster) -> Iterator[str]:
    """The namespace of the resource "locked", which serves, and wants an API key."""
    namespace = f"test-{uuid4().hex[:12]}"
    cluster.kubectl("create", "namespace", namespace)
    metadata = {"name": "key", "namespace": namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "s3cret"}}
    server = {"apiKeySecretRef": {"name": "key", "key": "key"}}
    apply(cluster, secret, stub("locked", namespace, server=server))
    wait_ready(cluster, "locked", namespace, 60)
    serving_address(cluster, "locked", namespace)
    yield namespace
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("via", ["port-forward", "service"])
def test_every_check_passes_by_the_resources_name(via: str, locked: str, cluster: LocalCluster) -> None:
    done = internvl(cluster, "smoke", "locked", "-n", locked, "--via", via, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [check["name"] for check in document["checks"] if check["passed"]] == list(CHECKS)


def test_every_check_passes_at_the_services_url(locked: str, cluster: LocalCluster) -> None:
    url = f"http://{serving_address(cluster, 'locked', locked)}:{PORT}/v1"
    assert internvl(cluster, "smoke", url, "--api-key", "s3cret").returncode == 0
    refused = internvl(cluster, "smoke", url, "--api-key", "guessed")
    assert (refused.returncode, refused.stderr) == (
        1,
        "internvl smoke: the server refuses this API key\n",
    )


def test_a_batch_goes_through_one_port_forward(locked: str, cluster: LocalCluster) -> None:
    questions = "\n".join(f"question {number}" for number in range(40))
    done = internvl(cluster, "chat", "locked", "-n", locked, "--batch", "-", standard_input=questions)
    assert (done.returncode, done.stderr) == (0, "")
    answers = done.stdout.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in answers] == [str(number) for number in range(40)]


def test_a_pod_without_nvidia_smi_says_so(locked: str, cluster: LocalCluster) -> None:
    """The command is run in a real container; no GPU is there to be asked."""
    done = internvl(cluster, "memory", "locked", "-n", locked)
    assert done.returncode == 1
    assert "nvidia-smi" in done.stderr


def test_a_resource_that_loads_is_not_asked(cluster: LocalCluster, namespace: str) -> None:
    apply(cluster, stub("slow", namespace, {"STUB_LOAD_SECONDS": "600"}))
    wait = ("--for=jsonpath={.status.conditions[?(@.type=='Ready')].status}=False", "--timeout=60s")
    cluster.kubectl("wait", "ivl/slow", "-n", namespace, *wait)
    done = internvl(cluster, "smoke", "slow", "-n", namespace)
    assert done.returncode == 1
    assert done.stderr.startswith(f"internvl smoke: {namespace}/slow does not serve: ")
