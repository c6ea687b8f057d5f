"""`internvl status` as a plugin of the real kubectl, on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.operators.operator_process import resource
from tests.cluster.programs.binaries import locate
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")


def _plugin(cluster: LocalCluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig())}
    command = [str(locate(["kubectl"])["kubectl"]), "internvl", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_kubectl_finds_the_command_and_it_tells_what_runs_and_what_is_free(
    cluster: LocalCluster, namespace: str
) -> None:
    for body in (
        resource("fits", namespace, size="40B"),
        resource("vast", namespace, size="76B", quantization="None", gpu={"maxCount": 1}),
    ):
        cluster.kubectl("apply", "-f", "-", input=json.dumps(body))
    cluster.kubectl("wait", "--for=condition=Ready", "ivl/fits", "-n", namespace, "--timeout=60s")

    def settled() -> str | None:
        done = _plugin(cluster, "status", "-n", namespace)
        return done.stdout if done.returncode == 1 and "DoesNotFit" in done.stdout else None

    lines = eventually(settled, "the resource that does not fit is told").splitlines()
    assert lines[1].split()[:4] == ["fits", "40B", "1/1", "Ready"]
    assert lines[1].endswith("2 x NVIDIA-A100-SXM4-80GB, full precision")
    assert lines[3].startswith("  act: out of memory")
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    gpus = sum(int(node["status"]["allocatable"]["nvidia.com/gpu"]) for node in nodes)
    capacity = lines[-1].split()
    assert capacity[:3] == ["NVIDIA-A100-SXM4-80GB", str(len(nodes)), str(gpus)]
    assert int(capacity[3]) + int(capacity[4]) == gpus
    assert _plugin(cluster, "status", "fits", "-n", namespace).returncode == 0
