"""What plays the kubelet: each pod of a model is a stub of the engine, a process at the pod's address.

It heeds what decides whether a request is lost: a pod is Ready when ``/health`` answers, and one that is deleted serves
through its preStop hook, gets SIGTERM then, and answers the requests that it has.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.manifests.labels import NAME_LABEL
from tests.cluster.apiserver.api import MERGE
from tests.cluster.processes import Process
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.waiting import Object, get_all

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster
    from tests.node.cluster.network import NodeNetwork

NODE = "gpu-1"
GPUS = 8

_STUB = Path(__file__).parents[3] / "images" / "stub"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_LEASE_SECONDS = 10.0
_POLL_SECONDS = 0.1
_MOST_PODS = 32
_FIRST_ADDRESS = 10
_ADDRESSES = 240


class Kubelet:
    """A node with eight GPUs whose pods are processes in the network of the nodes.

    Args:
        cluster: whose pods it runs.
        network: in which they have their addresses.
    """

    def __init__(self, cluster: LocalCluster, network: NodeNetwork) -> None:
        self._cluster = cluster
        self._network = network
        self._started = 0
        self._known: set[str] = set()
        self._ends = threading.Event()
        self._pods = ThreadPoolExecutor(_MOST_PODS)
        self._watch = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Make the node, and run what is placed on it from now on."""
        node = gpu_node(NODE, count=GPUS)
        del node["metadata"]["annotations"]
        now = _now()
        node["status"]["conditions"] = [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now}
        ]
        api = self._cluster.api
        api.request("POST", "/api/v1/nodes", node).granted()
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NODE, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": now},
        }
        api.request("POST", _LEASES, lease).granted()
        self._watch.start()

    def stop(self) -> None:
        """Run no more pods; the cluster ends their processes."""
        self._ends.set()
        self._watch.join()
        self._pods.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._ends.wait(_POLL_SECONDS):
            if time.monotonic() - renewed > _LEASE_SECONDS:
                renewed = time.monotonic()
                change = {"spec": {"renewTime": _now()}}
                self._cluster.api.request("PATCH", f"{_LEASES}/{NODE}", change, content_type=MERGE)
            placed = get_all(self._cluster, "pods", labelSelector=NAME_LABEL)
            for pod in placed:
                uid = pod["metadata"]["uid"]
                if pod["spec"].get("nodeName") == NODE and uid not in self._known:
                    self._known.add(uid)
                    self._started += 1
                    self._pods.submit(self._live, pod, self._started)

    def _live(self, pod: Object, number: int) -> None:
        """Lead a pod through its life."""
        try:
            address = f"{self._subnet}.{_FIRST_ADDRESS + number % _ADDRESSES}"
            process = self._cluster.spawn(
                f"{pod['metadata']['name']}", self._command(pod, address), _environment(pod), lambda: True
            )
            self._report(pod, address, is_ready=False)
            self._serve(pod, address)
            self._end(pod, process)
        except Exception as error:
            print(f"the kubelet lost pod {pod['metadata']['name']}: {error!r}", flush=True)

    def _serve(self, pod: Object, address: str) -> None:
        """Report it ready when it answers, and wait until it is deleted."""
        is_ready = False
        while not self._ends.wait(_POLL_SECONDS):
            found = self._cluster.api.request("GET", self._path(pod))
            if not found.accepted or "deletionTimestamp" in found.body["metadata"]:
                return
            if not is_ready and _answers(f"http://{address}:{_port(pod)}/health"):
                is_ready = True
                self._report(pod, address, is_ready=True)

    def _end(self, pod: Object, process: Process) -> None:
        """Stop it as a kubelet does: the hook, SIGTERM, the rest of the grace period, and SIGKILL."""
        hook = _server(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        if self._ends.wait(hook):
            return
        process.stop(timeout=pod["spec"]["terminationGracePeriodSeconds"] - hook)
        self._cluster.api.request("DELETE", self._path(pod), gracePeriodSeconds="0")

    @property
    def _subnet(self) -> str:
        return self._network.addresses.pods(0).rpartition(".")[0]

    def _path(self, pod: Object) -> str:
        metadata = pod["metadata"]
        return self._cluster.api.kinds["pod"].path(metadata["namespace"], metadata["name"])

    def _command(self, pod: Object, address: str) -> list[str]:
        server = _server(pod)
        program = str(_STUB / server["command"][0])
        inside = ["nsenter", f"--net={self._network.namespace}"]
        # In a pod of a real node it listens everywhere; here the pods share a network.
        return [*inside, program, *server["command"][1:], *server["args"], "--server-name", address]

    def _report(self, pod: Object, address: str, *, is_ready: bool) -> None:
        said = "True" if is_ready else "False"
        now = _now()
        status = {
            "phase": "Running",
            "hostIP": self._network.addresses.node(0),
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": now,
            "conditions": [
                {"type": type_, "status": value, "lastTransitionTime": now}
                for type_, value in (
                    ("PodScheduled", "True"),
                    ("Initialized", "True"),
                    ("ContainersReady", said),
                    ("Ready", said),
                )
            ],
            "containerStatuses": [
                {
                    "name": _server(pod)["name"],
                    "image": _server(pod)["image"],
                    "imageID": "stub",
                    "ready": is_ready,
                    "started": is_ready,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": now}},
                }
            ],
        }
        path = f"{self._path(pod)}/status"
        self._cluster.api.request("PATCH", path, {"status": status}, content_type=MERGE)


def _server(pod: Object) -> dict[str, Any]:
    server: dict[str, Any] = pod["spec"]["containers"][0]
    return server


def _port(pod: Object) -> int:
    return int(_server(pod)["ports"][0]["containerPort"])


def _environment(pod: Object) -> dict[str, str]:
    given = {item["name"]: item["value"] for item in _server(pod)["env"] if "value" in item}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **given, "PATH": path, "PYTHONPATH": str(_STUB)}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
