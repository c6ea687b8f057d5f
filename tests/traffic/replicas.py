"""The replicas: stubs of the engine as processes, each at an address of its own, and as pods of an API server.

No kubelet runs them. The test writes the pods' addresses and conditions, as a kubelet would.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.manifests.labels import selector
from tests.cluster.waiting import Object, eventually, patch

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

NAME = "captions"
NAMESPACE = "vision"
PORT = 23333
MODEL = "captions"
API_KEY = "a-key-of-the-test"
PROMPT_TOKEN_SECONDS = 0.00025
"""A tile takes 64 ms: 256 tokens, one prompt after the other."""
TOKEN_SECONDS = 0.01

_STUB = Path(__file__).parents[2] / "images" / "stub"
_DRAIN_SECONDS = 60.0


class Replicas:
    """Replicas that come and go.

    Args:
        cluster: has the pods, and ends the processes.
        directory: for the model's files, of which there are none.
        has_api_key: whether clients must send a key.
    """

    def __init__(self, cluster: LocalCluster, directory: Path, *, has_api_key: bool = False) -> None:
        self._cluster = cluster
        self._model = directory / "InternVL2-8B"
        self._model.mkdir(exist_ok=True)
        self._has_api_key = has_api_key
        self._names: dict[str, str] = {}

    @property
    def addresses(self) -> list[str]:
        """The addresses of the replicas that are ready."""
        return list(self._names)

    def start(self, number: int) -> str:
        """Start a replica, and return its address once its pod is ready."""
        address, name = f"127.0.0.{10 + number}", f"{NAME}-{number}"
        self._cluster.spawn(name, self._command(address), _environment(), lambda: _is_open(address))
        self._create_pod(name)
        self._report(name, address, is_ready=True)
        self._names[address] = name
        return address

    def withdraw(self, address: str) -> None:
        """Let a replica take no more requests: the first thing that happens to a pod that is deleted."""
        self._report(self._names.pop(address), address, is_ready=False)

    def end(self, name: str) -> None:
        """Stop a replica that was withdrawn, once it has answered its requests."""
        self._cluster.processes[name].stop(timeout=_DRAIN_SECONDS)
        path = self._cluster.api.kinds["pod"].path(NAMESPACE, name)
        self._cluster.api.request("DELETE", path, gracePeriodSeconds="0").granted()

    def answered(self) -> dict[str, int]:
        """Return the requests that each of the replicas has answered, as it counts them itself."""
        return {self._names[address]: _answered(address) for address in self.addresses}

    def name_of(self, address: str) -> str:
        """Return the name of the pod at an address."""
        return self._names[address]

    def _command(self, address: str) -> list[str]:
        command = [str(_STUB / "lmdeploy"), "serve", "api_server", str(self._model), "--trust-remote-code"]
        command += [
            "--server-name",
            address,
            "--server-port",
            str(PORT),
            "--model-name",
            MODEL,
        ]
        return [*command, "--api-keys", API_KEY] if self._has_api_key else command

    def _create_pod(self, name: str) -> None:
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": selector(NAME)},
            # Nobody is to place it: it runs already.
            "spec": {"schedulerName": "none", "containers": [{"name": "lmdeploy", "image": "stub"}]},
        }
        self._cluster.api.request("POST", self._cluster.api.kinds["pod"].path(NAMESPACE), pod).granted()

    def _report(self, name: str, address: str, *, is_ready: bool) -> None:
        ready: dict[str, Any] = {"type": "Ready", "status": "True" if is_ready else "False"}
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
        patch(self._cluster, "pod", name, NAMESPACE, {"status": status}, "status")


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(_STUB),
        "STUB_PROMPT_TOKEN_SECONDS": str(PROMPT_TOKEN_SECONDS),
        "STUB_TOKEN_SECONDS": str(TOKEN_SECONDS),
        # Clients keep their connections: what idles is not closed beneath them.
        "UVICORN_TIMEOUT_KEEP_ALIVE": "3600",
    }


def _answered(address: str) -> int:
    """Return the requests that a replica has answered, by its metrics."""
    request = urllib.request.Request(
        f"http://{address}:{PORT}/metrics", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        text: str = response.read().decode()
    found = re.search(r"^lmdeploy:num_requests_succeeded\S* (\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return int(float(found[1]))


def _is_open(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, PORT)) == 0


def namespace_of_pods(cluster: LocalCluster) -> None:
    """Make the namespace, and the ServiceAccount that a pod has by default, which no controller makes here."""
    api = cluster.api
    api.request(
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    ).granted()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    eventually(lambda: api.request("POST", path, account).accepted, "a ServiceAccount is made")
