"""An installed chart: Helm on a local cluster, and the operator as the process that the chart describes.

No image can run on simulated nodes: the pod of the operator is scheduled and called ready, and the process beside it
has the Deployment's environment and the ServiceAccount's token.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chart.helm.tools import NAMESPACE, RELEASE, run
from tests.cluster.access import User, kubeconfig
from tests.cluster.components import free_ports
from tests.cluster.operators.operator_process import answers
from tests.cluster.waiting import get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

SECONDS = "120s"


def helm(cluster: LocalCluster, *arguments: str | Path) -> str:
    """Run Helm as the cluster's administrator, in the operator's namespace."""
    return run("helm", *arguments, "--namespace", NAMESPACE, "--kubeconfig", cluster.kubeconfig())


def install(cluster: LocalCluster, chart: Path, *options: str | Path) -> None:
    """Install or upgrade the chart, and wait as Helm does."""
    wait = ("--create-namespace", "--wait", "--timeout", SECONDS)
    helm(cluster, "upgrade", "--install", RELEASE, chart, *wait, *options)


def account_kubeconfig(cluster: LocalCluster, account: str = RELEASE, namespace: str = NAMESPACE) -> Path:
    """Return a kubeconfig with a token that the API server has issued for a ServiceAccount."""
    token = cluster.kubectl("create", "token", account, "--namespace", namespace, "--duration", "1h").strip()
    admin = json.loads(cluster.kubectl("config", "view", "--output", "json"))
    server = admin["clusters"][0]["cluster"]
    path = cluster.directory / f"{namespace}-{account}.kubeconfig"
    path.touch(mode=0o600)
    user = User(f"system:serviceaccount:{namespace}:{account}", (), token)
    path.write_text(kubeconfig(server["server"], Path(server["certificate-authority"]), user))
    return path


@contextmanager
def running_operator(cluster: LocalCluster, name: str = "operator") -> Iterator[Process]:
    """Run the operator as the installed Deployment says."""
    (port,) = free_ports(1)
    environment = _environment(cluster) | {
        "KUBECONFIG": str(account_kubeconfig(cluster)),
        "INTERNVL_HTTP_PORT": str(port),
    }
    process = cluster.spawn(
        name,
        [sys.executable, "-m", "internvl_operator", "run"],
        {**os.environ, **environment},
        lambda: answers(f"http://127.0.0.1:{port}/readyz"),
    )
    try:
        yield process
    finally:
        process.stop()


def _environment(cluster: LocalCluster) -> dict[str, str]:
    """Return the environment of the installed Deployment, the mounted files under names of this machine."""
    deployment = _got(cluster, "deployment", RELEASE)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    # An empty value is not stored. The one field that a variable takes its value from is the pod's namespace.
    environment = {
        variable["name"]: NAMESPACE if "valueFrom" in variable else variable.get("value", "")
        for variable in container["env"]
    }
    (volume,) = pod["volumes"]
    (mount,) = container["volumeMounts"]
    content: dict[str, str] = _got(cluster, "configmap", volume["configMap"]["name"])["data"]
    directory = cluster.directory / "mounted"
    directory.mkdir(exist_ok=True)
    for name, text in content.items():
        (directory / name).write_text(text)
    return {name: value.replace(mount["mountPath"], str(directory), 1) for name, value in environment.items()}


def _got(cluster: LocalCluster, kind: str, name: str) -> dict[str, Any]:
    found = get(cluster, kind, name, NAMESPACE)
    assert found is not None, f"the chart installs no {kind} {name}"
    return found
